"""Training patches, drawn once and kept in memory as stored, with room to rotate and shift."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_splicer.errors import InvalidSettings
from napari_splicer.patches.canvas import as_bits
from napari_splicer.patches.reader import PatchBatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_splicer.patches.reader import PatchReader

LEAST_PATCHES = 4
"""Fewer patches than this make no batch to learn from."""


class PatchCache:
    """The patches of a reader, or as many of them as memory allows.

    Patches lie where the reader put them: in ordinary memory, or on the accelerator.

    Parameters
    ----------
    reader : PatchReader
    budget_gb : float
        Largest size in GB (10⁹ bytes).
    seed : int
        Of the random choice where not all patches fit.

    Raises
    ------
    InvalidSettings
        As :func:`capacity`.

    Attributes
    ----------
    message : str or None
        A sentence for the user where patches had to be left out.
    """

    def __init__(self, reader: PatchReader, budget_gb: float, *, seed: int = 0) -> None:
        total = len(reader.sites)
        room = capacity(reader, budget_gb)
        self.message: str | None = None
        rows = np.arange(total)
        if room < total:
            rows = np.sort(np.random.default_rng(seed).choice(total, room, replace=False))
            self.message = (
                f"Training uses {room:,} of {total:,} patches, chosen at random: no more fit into "
                f"{budget_gb:g} GB."
            )
        self._rows = rows
        self._reader = reader.at(rows)
        self._kept = _empty_batch(self._reader)

    @classmethod
    def draw(cls, reader: PatchReader, budget_gb: float, *, seed: int = 0) -> PatchCache:
        """Make a cache and fill it at one go; see :meth:`fill` for progress and cancelling."""
        cache = cls(reader, budget_gb, seed=seed)
        for _ in cache.fill():
            pass
        return cache

    def __len__(self) -> int:
        return len(self._rows)

    def fill(self) -> Iterator[int]:
        """Read all patches; yield how many are there after each batch."""
        done = 0
        rows_N = torch.from_numpy(self._rows)
        for batch in self._reader:
            place_B = batch.index_B
            sites_B = rows_N.to(place_B.device)[place_B]
            for name, new in vars(replace(batch, index_B=sites_B)).items():
                kept = getattr(self._kept, name)
                as_bits(kept)[place_B] = as_bits(new.to(kept.dtype))
            done += len(batch)
            yield done

    def take(self, index_B: torch.Tensor, device: torch.device | str | None = None) -> PatchBatch:
        """Return the patches at ``index_B`` (0 to ``len``), on ``device`` (default: where kept).

        ``index_B`` of the result is the row in the reader's sites.
        """
        rows_B = index_B.to(self._kept.index_B.device)
        taken = {
            name: as_bits(value).index_select(0, rows_B).view(value.dtype)
            for name, value in vars(self._kept).items()
        }
        batch = PatchBatch(**taken).to(device or rows_B.device)
        if batch.labels_BHW.dtype == torch.int32:
            batch = replace(batch, labels_BHW=batch.labels_BHW.to(torch.int64) & 0xFFFFFFFF)
        return batch


def capacity(reader: PatchReader, budget_gb: float) -> int:
    """Return how many of a reader's patches are kept in ``budget_gb`` GB; reads nothing.

    Raises
    ------
    InvalidSettings
        If fewer than ``LEAST_PATCHES`` of them fit.
    """
    total = len(reader.sites)
    room = int(budget_gb * 1e9 / _bytes_per_patch(reader))
    if room < min(LEAST_PATCHES, total):
        raise InvalidSettings(
            f"{budget_gb:g} GB hold {room} training patches, too few to learn from.",
            "Raise the memory for training patches (training.cache_gb), or make patches smaller.",
        )
    return min(room, total)


def _bytes_per_patch(reader: PatchReader) -> int:
    pixels = reader.size**2
    values = len(reader.channels) * reader.dtype.itemsize + _label_dtype(reader).itemsize
    values += len(reader.regions)
    return pixels * values + 3 * 8


def _empty_batch(reader: PatchReader) -> PatchBatch:
    count, side = len(reader.sites), reader.size
    device = torch.device(reader.device)

    def empty(*shape: int, dtype: torch.dtype = torch.int64) -> torch.Tensor:
        return torch.empty((count, *shape), dtype=dtype, device=device)

    return PatchBatch(
        x_BCHW=empty(len(reader.channels), side, side, dtype=reader.dtype),
        labels_BHW=empty(side, side, dtype=_label_dtype(reader)),
        regions_BRHW=empty(len(reader.regions), side, side, dtype=torch.bool),
        id_B=empty(),
        index_B=empty(),
        field_B=empty(),
    )


def _label_dtype(reader: PatchReader) -> torch.dtype:
    """Return int32 where labels have 32 bits at most (kept as bits, so that none overflows)."""
    masks = [field.cells.data.dtype for field in reader.fields if field.cells is not None]
    return torch.int64 if any(dtype.itemsize > 4 for dtype in masks) else torch.int32
