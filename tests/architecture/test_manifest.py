"""The plugin's manifest: where it lies, and that everything it names is there."""

from __future__ import annotations

import importlib
import importlib.metadata
import tomllib
from pathlib import Path

import pytest
from npe2 import PluginManifest

import napari_splicer

ROOT = Path(__file__).parents[2]
MANIFEST = Path(napari_splicer.__file__).with_name("napari.yaml")


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(MANIFEST)


def test_manifest_is_named_like_the_package(manifest: PluginManifest) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert manifest.name == project["name"] == "napari-splicer"
    assert 3 <= len(manifest.display_name) <= 90


def test_link_at_the_top_leads_to_the_manifest() -> None:
    assert (ROOT / "napari.yaml").resolve() == (ROOT / "src/napari_splicer/napari.yaml").resolve()


def test_napari_finds_it_by_its_entry_point() -> None:
    (point,) = importlib.metadata.entry_points(group="napari.manifest", name="napari-splicer")
    package, _, file = point.value.partition(":")
    assert Path(str(importlib.import_module(package).__file__)).with_name(file) == MANIFEST


def test_every_command_can_be_imported(manifest: PluginManifest) -> None:
    commands = manifest.contributions.commands or []
    assert commands
    for command in commands:
        module, _, name = str(command.python_name).partition(":")
        assert callable(getattr(importlib.import_module(module), name)), command.python_name


def test_menus_and_widgets_name_known_commands(manifest: PluginManifest) -> None:
    known = {command.id for command in manifest.contributions.commands or []}
    widgets = {widget.command for widget in manifest.contributions.widgets or []}
    menus = manifest.contributions.menus or {}
    entries = {item.command for items in menus.values() for item in items}
    assert widgets | entries <= known
