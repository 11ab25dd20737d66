"""Which components would suit an image: suggestions, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.components.matching import common_channels
from napari_splicer.components.observations import observe
from napari_splicer.components.roles import backgrounds, nuclear_stains
from napari_splicer.config import Component, Region

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from napari_splicer.images.masks import MaskedImage

FEW_CHANNELS = 8
"""Up to this many channels, each can have a component of its own."""

GROUP_SIZE = 10
"""Groups hold no more channels than this on average: in a large one, dim markers drown again."""

MOST_GROUPS = 8
"""Groups that are suggested at most, where so many do not get too large."""

NEARLY = 0.02
"""Difference in mean silhouette below which fewer groups are preferred."""

SURROUNDINGS, NUCLEI = "surroundings", "nuclei"


@dataclass(frozen=True)
class Suggestion:
    """A way to divide an image, and why.

    Parameters
    ----------
    title, reason : str
        For a person to read.
    decomposition : Decomposition
    """

    title: str
    reason: str
    decomposition: Decomposition

    @property
    def components(self) -> tuple[Component, ...]:
        """The components of the decomposition."""
        return self.decomposition.components


def suggest(
    fields: Sequence[MaskedImage], groups: Mapping[str, Sequence[str]] | None = None
) -> tuple[Component, ...]:
    """Return the components of the best of :func:`suggestions`."""
    return suggestions(fields, groups)[0].components


def suggestions(
    fields: Sequence[MaskedImage],
    groups: Mapping[str, Sequence[str]] | None = None,
    *,
    seed: int = 0,
) -> tuple[Suggestion, ...]:
    """Return ways to divide ``fields`` into components, the best first.

    Only a few places of the images are read, and only channels that all of them have are used.

    Parameters
    ----------
    fields : sequence of MaskedImage
    groups : mapping of str to sequence of str, optional
        Channels by group, as a panel file may name them.
    seed : int
        Of the places looked at.

    Raises
    ------
    InvalidComponent
        If the images have no channel in common.
    """
    fields, missing = _in_common(fields)
    image = fields[0].image
    cells = all(field.cells is not None for field in fields)
    found = []
    if any(name in image.channels for members in (groups or {}).values() for name in members):
        found.append(from_panel(groups or {}, image.channels, cells=cells, left_out=missing))
    if len(image.channels) == 1 or image.is_rgb:
        return (*found, by_region(image.channels, cells=cells, without=_without(missing)))
    means_NC = observe(fields, seed=seed)
    varied = np.ptp(means_NC, axis=0) > 0
    channels = [name for name, varies in zip(image.channels, varied, strict=True) if varies]
    left_out = [*(name for name in image.channels if name not in channels), *missing]
    if len(channels) < 2:
        return (*found, by_region(image.channels, cells=cells, without=_without(missing)))
    empty = backgrounds(channels)
    channels = [name for name in channels if name not in empty]
    without = _without(left_out) + _no_marker(empty)
    single = per_channel(channels, without=without)
    if len(channels) <= FEW_CHANNELS:
        found.append(single)
    nuclei = nuclear_stains(channels)
    markers = [name for name in channels if name not in nuclei]
    if len(markers) > 3:
        means_NC = means_NC[:, image.index(markers)]
        grouped = by_correlation(means_NC, markers, nuclei, cells=cells, without=without)
        found += [grouped] if len(grouped.components) > 1 + cells + bool(nuclei) else []
    if len(channels) > FEW_CHANNELS:
        found.append(single)
    if cells:
        found.append(by_region(channels, cells=cells, without=without))
    return tuple(found)


def _in_common(
    fields: Sequence[MaskedImage],
) -> tuple[Sequence[MaskedImage], list[str]]:
    """Return the fields with the channels that all have, and the names of all others."""
    common = common_channels(fields)
    names = dict.fromkeys(name for field in fields for name in field.image.channels)
    missing = [name for name in names if name not in common]
    if not missing:
        return fields, missing
    return [replace(field, image=field.image.select(common)) for field in fields], missing


def per_channel(channels: Sequence[str], *, without: str = "") -> Suggestion:
    """Suggest a component for each channel; ``without`` says what is left out."""
    return Suggestion(
        "One component per channel",
        "No channel can be drowned by another; best for a few channels." + without,
        Decomposition.per_channel(channels),
    )


def by_region(channels: Sequence[str], *, cells: bool, without: str = "") -> Suggestion:
    """Suggest all channels in the cell, around it and outside cells; or whole, without a mask."""
    if not cells:
        return Suggestion(
            "One component",
            "There is nothing to divide: no cell mask, and channels that belong together."
            + without,
            Decomposition((Component(name="all channels", channels=tuple(channels)),)),
        )
    kinds = {"cell": "cell", SURROUNDINGS: "surroundings", "background": "background"}
    parts = tuple(
        Component(name=name, channels=tuple(channels), region=Region.model_validate({"kind": kind}))
        for name, kind in kinds.items()
    )
    return Suggestion(
        "The cell, its surroundings, the background",
        "Tells what a cell is from where it lies; all channels are seen in each." + without,
        Decomposition(parts),
    )


def from_panel(
    groups: Mapping[str, Sequence[str]],
    channels: Sequence[str],
    *,
    cells: bool,
    left_out: Sequence[str] = (),
) -> Suggestion:
    """Suggest the groups that a panel file names, with the channels that the image has."""
    parts = [
        Component(name=name, channels=tuple(c for c in channels if c in set(members)))
        for name, members in groups.items()
    ]
    grouped = {name for part in parts for name in part.channels}
    return Suggestion(
        "The groups of your panel file",
        "Taken from its group column."
        + _without([*(c for c in channels if c not in grouped), *left_out]),
        _with_surroundings([part for part in parts if part.channels], cells),
    )


def by_correlation(
    means_NC: NDArray[np.float64],
    channels: Sequence[str],
    nuclei: Sequence[str] = (),
    *,
    cells: bool,
    without: str = "",
) -> Suggestion:
    """Suggest groups of channels that rise and fall together, and one of those that show nuclei.

    Parameters
    ----------
    means_NC : float64 (n, C)
        Intensities of cells or places; every channel varies.
    channels : sequence of str
    nuclei : sequence of str
        Further channels, which stain nuclei: every cell has one, so they tell of no group.
    cells : bool
        Whether there is a cell mask, so that surroundings can be a component.
    without : str
        Says what is left out.

    Notes
    -----
    Complete linkage on 1 - Spearman's correlation; of all numbers of groups, the smallest whose
    mean silhouette (Rousseeuw 1987, doi:10.1016/0377-0427(87)90125-7) is nearly the best.
    """
    groups, correlation = group_channels(means_NC)
    parts = []
    for members in groups:
        # The channels most like the rest of their group give it its name.
        likeness = correlation[np.ix_(members, members)].mean(axis=1)
        typical = [channels[members[i]] for i in np.argsort(-likeness, kind="stable")]
        parts.append(
            Component(name=_group_name(typical), channels=tuple(channels[i] for i in members))
        )
    seen, count = "cells" if cells else "places", len(parts)
    more = (
        f"more groups than {count} are not suggested, as each makes training longer."
        if count == max(_counts(len(channels)))
        else f"more groups than {count} are told apart no better."
    )
    reason = (
        f"Markers of a group rise and fall together over {len(means_NC):,} {seen} looked at; {more}"
    )
    if nuclei:
        parts.append(Component(name=NUCLEI, channels=tuple(nuclei)))
        reason += f" What shows every nucleus ({', '.join(nuclei)}) is by itself."
    return Suggestion(
        f"{count} groups of markers that go together{', and nuclei' if nuclei else ''}",
        reason + without,
        _with_surroundings(parts, cells),
    )


def _counts(channels: int) -> range:
    """Return the numbers of groups that are tried: several, however many channels there are."""
    least = max(2, -(-channels // GROUP_SIZE))
    return range(least, max(least, min(max(MOST_GROUPS, least + 2), channels - 1)) + 1)


def group_channels(
    means_NC: NDArray[np.float64],
) -> tuple[list[list[int]], NDArray[np.float64]]:
    """Return groups of columns that go together, and Spearman's correlation (C, C)."""
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform
    from scipy.stats import rankdata
    from sklearn.metrics import silhouette_score

    correlation = np.atleast_2d(np.corrcoef(rankdata(means_NC, axis=0), rowvar=False))
    distance = 1 - correlation
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method="complete")
    channels = len(distance)
    trials = [fcluster(tree, count, criterion="maxclust") for count in _counts(channels)]
    # Channels that are alike to the last pixel can't be told apart: then there are fewer groups.
    trials = [codes for codes in trials if 2 <= codes.max() < channels]
    if not trials:
        return [list(range(channels))], correlation
    scores = [silhouette_score(distance, codes, metric="precomputed") for codes in trials]
    codes = next(
        codes for codes, score in zip(trials, scores, strict=True) if score >= max(scores) - NEARLY
    )
    first = dict.fromkeys(codes.tolist())
    return [np.flatnonzero(codes == code).tolist() for code in first], correlation


def _with_surroundings(parts: Sequence[Component], cells: bool) -> Decomposition:
    """Add what lies around the cell, seen in all channels, as one more component."""
    if not cells:
        return Decomposition(tuple(parts))
    channels = tuple(dict.fromkeys(name for part in parts for name in part.channels))
    taken = any(part.name == SURROUNDINGS for part in parts)
    name = f"all {SURROUNDINGS}" if taken else SURROUNDINGS
    around = Component(name=name, channels=channels, region=Region(kind="surroundings"))
    return Decomposition((*parts, around))


def _group_name(channels: Sequence[str]) -> str:
    """Return a short name: it stands in legends and in the names of columns."""
    shown = channels if len(channels) <= 3 else channels[:2]
    left = len(channels) - len(shown)
    return " + ".join(shown) + (f" + {left} more" if left else "")


def _without(left_out: Sequence[str]) -> str:
    return f" Left out: {', '.join(left_out)}." if left_out else ""


def _no_marker(channels: Sequence[str]) -> str:
    they = "its name it holds" if len(channels) == 1 else "their names they hold"
    return f" Left out, as by {they} no marker: {', '.join(channels)}." if channels else ""
