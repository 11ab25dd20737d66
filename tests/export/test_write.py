"""How far an export is, and how it stops in the middle of a file."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from napari_splicer.config import ExportSettings, RunConfig
from napari_splicer.events import Cancel, Finished, Progress, Started
from napari_splicer.export.plan import ExportTask, plan_export
from napari_splicer.export.write import write_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.images.masks import MaskedImage

FORMATS = ("h5ad", "zarr", "csv", "parquet", "ome-tiff", "ome-zarr")


class Stopped(BaseException):
    """Stands for a stop: nothing that writes may take it for a fault of the disk."""


@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("form", FORMATS)
def test_every_file_tells_how_far_it_is_and_leaves_nothing_when_stopped(
    clustered: AnnData,
    clustered_fields: list[MaskedImage],
    tmp_path: Path,
    form: str,
    grid: bool,
) -> None:
    if grid:
        clustered.uns["splicer"]["sites"] = "grid"
    config = RunConfig(export=ExportSettings(formats=(form,)))
    tasks = plan_export(clustered, clustered_fields, config, tmp_path / "out")
    for task in tasks[1:]:

        def stop(_: float) -> None:
            raise Stopped

        with pytest.raises(Stopped):
            task.write(stop)
        assert list((tmp_path / "out").iterdir()) == []
    for task in tasks:
        shares: list[float] = []
        task.write(shares.append)
        assert shares == sorted(shares)
        assert shares[-1] == 1
        assert task.path.exists()


def slow(go_on: threading.Event, told: threading.Event) -> Callable[..., None]:
    """Return what writes a file in two halves, and waits between them."""

    def write(path: Path, report: Callable[[float], None]) -> None:
        report(0.5)
        told.set()
        go_on.wait(20)
        report(0.75)
        path.write_text("whole", encoding="utf-8")

    return write


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_stop_is_heeded_within_a_file(tmp_path: Path, overwrite: bool) -> None:
    go_on, told, cancel = threading.Event(), threading.Event(), Cancel()
    quick = ExportTask(tmp_path / "a.csv", lambda path, report: path.touch())
    tasks = [quick, ExportTask(tmp_path / "b.csv", slow(go_on, told))]
    events = write_all(tasks, overwrite=overwrite, cancel=cancel)
    assert next(events) == Started("export", 100, "%", "Writing 2 files")
    progress = next(events)
    assert progress == Progress("export", 75, 100, "%", message="b.csv")
    assert told.wait(20)
    cancel.request()
    go_on.set()
    last = next(events)
    assert isinstance(last, Finished)
    assert last.cancelled
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv"] * overwrite


def test_a_file_that_is_complete_when_it_is_stopped_is_taken_back(tmp_path: Path) -> None:
    cancel, done = Cancel(), threading.Event()

    def write(path: Path, report: Callable[[float], None]) -> None:
        report(0.5)
        path.touch()
        done.set()

    tasks = [ExportTask(tmp_path / name, write) for name in ("a.csv", "b.csv")]
    events = write_all(tasks, overwrite=False, cancel=cancel)
    assert [type(next(events)) for _ in range(2)] == [Started, Progress]
    assert done.wait(20)
    cancel.request()
    assert [event.cancelled for event in events if isinstance(event, Finished)] == [True]
    assert list(tmp_path.iterdir()) == []
