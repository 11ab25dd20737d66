"""From a run file and the words of the command line to what is done and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_splicer.cli.plan import Plan, parse_assignment
from napari_splicer.config import ImageInput, RunConfig, load_run
from napari_splicer.errors import InvalidSettings, WouldOverwrite
from napari_splicer.training import checkpoint


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    config = RunConfig(
        output="out",
        inputs=(ImageInput(image="a.tif", mask="b.tif", regions={"tumour": "sub/t.tif"}),),
    )
    path = tmp_path / "run.toml"
    path.write_text(config.to_toml(), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("training.epochs=5", ("training.epochs", 5)),
        ("export.overwrite = true", ("export.overwrite", True)),
        ("device=cuda:0", ("device", "cuda:0")),
        ('device="cpu"', ("device", "cpu")),
        ("export.formats=['csv']", ("export.formats", ["csv"])),
        (
            "components=[{name='a', channels=['x=y']}]",
            ("components", [{"name": "a", "channels": ["x=y"]}]),
        ),
        ("patches.size_um=", ("patches.size_um", None)),
    ],
)
def test_assignment_is_read_as_toml(text: str, expected: tuple[str, object]) -> None:
    assert parse_assignment(text) == expected


@pytest.mark.parametrize("text", ["training.epochs", "=5", " = 5"])
def test_assignment_without_key_or_sign_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings, match="does not say what to set"):
        parse_assignment(text)


def test_changes_are_applied_and_output_starts_at_the_run_file(run_file: Path) -> None:
    plan = Plan.load(run_file, ["training.epochs=7", "clusterings.0.name=mine"])
    assert plan.config.training.epochs == 7
    assert plan.config.clusterings[0].name == "mine"
    assert plan.folder.path == run_file.parent / "out"
    assert plan.base == run_file.parent


def test_output_of_the_command_line_starts_where_one_is(
    run_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "elsewhere"
    here.mkdir()
    monkeypatch.chdir(here)
    assert Plan.load(run_file, output=Path("mine")).folder.path == here / "mine"


def test_resolved_run_file_works_from_its_own_folder(run_file: Path) -> None:
    plan = Plan.load(run_file)
    plan.write_run_file(plan.config)
    again = Plan.load(plan.folder.run_file)
    (item,) = again.config.inputs
    assert Path(item.image) == run_file.parent / "a.tif"
    assert item.mask is not None
    assert Path(item.mask) == run_file.parent / "b.tif"
    assert Path(item.regions["tumour"]) == run_file.parent / "sub" / "t.tif"
    assert again.folder == plan.folder


def test_run_file_that_was_read_is_left_as_it_is(run_file: Path) -> None:
    before = run_file.read_text(encoding="utf-8")
    plan = Plan.load(run_file, ["seed=3"], output=run_file.parent)
    plan.write_run_file(plan.config)
    assert run_file.read_text(encoding="utf-8") == before
    assert load_run(run_file).seed == 0


def test_existing_results_are_named(run_file: Path) -> None:
    plan = Plan.load(run_file)
    plan.refuse_to_overwrite(plan.folder.model, plan.folder.table)
    plan.folder.model.mkdir(parents=True)
    with pytest.raises(WouldOverwrite, match="model exists already"):
        plan.refuse_to_overwrite(plan.folder.table, plan.folder.model)


def test_a_training_that_was_killed_is_not_replaced(run_file: Path, monkeypatch) -> None:
    plan = Plan.load(run_file)
    plan.refuse_to_retrain()
    plan.folder.checkpoint.mkdir(parents=True)
    monkeypatch.setattr(
        checkpoint, "has_unfinished", lambda folder: folder == plan.folder.checkpoint
    )
    with pytest.raises(WouldOverwrite, match="training that was stopped") as refused:
        plan.refuse_to_retrain()
    assert "--resume" in refused.value.advice


def test_a_report_of_something_else_is_not_replaced(run_file: Path) -> None:
    plan = Plan.load(run_file)
    plan.folder.path.mkdir(parents=True, exist_ok=True)
    plan.folder.report.write_text("mine", encoding="utf-8")
    with pytest.raises(WouldOverwrite, match=r"report\.html exists already"):
        plan.refuse_to_retrain()


@pytest.mark.parametrize(
    ("objective", "refused"), [("splicer", ""), ("concat", ""), ("sum-je", "chunk:a")]
)
def test_cells_are_compared_by_chunks_that_the_training_makes(
    run_file: Path, objective: str, refused: str
) -> None:
    changes = [
        "components=[{name='a', channels=['x']}, {name='b', channels=['y']}]",
        f"model.objective={objective}",
        "clusterings.0.source=chunk:a",
    ]
    plan = Plan.load(run_file, changes)
    if not refused:
        plan.check_sources()
        return
    with pytest.raises(InvalidSettings, match=refused):
        plan.check_sources()
