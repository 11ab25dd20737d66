"""Groups edited by hand: merged, split, taken out, put together, named and coloured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_splicer.analysis.groups import colours_of, groups_of
from napari_splicer.analysis.palette import PALETTE, UNASSIGNED, UNASSIGNED_COLOUR

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from anndata import AnnData
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of one clustering; every edit returns others and leaves these as they are.

    A group keeps name and colour while others change. Nobody's group is empty: one that loses its
    last cell is gone. Cells that are in no group any more are "unassigned", in grey and last.

    Parameters
    ----------
    codes : int (n,)
        Index into ``names`` of every cell; -1 where it has none.
    names, colours : tuple of str
        One per group; colours as ``"#RRGGBB"``.
    """

    codes: NDArray[np.int64]
    names: tuple[str, ...]
    colours: tuple[str, ...]

    @classmethod
    def of(cls, table: AnnData, clustering: str) -> Groups:
        """Return the groups that a table holds.

        Raises
        ------
        InvalidSettings
            If the table has no such clustering.
        """
        column = groups_of(table, clustering)
        names = tuple(map(str, column.cat.categories))
        codes = np.asarray(column.cat.codes, np.int64)
        return cls(codes, names, tuple(colours_of(table, clustering)))

    def put(self, table: AnnData, clustering: str) -> None:
        """Write these groups into a table, in place of those of ``clustering``."""
        table.obs[clustering] = pd.Categorical.from_codes(
            self.codes, categories=pd.Index(self.names, dtype=object)
        )
        table.uns[f"{clustering}_colors"] = np.array(self.colours)

    def same_as(self, other: Groups) -> bool:
        """Return whether cells, names and colours are the same."""
        said = self.names == other.names and self.colours == other.colours
        return said and np.array_equal(self.codes, other.codes)

    def renamed(self, group: int, name: str) -> Groups:
        """Return the groups with another name for one."""
        return replace(self, names=_with(self.names, group, name))

    def recoloured(self, group: int, colour: str) -> Groups:
        """Return the groups with another colour, ``"#rrggbb"``, for one."""
        return replace(self, colours=_with(self.colours, group, colour))

    def merged(self, groups: Collection[int]) -> Groups:
        """Return the groups with some made one, which has the place, name and colour of the first.

        Parameters
        ----------
        groups : collection of int
            Two or more.
        """
        first = min(groups)
        codes = np.where(np.isin(self.codes, list(groups)), first, self.codes)
        return replace(self, codes=codes)._without_empty()

    def without(self, groups: Collection[int]) -> Groups:
        """Return the groups without some, whose cells are "unassigned"."""
        known, place = self._with_unassigned()
        codes = np.where(np.isin(known.codes, list(groups)), place, known.codes)
        return replace(known, codes=codes)._without_empty()

    def with_group(self, rows: NDArray[np.int64], name: str) -> Groups:
        """Return the groups with one more, last, that takes its cells from those they are in.

        Parameters
        ----------
        rows : int (m,)
            Of the cells.
        name : str
            Not one of :attr:`names`.
        """
        codes = self.codes.copy()
        codes[rows] = len(self.names)
        more = replace(
            self,
            codes=codes,
            names=(*self.names, name),
            colours=(*self.colours, next_colour(self.colours)),
        )
        return more._without_empty()

    def split(self, group: int, parts: NDArray[np.int64]) -> Groups:
        """Return the groups with one divided.

        Parameters
        ----------
        group : int
        parts : int (m,)
            Which part each of its cells is in, from 0, in the order of the table. Part 0 keeps the
            group's colour; all are called after the group: "3a", "3b" or "tumour a", "tumour b".
        """
        count = int(parts.max(initial=0)) + 1
        if count < 2:
            return self
        names, colours, of_part = list(self.names), list(self.colours), [group]
        names[group], *further = names_of_parts(self.names[group], count, self.names)
        for name in further:
            of_part.append(len(names))
            names.append(name)
            colours.append(next_colour(colours))
        codes = self.codes.copy()
        codes[self.codes == group] = np.array(of_part)[parts]
        return Groups(codes, tuple(names), tuple(colours))._in_order()

    def _with_unassigned(self) -> tuple[Groups, int]:
        if UNASSIGNED in self.names:
            return self, self.names.index(UNASSIGNED)
        names, colours = (*self.names, UNASSIGNED), (*self.colours, UNASSIGNED_COLOUR)
        return replace(self, names=names, colours=colours), len(self.names)

    def _without_empty(self) -> Groups:
        counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.names))
        return self._take(np.flatnonzero(counts).tolist())._in_order()

    def _in_order(self) -> Groups:
        """Return the groups with "unassigned" last."""
        return self._take(sorted(range(len(self.names)), key=lambda i: self.names[i] == UNASSIGNED))

    def _take(self, kept: Iterable[int]) -> Groups:
        kept = list(kept)
        place = np.full(len(self.names) + 1, -1, np.int64)
        place[kept] = np.arange(len(kept))
        names, colours = (tuple(of[i] for i in kept) for of in (self.names, self.colours))
        return Groups(place[self.codes], names, colours)


def next_colour(taken: Iterable[str]) -> str:
    """Return the palette's first colour that no group has; its colours repeat after 64.

    Examples
    --------
    >>> next_colour(["#E69F00", "#009E73"])
    '#56B4E9'
    """
    used = [colour.upper() for colour in taken]
    return min(PALETTE, key=used.count)


def names_of_parts(name: str, count: int, taken: Collection[str]) -> list[str]:
    """Return names for the parts of a group, none of which another group has.

    Examples
    --------
    >>> names_of_parts("3", 2, {"3", "3b"})
    ['3a', '3c']
    """
    letters = "abcdefghijklmnopqrstuvwxyz"
    endings = [*letters, *(a + b for a in letters for b in letters)]
    stem = name if name[-1:].isdigit() else f"{name} "
    free = (f"{stem}{ending}" for ending in endings if f"{stem}{ending}" not in taken)
    return [next(free) for _ in range(count)]


def _with(values: tuple[str, ...], place: int, value: str) -> tuple[str, ...]:
    return (*values[:place], value, *values[place + 1 :])
