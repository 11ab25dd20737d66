"""Importing the package, or asking the command line for help, is quick and loads nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ("torch", "napari", "qtpy", "PyQt6", "PySide6", "dask", "umap", "sklearn", "anndata")


def loaded_after(program: str) -> set[str]:
    """Return the top-level modules that a fresh process has loaded after ``program``."""
    report = "import json, sys; print(json.dumps(sorted({m.split('.')[0] for m in sys.modules})))"
    done = subprocess.run(
        [sys.executable, "-c", f"{program}\n{report}"], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "program",
    [
        "import napari_splicer",
        "import napari_splicer; dir(napari_splicer); napari_splicer.__version__",
        "import napari_splicer.events, napari_splicer.errors",
        "import napari_splicer.cli",
    ],
)
def test_nothing_heavy_is_loaded(program: str) -> None:
    assert loaded_after(program).isdisjoint(HEAVY)


def test_settings_load_no_image_library() -> None:
    assert loaded_after("import napari_splicer; napari_splicer.RunConfig()").isdisjoint(HEAVY)


def test_images_and_components_need_no_torch_and_no_window() -> None:
    loaded = loaded_after(
        "import napari_splicer as s; s.open_image, s.open_mask, s.Decomposition, s.synthetic_tissue"
    )
    assert loaded.isdisjoint({"torch", "napari", "qtpy", "PyQt6", "PySide6"})


def test_core_opens_no_window_toolkit() -> None:
    loaded = loaded_after("import napari_splicer as s; [getattr(s, name) for name in s.__all__]")
    assert loaded.isdisjoint({"napari", "qtpy", "PyQt6", "PySide6"})
