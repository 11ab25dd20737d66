"""A trained network applied to patches as they were read."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.errors import InvalidSettings
from napari_splicer.patches.canvas import as_bits
from napari_splicer.patches.memory_layout import channels_last
from napari_splicer.patches.normalization import make_normalizer
from napari_splicer.patches.presence import Presence, blanked
from napari_splicer.patches.reader import NormalizedBatch
from napari_splicer.patches.shortage import give_back, is_out_of_memory, roomier
from napari_splicer.patches.splitting import side_by_side
from napari_splicer.patches.tile_normalizer import normalized_by_tile
from napari_splicer.training.device import autocast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_splicer.config import RunConfig
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.patches.normalization import Normalizer
    from napari_splicer.patches.reader import PatchBatch, PatchReader


class Forward:
    """The network of a bundle on the device of a run; close it to give the device's memory back.

    Parameters
    ----------
    fields : sequence of MaskedImage
        That patches will come from.
    bundle : Bundle
    run : RunConfig
        As :func:`napari_splicer.embedding.resolve.resolve` makes it.
    normalizer : Normalizer, optional
        Of these fields; default: made when first needed.
    """

    def __init__(
        self,
        fields: Sequence[MaskedImage],
        bundle: Bundle,
        run: RunConfig,
        normalizer: Normalizer | None = None,
    ) -> None:
        self._fields, self._bundle, self._run = fields, bundle, run
        self._given = normalizer
        self.device = torch.device(run.device)
        """What computes."""
        self._presence = Presence(fields, bundle.decomposition, bundle.channels, masks=False)
        self._parts = parts_seen(bundle)
        network = bundle.network
        self._network = network if self.device.type == "cpu" else deepcopy(network)
        self._network.to(self.device).eval()
        self.most = run.embedding.batch or 1  # resolved
        """Patches that go through the network at once: fewer than asked for, if need be."""

    @cached_property
    def _normalizer(self) -> Normalizer:
        return self._given or make_normalizer(
            self._fields, self._bundle.normalization, self._run.normalization, seed=self._run.seed
        )

    def widths(self) -> tuple[int, int]:
        """Return the columns of representation and primary embedding.

        Raises
        ------
        InvalidSettings
            If the device's memory does not hold a single patch.
        """
        channels = self._bundle.channels
        if self._network.sees_parts:
            channels = tuple(c for part in self._parts.components for c in part.channels)
        side = self._run.patches.size
        try:
            with torch.inference_mode():
                one_BCHW = torch.zeros(1, len(channels), side, side, device=self.device)
                z_BZ, e_BD = self._embed(one_BCHW)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise self._too_small() from error
        return z_BZ.shape[1], e_BD.shape[1]

    def prepare(self) -> None:
        """Fit what is fitted to the images, before batches come on several threads at once."""
        _ = self._normalizer

    def fed(self, reader: PatchReader) -> PatchReader:
        """Return a reader of the same patches, in the way in which this takes them in fastest."""
        if self.device.type != "cpu":
            return reader
        dtype = torch.bfloat16 if self._run.precision == "bf16" else torch.float32
        coarse = reader.coarse and normalized_by_tile(reader.coarse, self._normalizer, dtype)
        return normalized_by_tile(replace(reader, coarse=coarse), self._normalizer, dtype)

    @torch.inference_mode()
    def __call__(self, batch: PatchBatch) -> tuple[Tensor, Tensor]:
        """Return representation (B, Z) and primary embedding (B, D), float32 on the CPU.

        Raises
        ------
        InvalidSettings
            If the device's memory does not hold a single patch.
        """
        done: list[tuple[Tensor, Tensor]] = []
        while (begun := sum(len(z_BZ) for z_BZ, _ in done)) < len(batch):
            most = self.most
            try:
                done.append(self._embed(self._normalised(batch.rows(begun, begun + most))))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if most == 1:
                    raise self._too_small() from error
                # Several threads may find out at once that there were too many.
                self.most = min(self.most, (most + 1) // 2)
            if self.most < most:  # not above: the error holds on to what it was raised from
                give_back(self.device)
        z_BZ, e_BD = (torch.cat(parts) for parts in zip(*done, strict=True))
        return z_BZ, e_BD

    def close(self) -> None:
        """Give the device's memory back."""
        del self._network
        give_back(self.device)

    def _normalised(self, batch: PatchBatch) -> Tensor:
        x_BCHW = batch.x_BCHW
        if not isinstance(batch, NormalizedBatch):
            if self.device.type == "cpu":  # while pixels are small
                x_BCHW = channels_last(as_bits(x_BCHW)).view(x_BCHW.dtype)
            x_BCHW = self._normalizer.apply(x_BCHW, batch.field_B)
        if not self._presence.complete:
            x_BCHW = blanked(x_BCHW, self._presence.of(batch.field_B).channels_BC)
        if self._network.sees_parts:
            return side_by_side(
                replace(batch, x_BCHW=x_BCHW),
                self._parts,
                self._bundle.channels,
                self._parts.regions,
            )
        return x_BCHW

    def _embed(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        with autocast(self._run, self.device):
            z_BZ, e_BD = self._network.embed(x_BCHW)
        return z_BZ.float().cpu(), e_BD.float().cpu()

    def _too_small(self) -> InvalidSettings:
        said = f"The memory of {self.device} does not hold a single patch."
        return InvalidSettings(said, roomier(self.device))


def parts_seen(bundle: Bundle) -> Decomposition:
    """Return the components that a bundle's network takes in one by one: none for most."""
    return bundle.decomposition if bundle.network.sees_parts else Decomposition(())
