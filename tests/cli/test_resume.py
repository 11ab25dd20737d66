"""Stopped with Ctrl+C and gone on with; refused before work is lost."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import anndata
import numpy as np
import pytest
import tifffile

from napari_splicer.cli.app import call
from napari_splicer.cli.terminal import Prose
from napari_splicer.events import Event, Finished, Progress
from napari_splicer.images.open import open_image
from napari_splicer.model.bundle import inspect_bundle

if TYPE_CHECKING:
    from collections.abc import Callable

    Stop = Callable[[Callable[[Event], bool]], None]


@pytest.fixture
def run(tissue_files: Path, tmp_path: Path) -> list[str]:
    """What names the run file, and ``tmp_path / "out"`` for the results."""
    return [str(tissue_files / "run.toml"), "--output", str(tmp_path / "out")]


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Stop:
    """Press Ctrl+C, once, when an event comes that fits."""
    shown = Prose.show

    def stop(fits: Callable[[Event], bool]) -> None:
        def interrupt(self: Prose, event: Event) -> None:
            shown(self, event)
            if fits(event):
                monkeypatch.setattr(Prose, "show", shown)
                os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(Prose, "show", interrupt)

    return stop


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_checkpoint_goes_with_the_end_of_the_training(
    run: list[str], tmp_path: Path, stop_at: Stop, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    stop_at(lambda event: isinstance(event, Progress) and event.unit == "steps")
    assert call(["train", *run]) == 130
    assert "add --resume" in capsys.readouterr().err
    assert names(out) == {"checkpoint", "model", "report.html", "run.toml"}
    assert call(["train", *run]) == 6
    assert "Add --resume to go on with it" in capsys.readouterr().err
    assert call(["train", *run, "--resume", "--quiet"]) == 0
    assert names(out) == {"model", "report.html", "run.toml"}


@pytest.mark.parametrize("widths", ["equal", "automatic"])
def test_resuming_what_is_finished_keeps_the_model(
    widths: str,
    run: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("napari_splicer.training.widths.TRIAL_STEPS", (2, 2))
    run = [*run, "--set", f"model.widths={widths}"]
    assert call(["train", *run]) == 0
    before = (tmp_path / "out" / "model" / "bundle.json").stat().st_mtime_ns
    assert call(["train", *run, "--resume"]) == 0
    assert "had come to its end already" in capsys.readouterr().err
    assert call(["train", *run, "--resume", "--set", "training.steps=4"]) == 2
    assert "training.steps was 3, not 4" in capsys.readouterr().err
    assert (tmp_path / "out" / "model" / "bundle.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("stage", ["embed", "cluster", "export"])
def test_a_run_stopped_at_any_stage_goes_on(
    stage: str, run: list[str], tmp_path: Path, stop_at: Stop
) -> None:
    out = tmp_path / "out"
    small = ["--set", "embedding.batch=8", "--set", "export.formats=['csv', 'h5ad']"]
    stop_at(lambda event: isinstance(event, Progress) and event.stage == stage and event.done > 1)
    assert call(["run", *run, *small, "--quiet"]) == 130
    model = inspect_bundle(out / "model").hash
    again = ["--overwrite"] if stage == "export" else []
    assert call(["run", *run, *small, "--resume", "--quiet", *again]) == 0
    assert inspect_bundle(out / "model").hash == model
    table = anndata.read_zarr(out / "table.zarr")
    assert np.isfinite(table.obsm["X_splicer"]).all()
    assert "groups" in table.obs
    assert names(out / "export") == {"cells.csv", "cells.h5ad", "run.toml"}


def test_a_table_that_was_stopped_goes_on(
    run: list[str], tmp_path: Path, stop_at: Stop, capsys: pytest.CaptureFixture[str]
) -> None:
    out, small = tmp_path / "out", ["--set", "embedding.batch=8"]
    assert call(["train", *run, "--quiet"]) == 0
    stop_at(lambda event: isinstance(event, Progress) and event.unit == "cells")
    assert call(["embed", *run, *small]) == 130
    shown = capsys.readouterr().err
    assert "Stopped before the end: 8 of 83 cells" in shown
    assert "repeat the same command with --resume" in shown
    assert "table.zarr.partial" in names(out)
    assert call(["cluster", *run]) == 3
    assert "repeat the command that began it, with --resume" in capsys.readouterr().err
    assert call(["embed", *run, *small]) == 6
    assert call(["embed", *run, *small, "--resume"]) == 0
    assert "91 of" not in capsys.readouterr().err
    assert np.isfinite(anndata.read_zarr(out / "table.zarr").obsm["X_splicer"]).all()
    assert "table.zarr.partial" not in names(out)
    made = (out / "table.zarr").stat().st_mtime_ns
    capsys.readouterr()
    assert call(["embed", *run, *small, "--resume"]) == 0
    assert "is finished. To make it anew, add --overwrite" in capsys.readouterr().err
    assert (out / "table.zarr").stat().st_mtime_ns == made


@pytest.fixture
def own_files(tissue_files: Path, tmp_path: Path) -> Path:
    """A copy of the tissue's files that a test may write anew."""
    return Path(shutil.copytree(tissue_files, tmp_path / "files"))


def _with_one_channel_corrected(folder: Path) -> str:
    file = folder / "tissue.ome.tif"
    pixels, about = tifffile.imread(file), tifffile.tiffcomment(file)
    pixels[open_image(file).channels.index("GZMB")] += 1
    tifffile.imwrite(file, pixels, description=about.encode(), metadata=None)
    return f"the image tissue ({file}) is not as before"


