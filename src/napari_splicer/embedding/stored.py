"""A table of cells on the disk that grows while cells are embedded, and can be gone on with."""

from __future__ import annotations

import os
import shutil
import warnings
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.embedding.begun import OTHER, why_other
from napari_splicer.embedding.place import DONE
from napari_splicer.embedding.rows import PIECE
from napari_splicer.embedding.table import read_table, take_rows
from napari_splicer.errors import CannotWrite, InvalidSettings, UnreadableFile
from napari_splicer.files import check_writable, name_finished, remove, telling, written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import zarr
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.embedding.place import Place
    from napari_splicer.images.fingerprint import Seen

LARGE = 200_000
"""Cells above which a table's matrices are not read into memory as a whole."""

_PLACES = {"X": "X", "X_splicer": "obsm/X_splicer", "X_splicer_chunks": "obsm/X_splicer_chunks"}
_ROOM = 1.1
_CHANGED = ("obs", "var", "obsm", "uns")
"""Parts of a table that clustering changes; all others are another program's, or ``X``."""


class StoredTable:
    """A :class:`~napari_splicer.embedding.rows.Store` in a zarr folder that AnnData reads.

    Until :meth:`finish`, the folder is called ``….zarr.partial``, so that nothing takes it for a
    whole table. Cells that are not done yet are NaN.
    """

    def __init__(self, place: Place, group: zarr.Group) -> None:
        self._place = place
        self._group = group
        self._arrays = {name: group[place] for name, place in _PLACES.items() if place in group}
        self.widths: Mapping[str, int] = {n: int(a.shape[1]) for n, a in self._arrays.items()}
        self.done: NDArray[np.bool_] = np.asarray(group[DONE][:], bool)

    @classmethod
    def begin(cls, place: Place, table: AnnData, widths: Mapping[str, int]) -> StoredTable:
        """Start a table of the rows of ``table``, with matrices of these widths.

        Parameters
        ----------
        place : Place
        table : AnnData
            What :func:`~napari_splicer.embedding.table.rows_without_values` returns, with what is
            noted about it.
        widths : mapping of str to int
            ``X``, and ``X_splicer`` and ``X_splicer_chunks`` where there is a model.

        Raises
        ------
        WouldOverwrite, CannotWrite
            As :meth:`Place.check`; also if the disk has too little room for the whole table.
        """
        import zarr
        from anndata.io import write_elem

        place.check()
        count = table.n_obs
        check_writable(place.path.parent)
        remove(place.partial)  # before room is asked for: it takes some itself
        check_writable(place.path.parent, room=int(_ROOM * 4 * count * sum(widths.values())))
        shape = (min(PIECE, count),)
        with telling(place.path, "Nothing was kept."), ExitStack() as failing:
            failing.callback(remove, place.partial)
            group = zarr.open_group(place.partial, mode="w", zarr_format=2)
            write_elem(group, "/", table)
            for name, width in widths.items():
                array = group.create_array(
                    _PLACES[name],
                    shape=(count, width),
                    chunks=(*shape, width),
                    dtype="float32",
                    fill_value=np.nan,
                    overwrite=True,
                )
                array.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
            # Last: what has it can be gone on with.
            done = group.create_array(DONE, shape=(count,), chunks=shape, dtype="bool")
            done.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
            failing.pop_all()
        return cls(place, group)

    @classmethod
    def go_on(cls, place: Place, table: AnnData, seen: Sequence[Seen]) -> StoredTable:
        """Open what was begun of ``table``; ``seen`` are images and masks as they are now.

        Raises
        ------
        InvalidSettings
            If it was begun with other cells or pixels, another model or other settings.
        UnreadableFile
            If it is damaged.
        """
        import zarr
        from anndata.io import read_elem

        try:
            group = zarr.open_group(place.partial, mode="r+")
            rows, noted = read_elem(group["obs"]), read_elem(group["uns/splicer"])
            stored = cls(place, group)
            why = why_other(rows, read_elem(group["var"]).index, noted, table, seen)
        except (OSError, KeyError, ValueError) as error:
            raise UnreadableFile(
                f"The table that was begun in {place.partial} can't be read: {error}.",
                "Begin anew (--overwrite).",
            ) from error
        if why or len(rows) != table.n_obs:
            raise InvalidSettings(
                f"The table that was begun in {place.partial} is {why or OTHER}.",
                "Use the images, model, settings and pixel size of then, or begin anew "
                "(--overwrite).",
            )
        return stored

    def read(self, name: str, rows: slice) -> NDArray[np.float32]:
        """Return some rows of a matrix."""
        return np.asarray(self._arrays[name][rows], np.float32)

    def write(self, rows: slice, values: Mapping[str, NDArray[np.float32]]) -> None:
        """Keep some rows of every matrix.

        Raises
        ------
        CannotWrite
            If the disk is full.
        """
        with telling(self._place.path, f"What was done before is kept in {self._place.partial}."):
            for name, matrix in values.items():
                self._arrays[name][rows] = matrix
            # Last, so that what is noted as done is there wherever this is interrupted.
            self._group[DONE][rows] = self.done[rows]

    def so_far(self) -> AnnData | None:
        """Return the rows that are done; None if there is none."""
        if not self.done.any():
            return None
        table = read_table(self._place.partial, lazy_above=LARGE)
        del table.uns["done"]
        return take_rows(table, self.done)

    def finish(self) -> AnnData:
        """Give the folder its name; return the table.

        Raises
        ------
        CannotWrite
            If the disk is full, or something else has the name.
        """
        import zarr

        path = self._place.path
        name_finished(self._place.partial, path, overwrite=self._place.overwrite)
        # Only now: what is noted as done must be there to go on with if the name can't be given.
        with telling(path, f"All cells are kept in {path}."):
            group = zarr.open_group(path, mode="r+")
            del group[DONE]
            zarr.consolidate_metadata(group.store, zarr_format=2)
        return read_table(path, lazy_above=LARGE)


