"""From cell ids to rows of a table. No Qt, no napari."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from napari_splicer.errors import InvalidSettings

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_FEWEST_KEPT, _MOST_KEPT = 2**16, 10**7  # ids whose rows are kept for the next colours: 120 MB


class Mismatch(NamedTuple):
    """How many cells are known on one side only."""

    only_in_table: int
    only_in_mask: int


class IdIndex:
    """From cell ids to rows of a table whose order means nothing.

    Parameters
    ----------
    ids : array-like of int, (n,)
        Positive and unique, in any order, up to 2**63; 0 is the background.

    Raises
    ------
    InvalidSettings
        If an id occurs twice, or is not positive.
    """

    def __init__(self, ids: ArrayLike) -> None:
        self.ids: NDArray[np.int64] = np.asarray(ids).astype(np.int64)
        self._index = pd.Index(self.ids)
        # Also builds pandas' hash table, which several of dask's threads will then only read.
        if not self._index.is_unique:
            twice = int(self.ids[self._index.duplicated()][0])
            raise InvalidSettings(
                f"The table holds cell {twice} more than once.",
                "Show the cells of one image at a time.",
            )
        self._index.get_indexer(self._index[:1])
        self._last: tuple[NDArray[Any], NDArray[np.intp]] | None = None
        if len(self.ids) and self.ids.min() <= 0:
            raise InvalidSettings(
                f"The table holds a cell with id {self.ids.min()}.",
                "Ids of cells are positive; 0 is the mask's background.",
            )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def largest(self) -> int:
        """The largest id, 0 where there are none."""
        return int(self.ids.max(initial=0))

    def rows(self, ids: ArrayLike) -> NDArray[np.intp]:
        """Return the row of each id, -1 where the table does not have it; same shape as ``ids``."""
        wanted = np.asarray(ids)
        rows = self._index.get_indexer(pd.Index(wanted.ravel().astype(np.int64)))
        return np.asarray(rows, dtype=np.intp).reshape(wanted.shape)

    def rows_again(self, ids: NDArray[Any]) -> NDArray[np.intp]:
        """Return the same as :meth:`rows`; at once where the ids are those asked for last.

        A mask in memory is painted in other colours again and again.
        """
        if self._last is not None and np.array_equal(ids, self._last[0]):
            return self._last[1]
        rows = self.rows(ids)
        if _FEWEST_KEPT <= len(ids) <= _MOST_KEPT:
            self._last = ids.copy(), rows
        return rows

    def compare(self, mask_ids: ArrayLike) -> Mismatch:
        """Count the cells that only the table, or only the mask, has."""
        in_mask = np.unique(np.asarray(mask_ids).astype(np.int64))
        in_mask = in_mask[in_mask > 0]
        shared = int((self.rows(in_mask) >= 0).sum())
        return Mismatch(len(self) - shared, len(in_mask) - shared)
