"""What benchmarks share: results that are kept while they run, and the page that tells them."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from napari_splicer.files import write_text
from napari_splicer.versions import package_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd

BUILD = Path("build")
PAGES = Path("docs/benchmarks")


def made_by() -> str:
    """Return when, where and by which versions a result is made, in a sentence's part."""
    versions = ", ".join(f"{name} {v}" for name, v in package_versions("torch", "numpy").items())
    return f"on {datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} CPU cores, {versions}"


def load() -> str:
    """Return how busy the machine was of late, in a sentence."""
    return (
        f"In the last 15 minutes {os.getloadavg()[2]:.1f} threads wanted one of the "
        f"{os.cpu_count()} cores, these benchmarks' own among them."
    )


class Results:
    """The scores of one benchmark by configuration, kept in ``build/<name>/``."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.scores: dict[str, dict[str, float]] = {}
        self._made: dict[str, None] = {}

    def known(self, configuration: str) -> bool:
        """Return whether scores are kept for a configuration."""
        return (BUILD / self.name / f"{configuration}.json").exists()

    def add(self, configuration: str, measure: Callable[[], dict[str, float]]) -> None:
        """Take the scores that are kept for a configuration, or measure and keep them."""
        path = BUILD / self.name / f"{configuration}.json"
        if not path.exists():
            found = {"scores": measure(), "made": made_by()}
            print(configuration, found["scores"], flush=True)
            write_text(path, json.dumps(found))
        kept = json.loads(path.read_text(encoding="utf-8"))
        self.scores[configuration] = kept["scores"]
        self._made[kept["made"]] = None

    def write_page(self, title: str, lines: Iterable[str]) -> None:
        """Write the Markdown page, and print it."""
        made = f"Made by `benchmarks/{self.name}.py` {'; '.join(self._made)}."
        text = "\n".join([f"# {title}", "", made, "", *lines, ""])
        write_text(PAGES / f"{self.name}.md", text, overwrite=True)
        print(text)


def mean_and_sd(values: pd.Series) -> str:
    """Return mean and standard deviation over seeds, as ``0.812 ± 0.004``; of one, the value."""
    spread = f" ± {values.std():.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{spread}"
