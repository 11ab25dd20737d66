"""Benchmarks are run by hand, months apart: what they take from the package must still be there."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLACES = (ROOT / "benchmarks", ROOT / "examples")
SCRIPTS = sorted(path for place in PLACES for path in place.rglob("*.py"))


def taken(script):
    """Yield (module, name) of everything that a script imports from the package by name."""
    for node in ast.walk(ast.parse(script.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("napari_splicer"):
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_import_what_the_package_has(script):
    for module, name in taken(script):
        found = importlib.import_module(module)
        if not hasattr(found, name):
            importlib.import_module(f"{module}.{name}")


def test_there_are_scripts_to_look_at():
    assert len([script for script in SCRIPTS if any(taken(script))]) > 10
