"""The public names of the package."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys

import pytest

import napari_splicer


@pytest.mark.parametrize("name", napari_splicer.__all__)
def test_public_name_resolves(name: str) -> None:
    assert getattr(napari_splicer, name) is not None


def test_dir_lists_what_is_public() -> None:
    assert dir(napari_splicer) == sorted(napari_splicer.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'magic'"):
        napari_splicer.magic  # noqa: B018


def test_version_is_that_of_the_installed_package() -> None:
    assert napari_splicer.__version__ == importlib.metadata.version("napari-splicer")


def test_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "napari_splicer", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == napari_splicer.__version__
