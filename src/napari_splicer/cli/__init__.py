"""The command line: a run file and a verb in, files and progress out."""

from __future__ import annotations

from napari_splicer.cli.app import main

__all__ = ["main"]
