"""Training patches, drawn once and kept as stored, with room to rotate and shift."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from napari_splicer.errors import InvalidSettings
from napari_splicer.patches.canvas import as_bits
from napari_splicer.patches.patch_file import PatchFile, PatchMap, disk_folder, room_on_disk
from napari_splicer.patches.reader import PatchBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from torch import Tensor

    from napari_splicer.patches.reader import PatchReader

LEAST_PATCHES = 4
"""Fewer patches than this make no batch to learn from."""


class PatchCache:
    """The patches of a reader, all of them where there is room.

    If they fit into the budget, they lie where the reader puts them: in ordinary memory, or on
    the accelerator. Else they lie in a temporary file, and if the disk has no room for them
    either, as many as fit into the budget are chosen at random.

    Parameters
    ----------
    reader : PatchReader
    budget_gb : float
        Most memory in GB (10⁹ bytes).
    seed : int
        Of the random choice where not all patches are kept.
    folder : Path, optional
        On the disk of the temporary file; that of the system's temporary files by default.
    most : int, optional
        Patches that are asked for, where there are more.

    Raises
    ------
    InvalidSettings
        As :func:`capacity`.

    Attributes
    ----------
    message : str or None
        A sentence for the user where patches did not fit into memory.
    """

    def __init__(
        self,
        reader: PatchReader,
        budget_gb: float,
        *,
        seed: int = 0,
        folder: Path | None = None,
        most: int | None = None,
    ) -> None:
        plan = _plan(reader, budget_gb, folder, most)
        self.message = _message(plan, reader, budget_gb)
        total = len(reader.sites)
        rows = np.arange(total)
        if plan.patches < total:
            rows = np.sort(np.random.default_rng(seed).choice(total, plan.patches, replace=False))
        self._rows = rows
        self._reader = reader.at(rows)
        self._folder = plan.folder
        self._kept: dict[str, Tensor] = {}
        self._map: PatchMap | None = None

    @classmethod
    def draw(
        cls,
        reader: PatchReader,
        budget_gb: float,
        *,
        seed: int = 0,
        folder: Path | None = None,
        most: int | None = None,
    ) -> PatchCache:
        """Make a cache and fill it at one go; see :meth:`fill` for progress and cancelling."""
        cache = cls(reader, budget_gb, seed=seed, folder=folder, most=most)
        for _ in cache.fill():
            pass
        return cache

    def __len__(self) -> int:
        return len(self._rows)

    def fill(self) -> Iterator[int]:
        """Read all patches; yield how many are there after each batch.

        Raises
        ------
        CannotWrite
            If the disk is full that had room before.
        """
        if self._folder is None:
            self._kept = _empty_tensors(self._reader, self._reader.device)
            yield from self._read(self._put)
            return
        with PatchFile(_empty_tensors(self._reader, "meta"), self._folder) as file:
            yield from self._read(file.write)
            self._map = file.mapped()
        self._kept = self._map.tensors

    def take(self, index_B: Tensor, device: torch.device | str | None = None) -> PatchBatch:
        """Return the patches at ``index_B`` (0 to ``len``), on ``device`` (default: where kept).

        ``index_B`` of the result is the row in the reader's sites.
        """
        rows_B = index_B.to(self._kept["index_B"].device)
        if self._map is not None:
            self._map.expect(rows_B)
        taken = {
            name: as_bits(value).index_select(0, rows_B).view(value.dtype)
            for name, value in self._kept.items()
        }
        batch = PatchBatch(**taken).to(device or rows_B.device)
        if batch.labels_BHW.dtype == torch.int32:
            batch = replace(batch, labels_BHW=batch.labels_BHW.to(torch.int64) & 0xFFFFFFFF)
        return batch

    def close(self) -> None:
        """Give memory and disk back; nothing can be taken any more."""
        self._kept, self._map = {}, None

    def _read(self, put: Callable[[str, Tensor, Tensor], None]) -> Iterator[int]:
        """Read all patches and ``put`` them, by name and row; yield how many are there."""
        done = 0
        rows_N = torch.from_numpy(self._rows)
        for batch in self._reader:
            place_B = batch.index_B
            sites_B = rows_N.to(place_B.device)[place_B]
            for name, values in vars(replace(batch, index_B=sites_B)).items():
                put(name, place_B, values)
            done += len(batch)
            yield done

    def _put(self, name: str, place_B: Tensor, values: Tensor) -> None:
        kept = self._kept[name]
        as_bits(kept)[place_B] = as_bits(values.to(kept.dtype))


def capacity(
    reader: PatchReader, budget_gb: float, folder: Path | None = None, most: int | None = None
) -> int:
    """Return how many of a reader's patches will be kept; reads nothing.

    Parameters
    ----------
    reader : PatchReader
    budget_gb, folder, most
        As for :class:`PatchCache`.

    Raises
    ------
    InvalidSettings
        If neither memory nor the disk has room for ``LEAST_PATCHES`` of them.
    """
    return _plan(reader, budget_gb, folder, most).patches


class _Plan(NamedTuple):
    """How many patches are asked for and kept, and in a file of which folder (None: in memory)."""

    asked: int
    patches: int
    folder: Path | None


def _plan(reader: PatchReader, budget_gb: float, folder: Path | None, most: int | None) -> _Plan:
    asked, patch = min(len(reader.sites), most or len(reader.sites)), _bytes_per_patch(reader)
    fitting = int(budget_gb * 1e9 / patch)
    if fitting >= asked:
        return _Plan(asked, asked, None)
    folder = disk_folder(folder)
    if asked * patch <= room_on_disk(folder):
        return _Plan(asked, asked, folder)
    if fitting < LEAST_PATCHES:
        raise InvalidSettings(
            f"{budget_gb:g} GB hold {fitting} training patches, too few to learn from, and the "
            f"disk of {folder} has no room for all.",
            "Raise the memory for training patches (training.cache_gb), free space on the disk, or "
            "make patches smaller.",
        )
    return _Plan(asked, fitting, None)


def _message(plan: _Plan, reader: PatchReader, budget_gb: float) -> str | None:
    """Say which patches are left out, and which did not fit into memory; None where all did."""
    total, said = len(reader.sites), []
    if plan.patches < plan.asked:
        said.append(
            f"Training uses {plan.patches:,} of {total:,} patches, chosen at random: no more fit "
            f"into {budget_gb:g} GB, and the disk has no room for them."
        )
    elif plan.patches < total:
        said.append(
            f"Training uses {plan.patches:,} of {total:,} patches, chosen at random: no more are "
            "looked at in its steps (training.patches)."
        )
    if plan.folder is not None:
        taken = plan.patches * _bytes_per_patch(reader) / 1e9
        said.append(
            f"The training patches take {taken:.3g} GB, more than the {budget_gb:g} GB of memory "
            "that they may take (training.cache_gb): they are kept in a temporary file on the disk "
            f"of {plan.folder}."
        )
    return " ".join(said) or None


def _bytes_per_patch(reader: PatchReader) -> int:
    pixels = reader.size**2
    values = len(reader.channels) * reader.dtype.itemsize + _label_dtype(reader).itemsize
    values += len(reader.regions)
    return pixels * values + 3 * 8


def _empty_tensors(reader: PatchReader, device: torch.device | str) -> dict[str, Tensor]:
    """Return room for all patches, by the names that they have in a batch."""
    count, side = len(reader.sites), reader.size

    def empty(*shape: int, dtype: torch.dtype = torch.int64) -> Tensor:
        return torch.empty((count, *shape), dtype=dtype, device=device)

    return {
        "x_BCHW": empty(len(reader.channels), side, side, dtype=reader.dtype),
        "labels_BHW": empty(side, side, dtype=_label_dtype(reader)),
        "regions_BRHW": empty(len(reader.regions), side, side, dtype=torch.bool),
        "id_B": empty(),
        "index_B": empty(),
        "field_B": empty(),
    }


def _label_dtype(reader: PatchReader) -> torch.dtype:
    """Return int32 where labels have 32 bits at most (kept as bits, so that none overflows)."""
    masks = [field.cells.data.dtype for field in reader.fields if field.cells is not None]
    return torch.int64 if any(dtype.itemsize > 4 for dtype in masks) else torch.int32
