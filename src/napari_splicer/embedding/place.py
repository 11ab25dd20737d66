"""Where a table of cells is kept while it grows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_splicer.errors import WouldOverwrite
from napari_splicer.files import check_free

if TYPE_CHECKING:
    from pathlib import Path

DONE = "uns/done"
"""Where a table notes, while it grows, which of its cells are done."""


@dataclass(frozen=True)
class Place:
    """Where a table is kept while it grows.

    Parameters
    ----------
    path : Path
        Of the table: ``….zarr``. Until it is whole, ``….zarr.partial`` stands in its place.
    resume : bool
        Whether to go on with one that was begun there, if there is one.
    overwrite : bool
        Whether it may replace one that is there, begun or whole; with ``resume``, one that was
        begun only if it is of other cells or another model.
    """

    path: Path
    resume: bool = False
    overwrite: bool = False

    @property
    def partial(self) -> Path:
        """Where the table lies until it is whole."""
        return self.path.with_name(f"{self.path.name}.partial")

    @property
    def begun(self) -> bool:
        """Whether there is a table to go on with, and it is asked for."""
        return self.resume and self._has_begun

    @property
    def _has_begun(self) -> bool:
        """Whether any cell may be done: else it ended before there was a table to fill."""
        return (self.partial / DONE).exists()

    def check(self) -> None:
        """Refuse to begin a table where one is, begun or whole.

        Raises
        ------
        WouldOverwrite, CannotWrite
            As :func:`napari_splicer.files.check_free`.
        """
        check_free(self.path, overwrite=self.overwrite)
        if self._has_begun and not (self.overwrite or self.resume):
            raise WouldOverwrite(
                f"A table was begun in {self.partial} and not finished.",
                "Go on with it (--resume), or begin anew (--overwrite).",
            )
