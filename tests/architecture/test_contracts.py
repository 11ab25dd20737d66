"""The floor plan, checked by import-linter on the real imports."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import napari_splicer

ROOT = Path(__file__).parents[2]
PACKAGE = Path(napari_splicer.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))


def test_imports_keep_the_contracts() -> None:
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports())"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_room_stands_on_a_floor() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    floors = next(contract for contract in contracts if contract["id"] == "floors")["layers"]
    named = {room.strip().rpartition(".")[2] for floor in floors for room in floor.split("|")}
    rooms = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py"}
    rooms |= {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms - {"__init__", "__main__", "_version"} == named


def test_the_floor_plan_names_every_file() -> None:
    rows = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()
    for room in sorted(path.parent for path in PACKAGE.glob("*/__init__.py")):
        if room.name == "gui":
            continue
        (row,) = [row for row in rows if row.startswith("|") and f"| `{room.name}/`" in row]
        named = set(re.findall(r"`(\w+)`", row.split("|")[2]))
        inside = {path.parent.name for path in room.glob("*/__init__.py")}
        assert named == inside | {path.stem for path in room.rglob("*.py")} - {"__init__"}, (
            room.name
        )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_file_is_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_file_is_finished_and_portable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for mark in ("TODO", "FIXME", "XXX", "NotImplementedError", "except Exception"):
        assert mark not in text, mark
    strings = [
        node.value
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    for start in ("/home/", "/root/", "/tmp/", "/work/", "/Users/", "C:\\"):
        assert not any(start in string for string in strings), start
