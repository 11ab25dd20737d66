"""What benchmarks share: results that are kept while they run, and the page that tells them."""

from __future__ import annotations

import json
import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from napari_splicer.files import write_text
from napari_splicer.versions import package_versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import pandas as pd


ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build"
PAGES = ROOT / "docs" / "benchmarks"
BUSY = """Minutes are by the clock, on machines that did other work at the same time, and not all on
the same machine: they are not to compare by. What a step costs is measured in
[step_cost](step_cost.md)."""


class Kept(TypedDict):
    """What is kept of one configuration: its scores, and when, where and by what it was made."""

    scores: dict[str, float]
    made: str
    read: NotRequired[str]
    """How scores came here that were not written by the script itself, and how exact they are."""


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
    """The scores of one benchmark by configuration, kept in ``docs/benchmarks/results/``.

    The file is part of the repository: what was once measured need not be measured again, and goes
    on where another machine stopped. It is read anew before each change, so that two runs that
    measure different configurations do not lose each other's scores.
    """

    def __init__(self, name: str, script: str = "") -> None:
        self.name, self.script = name, script or name
        self.path = PAGES / "results" / f"{name}.json"
        self.scores: dict[str, dict[str, float]] = {}
        self._made: dict[str, None] = {}
        self._read: dict[str, str] = {}

    def kept(self) -> dict[str, Kept]:
        """Return what is kept, by configuration."""
        found: dict[str, Kept] = (
            json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        )
        return found

    def known(self, configuration: str) -> bool:
        """Return whether scores are kept for a configuration."""
        return configuration in self.kept()

    def add(
        self, configuration: str, measure: Callable[[], dict[str, float]], *, again: bool = False
    ) -> None:
        """Take the scores that are kept for a configuration, or measure and keep them.

        With ``again`` also what was not written by the script itself is measured.
        """
        before = self.kept().get(configuration)
        if before is None or (again and "read" in before):
            found: Kept = {"scores": measure(), "made": made_by()}
            print(configuration, found["scores"], flush=True)
            self.keep(configuration, found)
        kept = self.kept()[configuration]
        self.scores[configuration] = kept["scores"]
        self._made[kept["made"]] = None
        if "read" in kept:
            self._read[configuration] = kept["read"]

    def keep(self, configuration: str, found: Kept) -> None:
        """Write scores to the file, beside those that are there."""
        together = self.kept() | {configuration: found}
        text = json.dumps(dict(sorted(together.items())), indent=1, ensure_ascii=False)
        write_text(self.path, f"{text}\n", overwrite=True)

    def write_page(self, title: str, lines: Iterable[str]) -> None:
        """Write the Markdown page, and print it."""
        made = f"Made by `benchmarks/{self.script}.py` {'; '.join(self._made)}."
        raw = f"Raw scores: [`results/{self.name}.json`](results/{self.name}.json)"
        if self._read:
            counted = Counter(self._read.values()).items()
            raw += f". Of these {len(self.scores)}, " + "; ".join(
                f"{n} were {h}" for h, n in counted
            )
        text = "\n".join([f"# {title}", "", made, "", f"{raw}.", "", *lines, ""])
        write_text(PAGES / f"{self.name}.md", text, overwrite=True)
        print(text)


def mean_and_sd(values: pd.Series) -> str:
    """Return mean and standard deviation over seeds, as ``0.812 ± 0.004``; of one, the value."""
    spread = f" ± {values.std():.3f}" if len(values) > 1 else ""
    return f"{values.mean():.3f}{spread}"


def precisions(measured: pd.DataFrame) -> str:
    """Return in which precision the networks were trained; bf16 where the scores do not say."""
    full = int((measured["bits"] == 32).sum()) if "bits" in measured else 0
    return f"bf16 ({full} of {len(measured)} in fp32)" if full else "bf16"
