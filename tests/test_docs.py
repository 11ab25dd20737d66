"""What the documentation says holds: its code runs, its tables are those of the schema."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from napari_splicer.cli.app import call
from napari_splicer.config import parse_run

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def blocks(page: Path, language: str) -> list[str]:
    """Return the fenced blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


def load(path: Path) -> ModuleType:
    """Return a script as a module, without running its main part."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["README.md", "docs/python.md"])
def test_python_on_the_page_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shared: dict[str, object] = {}
    found = blocks(ROOT / name, "python")
    assert found
    for block in found:
        exec(compile(block, name, "exec"), shared)  # the project's own text
    assert list(tmp_path.glob("*results/*.csv"))


def test_run_file_reference_is_up_to_date() -> None:
    reference = load(ROOT / "docs" / "make_run_file_reference.py")
    page = (ROOT / "docs" / "run-file.md").read_text(encoding="utf-8")
    assert reference.page(page) == page, "run docs/make_run_file_reference.py"


def test_list_of_shortcuts_is_up_to_date() -> None:
    pytest.importorskip("qtpy")
    listed = load(ROOT / "docs" / "make_shortcuts_page.py")
    page = (ROOT / "docs" / "shortcuts.md").read_text(encoding="utf-8")
    assert listed.page() == page, "run docs/make_shortcuts_page.py"


def test_every_setting_is_explained() -> None:
    reference = load(ROOT / "docs" / "make_run_file_reference.py")
    sections = set(reference.SECTIONS.values())
    for kind in sections:
        for name, field in kind.model_fields.items():
            assert (
                field.description
                or field.annotation in sections
                or "[[" + name + "]]" in (reference.SECTIONS)
            ), f"{kind.__name__}.{name}"


def test_run_file_on_the_page_is_valid() -> None:
    (text,) = blocks(ROOT / "docs" / "run-file.md", "toml")
    config = parse_run(tomllib.loads(text))
    assert config.components[2].region.mask in config.inputs[0].regions


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_command_line_page_tells_every_command_and_code(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert call(["--help"]) == 0
    shown = capsys.readouterr().out
    codes = re.findall(r"^  (\d+): (.+)$", shown, re.M)
    assert len(codes) == 11
    for code, meaning in codes:
        assert f"| {code} | {meaning.strip()} |" in page
    for verb in re.findall(r"^│ ([a-z]+) ", shown, re.M):
        assert f"| `{verb}" in page


def test_example_trains_and_embeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(ROOT / "examples" / "train_and_embed.py").main(tmp_path, size=192, steps=3)
    assert (tmp_path / "model" / "bundle.json").exists()
    assert (tmp_path / "cells.h5ad").exists()
    assert "group 1" in capsys.readouterr().out


def test_example_of_an_own_training_loop_learns() -> None:
    losses = load(ROOT / "examples" / "own_training_loop.py").main(size=192, steps=15)
    assert min(losses[-3:]) < losses[0]