def write_changes(table: AnnData, path: Path) -> None:
    """Write a table over the one it was made from, without writing its matrices anew.

    Clusterings and maps change rows' columns and notes; ``X``, the representation and the embedding
    (nearly all of a large table), and whatever else another program has put beside them (layers,
    neighbours, ``raw``), are taken over as files, by links where the disk knows them.

    Parameters
    ----------
    table : AnnData (n cells)
        With the matrices of the table at ``path``.
    path : Path
        A ``.zarr`` folder; replaced at the end, as it was before if this fails. Stays of its
        version of the zarr format.

    Raises
    ------
    CannotWrite
        See :func:`napari_splicer.files.written`; also if what is taken over can't be read.
    """
    import zarr
    from anndata import AnnData
    from anndata.io import write_elem

    kept = [place for place in _PLACES.values() if (path / place).is_dir()]
    others = {part.name for part in path.iterdir() if part.is_dir()} - {*_CHANGED, *kept}
    rest = {name: value for name, value in table.obsm.items() if f"obsm/{name}" not in kept}
    light = AnnData(obs=table.obs, var=table.var, obsm=rest, uns=table.uns)
    with written(path, overwrite=True) as temporary, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that version 3 is new, and may change
        version = zarr.open_group(path, mode="r").metadata.zarr_format
        group = zarr.open_group(temporary, mode="w", zarr_format=version)
        write_elem(group, "/", light)
        for place in (*kept, *sorted(others)):
            if place in group:
                del group[place]
            shutil.copytree(path / place, temporary / place, copy_function=_link)
        found = zarr.consolidate_metadata(group.store, zarr_format=version)
        # A matrix that lies there and can't be opened would be lost with the table of before.
        if lost := [place for place in kept if place not in found]:
            raise CannotWrite(
                f"{path} can't be written: {', '.join(lost)} can't be read.",
                "The table is as it was; make it anew with 'embed' (--overwrite).",
            )


def _link(source: str, target: str) -> None:
    """Give a file a second name, or copy it where the disk knows no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