def _with_cells_eroded(folder: Path) -> str:
    file = folder / "cells.tif"
    labels = tifffile.imread(file)
    labels[:-1][labels[:-1] != labels[1:]] = 0
    tifffile.imwrite(file, labels)
    return f"the cell mask of tissue ({file}) is not as before"


@pytest.mark.parametrize("write_anew", [_with_one_channel_corrected, _with_cells_eroded])
@pytest.mark.parametrize("verb", ["train", "embed"])
def test_what_was_written_anew_meanwhile_is_named(
    verb: str,
    write_anew: Callable[[Path], str],
    own_files: Path,
    tmp_path: Path,
    stop_at: Stop,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [str(own_files / "run.toml"), "--output", str(tmp_path / "out")]
    words += ["--set", "embedding.batch=8"]
    if verb == "embed":
        assert call(["train", *words, "--quiet"]) == 0
    unit = "steps" if verb == "train" else "cells"
    stop_at(lambda event: isinstance(event, Progress) and event.unit == unit)
    assert call([verb, *words]) == 130
    told = write_anew(own_files)
    capsys.readouterr()
    assert call([verb, *words, "--resume"]) == 2
    assert told in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("verb", ["train", "embed"])
def test_files_that_were_moved_go_on(
    verb: str, own_files: Path, tmp_path: Path, stop_at: Stop
) -> None:
    out = ["--output", str(tmp_path / "out"), "--set", "embedding.batch=8"]
    if verb == "embed":
        assert call(["train", str(own_files / "run.toml"), *out, "--quiet"]) == 0
    unit = "steps" if verb == "train" else "cells"
    stop_at(lambda event: isinstance(event, Progress) and event.unit == unit)
    assert call([verb, str(own_files / "run.toml"), *out]) == 130
    # Written by another program: the same pixels in other pieces.
    file = own_files / "cells.tif"
    labels = tifffile.imread(file)
    tifffile.imwrite(file, labels, tile=(64, 64), compression="zlib")
    moved = own_files.rename(tmp_path / "elsewhere")
    assert call([verb, str(moved / "run.toml"), *out, "--resume"]) == 0


def test_ctrl_c_while_the_model_is_written_does_not_lose_it(
    run: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_splicer.model import bundle

    save = bundle.save_bundle

    def interrupted(*args: object, **options: object) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        return save(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(bundle, "save_bundle", interrupted)
    assert call(["run", *run, "--quiet"]) == 130
    assert names(tmp_path / "out") == {"checkpoint", "model", "report.html", "run.toml"}


def test_settings_of_another_run_are_not_replaced(
    tissue_files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.toml").write_text("mine", encoding="utf-8")
    assert call(["train", str(tissue_files / "run.toml"), "--output", str(tmp_path)]) == 6
    assert "run.toml exists already" in capsys.readouterr().err
    assert (tmp_path / "run.toml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("verb", "changes", "code", "told"),
    [
        ("run", ["--set", "clusterings.0.source=chunk:immun"], 2, "clusterings.0.source names"),
        ("run", ["--set", "projection.source=chunk:immun"], 2, "projection.source names"),
        (
            "run",
            ["--set", 'clusterings.0.source=["intensity", "chunk:immun"]'],
            2,
            "clusterings.0.source names 'chunk:immun'",
        ),
        ("run", ["--set", "clusterings.0.name=area"], 2, "area"),
        ("embed", ["--model", "m", "--without-model"], 2, "contradict each other"),
    ],
)
def test_what_would_fail_later_is_refused_at_once(
    verb: str,
    changes: list[str],
    code: int,
    told: str,
    run: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call([verb, *run, *changes]) == code
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["run", "train", "embed"])
def test_a_file_in_the_place_of_the_folder_is_named_before_the_work(
    verb: str,
    tissue_files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seen: list[Event] = []
    monkeypatch.setattr(Prose, "show", lambda self, event: seen.append(event))
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    words = [verb, str(tissue_files / "run.toml"), "--output", str(tmp_path / "file")]
    assert call([*words, "--without-model"] if verb == "embed" else words) == 6
    assert "file is a file" in capsys.readouterr().err
    assert not [event for event in seen if isinstance(event, (Progress, Finished))]


def test_a_model_folder_with_other_files_is_named_before_the_training(
    run: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out" / "model").mkdir(parents=True)
    (tmp_path / "out" / "model" / "thesis.txt").write_text("years of work", encoding="utf-8")
    assert call(["train", *run, "--overwrite"]) == 6
    shown = capsys.readouterr().err
    assert "holds other files" in shown
    assert "Looking" not in shown


def test_images_named_on_the_command_line_go_on_as_it_is_said(
    run: list[str],
    tissue_files: Path,
    tmp_path: Path,
    stop_at: Stop,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert call(["train", *run, "--quiet"]) == 0
    named = ["--images", str(tissue_files / "tissue.ome.tif")]
    named += ["--masks", str(tissue_files / "cells.tif")]
    named += ["--model", str(tmp_path / "out" / "model")]
    words = ["embed", *named, "--output", str(tmp_path / "new"), "--set", "embedding.batch=8"]
    stop_at(lambda event: isinstance(event, Progress) and event.unit == "cells")
    assert call(words) == 130
    assert "repeat the same command with --resume" in capsys.readouterr().err
    assert names(tmp_path / "new") >= {"run.toml", "table.zarr.partial"}
    assert call([*words, "--resume"]) == 0
    assert anndata.read_zarr(tmp_path / "new" / "table.zarr").n_obs == 83
