"""What the numbers of a training mean, and what to do about it, in a biologist's words.

Where figures stand at a threshold, they were met on synthetic tissue, with components of pure
noise, of the cell's outline alone, and repeated ones, after 60 to 300 steps with each of the
losses. The others are rules of thumb.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from napari_splicer.model.diagnostics import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_splicer.config import Component
    from napari_splicer.model.diagnostics import Alignment, Diagnostics

Kind: TypeAlias = Literal[
    "collapsed", "uninformative", "outline", "repeated", "mingled", "untrained"
]

FEWEST_STEPS = 100
"""Before, the network still warms up, and components say nothing yet (a rule of thumb)."""

FEWEST_PATCHES = 50
"""With fewer, chance moves the numbers too much (a rule of thumb)."""

COLLAPSED = 2.0
"""Rank below which a chunk holds next to nothing: a rule of thumb (sound ones had 4 and more; none
that had collapsed was met)."""

STANDARD_ERRORS = 3
"""By how many alignment must beat a shuffled pairing: 0.054 with 512 patches.

Noise: 0.02 at most, but 0.14 with barlow in a narrow network, which found something to learn in it;
sound components: 0.2 and more.
"""

OUTLINE = 0.55
"""Alignment above which a component whose staining does not count is told by its region's outline
(noise in the own cell: 0.59 to 0.73; noise in the whole patch: 0.52 at most)."""

REPEATED = 0.9
"""Similarity, of two chunks or of what they are held against, from which they say the same.

Repeated components: 0.91 and more with vicreg, most of them 0.97; others: 0.85 at most. With other
losses, repeated components stay below it (0.7 to 0.9) in narrow networks trained for a short time.
"""

DIFFERENT = 0.4
"""Similarity of what two chunks are held against, below which the components differ, however alike
the chunks are: the loss did not keep them apart (repeated components: 0.44 and more; others whose
chunks byol and simsiam left alike: 0.27 at most)."""


@dataclass(frozen=True)
class Finding:
    """Something about a model that its user should know.

    Parameters
    ----------
    kind : str
    components : tuple of str
        Whom it concerns.
    message, advice : str
        Sentences.
    """

    kind: Kind
    components: tuple[str, ...]
    message: str
    advice: str

    def __str__(self) -> str:
        return f"{self.message} {self.advice}"


def too_early(diagnostics: Diagnostics) -> str:
    """Return why components can't be judged yet; "" if they can."""
    if diagnostics.steps < FEWEST_STEPS:
        return (
            f"Too early to judge the components: {diagnostics.steps:,} training steps were taken, "
            f"and it takes {FEWEST_STEPS}."
        )
    if diagnostics.patches < FEWEST_PATCHES:
        return (
            f"Too few patches to judge the components: {diagnostics.patches} were looked at, and "
            f"it takes {FEWEST_PATCHES}."
        )
    return ""


def findings(diagnostics: Diagnostics, components: Sequence[Component]) -> tuple[Finding, ...]:
    """Name collapsed, uninformative and repeated components.

    Parameters
    ----------
    diagnostics : Diagnostics
    components : sequence of Component
        Of the model.

    Returns
    -------
    tuple of Finding
        The gravest first; none if all is well or it is too early to say.
    """
    if too_early(diagnostics):
        return ()
    regions = {part.name: part.region.describe() for part in components}
    silent = [item for item in diagnostics.alignments if not _informative(item, diagnostics)]
    if silent and len(silent) == len(diagnostics.alignments):
        return (_untrained(diagnostics),)
    found = [*_collapsed(diagnostics)]
    found += [_uninformative(item, regions.get(item.name, "")) for item in silent]
    blamed = {name for finding in found for name in finding.components}
    return (*found, *_repeated(diagnostics, blamed))


def margin(patches: int) -> float:
    """Return by how much alignment must beat shuffling.

    By chance, each is the mean of as many shares, spread evenly from 0 to 1: variance 1/12.
    """
    return STANDARD_ERRORS * math.sqrt(2 / 12 / max(1, patches))


def _informative(item: Alignment, diagnostics: Diagnostics) -> bool:
    return item.own - item.shuffled >= margin(diagnostics.patches)


def _untrained(diagnostics: Diagnostics) -> Finding:
    names = tuple(item.name for item in diagnostics.alignments if item.name != WHOLE)
    return Finding(
        "untrained",
        names,
        f"After {diagnostics.steps:,} steps the network can't tell one patch from another.",
        "Train longer; if that changes nothing, look at the channels: they may hold noise alone.",
    )


def _collapsed(diagnostics: Diagnostics) -> Iterator[Finding]:
    for part in diagnostics.chunks:
        # A narrow chunk can't have a high rank.
        if part.rank < min(COLLAPSED, 1 + (part.width - 1) / 4):
            yield Finding(
                "collapsed",
                (part.name,),
                f"The chunk of '{part.name}' has collapsed: it holds next to nothing (rank "
                f"{part.rank:.1f} of {part.width}).",
                "Give this component more channels, or merge it with another one.",
            )


def _uninformative(item: Alignment, region: str) -> Finding:
    advice = "Drop this component, or merge its channels into another one."
    if item.shuffled >= OUTLINE:
        return Finding(
            "outline",
            (item.name,),
            f"'{item.name}' tells the outline of its region ({region}) and nothing of its "
            f"staining: with another patch's staining it is recognised as often "
            f"({item.own:.2f} against {item.shuffled:.2f}).",
            f"{advice} One component that sees a region is enough to learn its outline.",
        )
    return Finding(
        "uninformative",
        (item.name,),
        f"'{item.name}' is uninformative: what it shows does not tell one patch from another "
        f"({item.own:.2f}; chance is 0.5).",
        advice,
    )


def _repeated(diagnostics: Diagnostics, blamed: set[str]) -> Iterator[Finding]:
    """Put chunks that say the same together: three alike are one finding, not three."""
    names = [part.name for part in diagnostics.chunks]
    left = [index for index, name in enumerate(names) if name not in blamed]
    mingled: list[str] = []
    while left:
        first, *others = left
        alike = [other for other in others if _relation(diagnostics, first, other) == "repeated"]
        mixed = [other for other in others if _relation(diagnostics, first, other) == "mingled"]
        left = [index for index in others if index not in alike]
        mingled += [names[index] for index in (first, *mixed) if mixed]
        if alike:
            group = tuple(names[index] for index in (first, *alike))
            row = diagnostics.similarity[first]
            least = min(row[index] or 0.0 for index in alike)
            yield Finding(
                "repeated",
                group,
                f"{_and(group)} say the same (similarity {least:.2f}; 1 is the same).",
                "Merge them into one component: training gets faster, and nothing is lost.",
            )
    if mingled:
        group = tuple(name for name in names if name in mingled)
        yield Finding(
            "mingled",
            group,
            f"The chunks of {_and(group)} hardly differ, though their components do.",
            "Keep chunks apart (model.decorrelation), or choose another loss, such as vicreg.",
        )


def _relation(diagnostics: Diagnostics, one: int, other: int) -> str:
    """Return whether two components repeat each other, or their chunks alone do."""
    chunks = diagnostics.similarity[one][other] or 0.0
    seen = diagnostics.counterparts[one][other] or 0.0
    if max(chunks, seen) < REPEATED:
        return ""
    if seen < DIFFERENT:
        return "mingled"
    return "repeated" if chunks >= DIFFERENT else ""


def _and(names: Sequence[str]) -> str:
    *most, last = [f"'{name}'" for name in names]
    return f"{', '.join(most)} and {last}"
