"""Work that a keeper saves, and waiting for that."""

from __future__ import annotations

import errno
import os

import pandas as pd

from napari_splicer.events import Finished
from napari_splicer.gui import commands, keeper
from napari_splicer.gui.project import folder


def wait(qtbot, ready) -> None:
    qtbot.waitUntil(ready, timeout=60_000)  # the first save loads what writes tables


def is_saved(kept) -> bool:
    return kept.saved is not None and not kept.saving and not kept._timer.isActive()


def give_table(session, table, tissue) -> None:
    table.obs_names.name = None
    table.obs["region"] = pd.Categorical(["field"] * 6)
    table.obs["instance_id"] = tissue.cells.cells()["id"].iloc[:6].to_numpy()
    run = commands.embed(session)
    commands.begin(session, run)
    commands.apply(session, run, [Finished("embed", result=table)])


def fails(monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(keeper, "tell", lambda error: None)
    monkeypatch.setattr(folder, "write_text", full)
