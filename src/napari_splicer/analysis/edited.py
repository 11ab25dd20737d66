"""Groups merged, named and coloured by hand: told, and made again where they are the same ones."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.analysis.groups import edits_of, note_edits
from napari_splicer.analysis.palette import UNASSIGNED
from napari_splicer.analysis.regrouping import Groups
from napari_splicer.analysis_settings import COLOUR
from napari_splicer.config import EditedGroup, EditedGroups

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anndata import AnnData
    from numpy.typing import NDArray

    Held = tuple[str, ...]  # names that groups had when they were found


def edited_groups(table: AnnData, clustering: str) -> EditedGroups | None:
    """Return what a person made of groups of a table, to be made again of the same groups.

    None where nothing was edited, or where cells were given to groups one by one (split, taken out,
    made a group of a selection), which can't be told by the groups that were found.

    Raises
    ------
    InvalidSettings
        If the table has no such clustering.
    """
    groups, edits = Groups.of(table, clustering), edits_of(table, clustering)
    held = _held(edits) if edits else None
    if held is None:
        return None
    found = [held.of(name) for name in groups.names]
    coloured = len(groups.colours) == len(found) and all(
        re.match(COLOUR, c) for c in groups.colours
    )
    if not (all(found) and coloured):  # or another program wrote colours of its own
        return None
    told = zip(groups.names, groups.colours, found, strict=True)
    return EditedGroups(
        edits=edits,
        cells=_told_by(table, groups.codes),
        groups=tuple(EditedGroup(name=n, colour=c, found=f) for n, c, f in told),
    )


def edit_again(table: AnnData, clustering: str, edited: EditedGroups) -> bool:
    """Merge, name and colour groups that were just found as a person did it.

    Returns
    -------
    bool
        False, and nothing is changed, where every single cell would not be in the group that it
        was in then.
    """
    groups = Groups.of(table, clustering)
    place = {name: i for i, group in enumerate(edited.groups) for name in group.found}
    if set(place) != set(groups.names):
        return False
    places = np.array([*(place[name] for name in groups.names), -1])  # the last: of no group
    codes = places[groups.codes]
    if _told_by(table, codes) != edited.cells:
        return False
    names, colours = (tuple(getattr(g, key) for g in edited.groups) for key in ("name", "colour"))
    Groups(codes, names, colours).put(table, clustering)
    note_edits(table, clustering, edited.edits)
    return True


def _told_by(table: AnnData, codes: NDArray[np.int64]) -> str:
    """Return a digest of which cell is in which group, in whatever order the cells stand."""
    names = table.obs_names.to_numpy().astype(str)
    order = np.argsort(names)
    digest = hashlib.blake2b("\n".join(names[order]).encode(), digest_size=16)
    digest.update(codes[order].astype("<i4").tobytes())
    return digest.hexdigest()


class _Held:
    """Which groups, as they were found, are in those of a name, while edits are gone through.

    Found groups are called by numbers, or "unassigned".
    """

    def __init__(self) -> None:
        self._now: dict[str, Held] = {}
        self._gone: set[str] = set()

    def of(self, name: str) -> Held:
        """Return what a group holds; nothing where there is none of that name."""
        if name in self._now:
            return self._now[name]
        as_found = name.isdecimal() or name == UNASSIGNED
        return (name,) if as_found and name not in self._gone else ()

    def become(self, names: Sequence[str], name: str) -> None:
        """Let groups be one, called ``name``."""
        held = tuple(found for each in names for found in self.of(each))
        for each in names:
            self._now.pop(each, None)
            self._gone.add(each)
        self._now[name] = held


def _held(edits: Sequence[str]) -> _Held | None:
    """Go through edits, in words; None where one is not to be told, or could mean two things."""
    held = _Held()
    for words in edits:
        verb, _, said = words.partition(" ")
        if verb == "colour":
            continue
        read = [
            (names, new)
            for names, new in _readings(verb, said)
            if all(held.of(name) for name in names)
        ]
        if len(read) != 1:
            return None
        held.become(*read[0])
    return held


def _readings(verb: str, said: str) -> Iterator[tuple[list[str], str]]:
    """Yield which groups become one, and of what name: names may hold " to " and " into ", too."""
    joint = {"rename": " to ", "merge": " into "}.get(verb)
    parts = [] if joint is None else said.split(joint)
    for i in range(1, len(parts)):
        before, after = str(joint).join(parts[:i]), str(joint).join(parts[i:])
        yield ([before], after) if verb == "rename" else ([after, *before.split(", ")], after)
