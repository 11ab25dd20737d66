"""Groups of cells painted over a mask: ``cell id -> group code -> colour``.

A mask of a million cells is not coloured by a million colours but mapped, lazily where the mask is
lazy, to a small code per group. Another clustering changes only the codes, another colour only the
colormap, which has one entry per group. No Qt, no viewer.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import dask.array as da
import numpy as np
import pandas as pd
from napari.utils.colormaps import DirectLabelColormap

from napari_splicer.gui.id_index import IdIndex
from napari_splicer.gui.outlines import OutlinedLevel, outlined

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

UNKNOWN = "no group"
_LARGEST_TABLE = 2**24  # ids up to here are looked up in a plain table: 16 MB of codes
_BLOCK = 2**20  # pixels looked up at once, so that temporary copies stay in the cache


@dataclass(frozen=True)
class ClusterLookup:
    """The group of every cell of one image, as a small code.

    Parameters
    ----------
    index : IdIndex
        The cells.
    codes : uint8 or uint16 (n,)
        1 … G in the order of ``groups``; 0 for cells without a group. Same order as ``index.ids``.
    groups : tuple of str
        Names of the groups.
    hidden : frozenset of str
        Groups that are not painted.

    Examples
    --------
    >>> lookup = ClusterLookup.from_groups([70_000, 4], ["tumour", "immune"])
    >>> lookup.apply(np.array([[0, 4], [70_000, 9]]))
    array([[0, 1],
           [2, 0]], dtype=uint8)
    >>> lookup.hide({"immune"}).apply(np.array([4, 70_000]))
    array([0, 2], dtype=uint8)
    """

    index: IdIndex
    codes: NDArray[np.unsignedinteger[Any]]
    groups: tuple[str, ...]
    hidden: frozenset[str] = frozenset()
    _by_id: NDArray[np.unsignedinteger[Any]] | None = field(init=False, repr=False, compare=False)
    _by_row: NDArray[np.unsignedinteger[Any]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        seen = np.array([0, *(i + 1 for i, name in enumerate(self.groups) if self._shown(name))])
        painted = np.where(np.isin(self.codes, seen), self.codes, 0).astype(self.codes.dtype)
        table = None
        if self.index.largest <= max(_LARGEST_TABLE, 8 * len(self.index)):
            table = np.zeros(self.index.largest + 2, painted.dtype)
            table[self.index.ids] = painted
        object.__setattr__(self, "_by_id", table)
        # The row of an unknown id is -1, and finds the 0 at the end.
        object.__setattr__(self, "_by_row", np.append(painted, painted.dtype.type(0)))

    def _shown(self, group: str) -> bool:
        return group not in self.hidden

    @classmethod
    def from_groups(
        cls,
        ids: ArrayLike | IdIndex,
        groups: Sequence[Any] | NDArray[Any] | pd.Series[Any] | pd.Categorical[Any],
    ) -> ClusterLookup:
        """Build the lookup from two columns of a table, in any order.

        Parameters
        ----------
        ids : array-like of int, (n,), or IdIndex
            Cell ids.
        groups : array-like of str or pandas.Categorical, (n,)
            The group of each; missing values are cells without a group. Categories keep their
            order; anything else is sorted.
        """
        categories = pd.Categorical(groups)
        dtype = np.min_scalar_type(len(categories.categories))
        codes = (categories.codes.astype(np.int64) + 1).astype(dtype)
        index = ids if isinstance(ids, IdIndex) else IdIndex(ids)
        return cls(index, codes, tuple(map(str, categories.categories)))

    def paints_as(self, other: ClusterLookup) -> bool:
        """Return whether both give every pixel the same code."""
        return self.index is other.index and np.array_equal(self._by_row, other._by_row)

    def hide(self, groups: Collection[str]) -> ClusterLookup:
        """Return the lookup with exactly these groups not painted."""
        return replace(self, hidden=frozenset(groups))

    def apply(self, labels: NDArray[Any]) -> NDArray[np.unsignedinteger[Any]]:
        """Map cell ids to codes of groups.

        Parameters
        ----------
        labels : integer array
            A piece of the mask, of any shape and integer type.

        Returns
        -------
        uint8 or uint16 array
            Same shape; 0 for the background, unknown cells and hidden groups.
        """
        if self._by_id is None:
            return self._apply_sparse(labels)
        codes = np.empty(labels.shape, self.codes.dtype)
        rows = max(1, _BLOCK // max(1, labels[:1].size))
        for start in range(0, len(labels), rows):
            piece = labels[start : start + rows]
            if piece.dtype.kind != "i":
                piece = piece.astype(np.int64)
            # The table's first and last entries are 0: "clip" sends ids out of range there.
            np.take(self._by_id, piece, mode="clip", out=codes[start : start + rows])
        return codes

    def _apply_sparse(self, labels: NDArray[Any]) -> NDArray[np.unsignedinteger[Any]]:
        """Look up runs of equal pixels, of which a mask has far fewer than pixels."""
        pixels = labels.ravel()
        starts = np.append(0, np.flatnonzero(pixels[1:] != pixels[:-1]) + 1)[: pixels.size]
        codes = self._by_row[self.index.rows_again(pixels[starts])]
        lengths = np.diff(np.append(starts, pixels.size))
        return np.repeat(codes, lengths).reshape(labels.shape)

    def overlay(self, levels: Sequence[Any], *, outline: int = 0) -> list[Any]:
        """Map every level of a mask; arrays in memory at once, all others when they are looked at.

        Parameters
        ----------
        levels : sequence of (Y, X) integer arrays
            numpy, dask, or anything dask can wrap (zarr); finest first.
        outline : int
            Leave only so many pixels along the border of every cell that is painted; 0 leaves all.

        Returns
        -------
        list of numpy arrays, dask arrays, or :class:`~napari_splicer.gui.outlines.OutlinedLevel`
            Same shapes; without outlines, dask arrays of the same chunks where a level is lazy.
        """
        return [self._overlay_level(level, outline) for level in levels]

    def _overlay_level(self, level: Any, outline: int) -> Any:
        if isinstance(level, np.ndarray):
            codes = self.apply(level)
            return outlined(codes, outline, level) if outline else codes
        lazy = da.asanyarray(level)
        if outline:
            return OutlinedLevel(lazy, self.apply, self.codes.dtype, outline)
        empty = np.empty((0,) * lazy.ndim, self.codes.dtype)
        # A name of its own spares dask hashing the table.
        return lazy.map_blocks(
            self.apply, dtype=self.codes.dtype, meta=empty, name=f"clusters-{uuid4().hex}"
        )

    def group_of(self, cell: int) -> str | None:
        """Return the name of a cell's group, None for the background and unknown cells."""
        code = int(self._code_by_row(self.index.rows([cell]))[0])
        return self.groups[code - 1] if code else None

    def _code_by_row(self, rows: NDArray[np.intp]) -> NDArray[np.unsignedinteger[Any]]:
        return np.where(rows >= 0, self.codes[rows], 0) if len(self.codes) else np.zeros_like(rows)

    def colormap(self, colours: Mapping[str, Any]) -> DirectLabelColormap:
        """Return the colours of the codes: one entry per group, the background transparent."""
        entries: dict[int | None, Any] = {0: "transparent", None: "transparent"}
        entries |= {code: colours[name] for code, name in enumerate(self.groups, 1)}
        return DirectLabelColormap(color_dict=entries)

    def features(self) -> pd.DataFrame:
        """Return what napari's status bar says over the overlay: a row per code, 0 first.

        Columns ``index`` and ``label`` (the code), ``cluster``, ``cells`` (how many).
        """
        codes = np.arange(len(self.groups) + 1)
        counts = np.bincount(self.codes, minlength=len(codes))
        counts[0] = 0
        names = np.array(["", *self.groups], dtype=object)
        return pd.DataFrame({"index": codes, "label": codes, "cluster": names, "cells": counts})

    def cell_features(self) -> pd.DataFrame:
        """Return what napari's status bar says over the mask: a row per cell, sorted by id.

        Columns ``index`` and ``label`` (the id) and ``cluster`` (categorical); row 0 is the
        background.
        """
        order = np.argsort(self.index.ids)
        ids = np.append(0, self.index.ids[order])
        codes = np.append(0, self.codes[order]).astype(np.int64)
        # Two groups may never share a name, and a group may be called like the unknown ones.
        unknown = UNKNOWN if UNKNOWN not in self.groups else f"({UNKNOWN})"
        cluster = pd.Categorical.from_codes(codes, categories=pd.Index([unknown, *self.groups]))
        return pd.DataFrame({"index": ids, "label": ids, "cluster": cluster})
