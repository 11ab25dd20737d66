"""Whether anything is left behind when windows are opened, used and closed many times.

One process; in every cycle a napari window with both docks is opened on the synthetic tissue, a
training is begun and cancelled, the cells are embedded and grouped, and the window is closed. Noted
are the memory of the process (and of the GPU, where there is one), its threads and the plugin's
widgets. In a process of its own, the same windows without the plugin show what napari keeps by
itself. Needs a display, e.g. under Xvfb:

    xvfb-run -s "-screen 0 1400x900x24" python benchmarks/cycles.py [--cycles 50]

The table goes to ``docs/benchmarks/cycles.md``.
"""

from __future__ import annotations

import argparse
import gc
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

import napari
import numpy as np
import psutil
import torch
from person import Person
from qtpy.QtCore import QEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from superqt.utils import WorkerBase

from napari_splicer.files import write_text
from napari_splicer.gui import commands
from napari_splicer.gui.jobs import runner_for
from napari_splicer.gui.torch_guard import load_torch
from napari_splicer.samples import synthetic_tissue
from results import PAGES, load, made_by

if TYPE_CHECKING:
    from napari.viewer import Viewer

SIDE, EVERY = 320, 10
SETTINGS = {"training.steps": 1000, "model.width": 8}


class Left(NamedTuple):
    """What is there after a cycle: memory in MB, threads, the plugin's widgets, viewers."""

    memory: float
    gpu: float
    threads: int
    widgets: int
    viewers: int


def opened(image: np.ndarray, cells: np.ndarray, names: list[str]) -> Viewer:
    """Return a window with an image and its mask."""
    viewer = napari.Viewer()
    viewer.window.resize(1400, 900)
    viewer.add_image(image, channel_axis=0, name=names)
    viewer.add_labels(cells, name="cell mask")
    return viewer


def bare(image: np.ndarray, cells: np.ndarray, names: list[str], folder: str) -> None:
    """Open and close, without the plugin."""
    viewer = opened(image, cells, names)
    QTest.qWait(1000)
    viewer.close()


def cycle(image: np.ndarray, cells: np.ndarray, names: list[str], folder: str) -> None:
    """Open, train, cancel, embed, group, close."""
    viewer = opened(image, cells, names)
    person = Person(viewer)
    session, runner = person.session, runner_for(viewer)
    viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER Explorer")
    person.wait(lambda: session.facts is not None and bool(session.components))
    session.settings = session.settings.with_values({**SETTINGS, "output": folder})
    person.dock.open_step("model")
    assert runner.start(commands.train(session))
    person.wait(lambda: len(session.metrics) > 2)
    runner.cancel()
    person.wait(lambda: not runner.busy)
    assert runner.start(commands.embed(session))
    person.wait(lambda: not runner.busy and bool(session.groups))
    person.close()


def left() -> Left:
    """Return what is there now."""
    WorkerBase.await_workers()
    for _ in range(3):
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
        gc.collect()
    widgets = [w for w in QApplication.allWidgets() if type(w).__module__.startswith("napari_spl")]
    viewers = [o for o in gc.get_objects() if type(o).__name__ == "Viewer"]
    return Left(
        psutil.Process().memory_info().rss / 1e6,
        torch.cuda.memory_allocated() / 1e6 if torch.cuda.is_available() else 0.0,
        psutil.Process().num_threads(),
        len(widgets),
        len(viewers),
    )


def repeated(cycles: int, *, plugin: bool) -> dict[int, Left]:
    """Return what is left after every cycle."""
    load_torch()
    field = synthetic_tissue(size=SIDE).field
    image, cells = np.asarray(field.image.data), np.asarray(field.cells.data)
    found: dict[int, Left] = {}
    for number in range(1, cycles + 1):
        with TemporaryDirectory() as folder:
            act = cycle if plugin else bare
            act(image, cells, list(field.image.channels), folder)
            found[number] = left()
        print(number, found[number], flush=True)
    return found


def growth(found: dict[int, Left]) -> float:
    """Return by how many MB memory grows in a cycle of the second half."""
    half = [n for n in found if n > len(found) / 2]
    return float(np.polyfit(half, [found[n].memory for n in half], 1)[0]) if len(half) > 1 else 0.0


def page(found: dict[int, Left], alone: dict[int, Left]) -> list[str]:
    """Return the page's lines."""
    gpu = "" if torch.cuda.is_available() else " No GPU here."
    lines = [
        "# Opening and closing",
        "",
        f"Made by `benchmarks/cycles.py` {made_by()}. {load()} {len(found)} times in one process: "
        "a window with both docks on a small tissue, training begun and cancelled, cells embedded "
        f"and grouped, window closed.{gpu}",
        "",
        "| after cycle | memory, MB | GPU memory, MB | threads | the plugin's widgets | viewers "
        "| memory without the plugin, MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, now in found.items():
        if number == 1 or number % EVERY == 0:
            lines.append(
                f"| {number} | {now.memory:,.0f} | {now.gpu:,.0f} | {now.threads} | {now.widgets} "
                f"| {now.viewers} | {alone[number].memory:,.0f} |"
            )
    return [
        *lines,
        "",
        f"In the second half memory grows by {growth(found):.1f} MB a cycle; that of napari's "
        f"windows alone, with the same layers, by {growth(alone):.1f} MB.",
        "",
    ]


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cycles", type=int, default=50)
    options = parser.parse_args()
    found = []
    for plugin in (False, True):  # each in a process of its own
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            found.append(pool.submit(repeated, options.cycles, plugin=plugin).result())
    alone, used = found
    write_text(PAGES / "cycles.md", "\n".join(page(used, alone)), overwrite=True)


if __name__ == "__main__":
    main()
