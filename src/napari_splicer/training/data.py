"""The patches of a training: read once, normalised and augmented batch by batch."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from napari_splicer.errors import UnusableChannel
from napari_splicer.images.fingerprint import seen
from napari_splicer.model.record import NormalizationRecord
from napari_splicer.patches.augmentation import center_crop
from napari_splicer.patches.cache import PatchCache
from napari_splicer.patches.normalization import fit_normalization, make_normalizer
from napari_splicer.training.reading import trained_components, training_reader
from napari_splicer.training.schedule import Draws, count_held_out, derive_seed, hold_out

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_splicer.config import RunConfig
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.patches.reader import PatchBatch

LOOKED_AT = 512
"""Patches of the fixed batch on which the representation's rank is followed."""


class TrainingData:
    """The patches at the sites of a resolved run, as many as it asks for and there is room for.

    Parameters
    ----------
    fields : sequence of MaskedImage
    config : RunConfig
        Resolved.
    channels : sequence of str
        To read.
    folder : Path, optional
        On the disk of the temporary file for patches that memory does not hold.

    Raises
    ------
    UnusableChannel
        If a channel holds no finite number, or all channels of a component are constant.

    Attributes
    ----------
    seen : list of Seen
        The images and masks, as they are when the training begins, or is gone on with.
    trained_on, held_out : int64 Tensor
        Rows that steps are made of, and rows on which a plateau is looked for. Neighbouring cells
        may be on either side and share pixels: a plateau shows, overfitting to an image does not.
    """

    def __init__(
        self,
        fields: Sequence[MaskedImage],
        config: RunConfig,
        channels: Sequence[str],
        folder: Path | None = None,
    ) -> None:
        self._config = config
        self.normalization = fit_normalization(
            fields, channels, config.normalization, seed=config.seed
        )
        _refuse_blind_components(config, self.normalization.constant)
        self._normalizer = make_normalizer(
            fields, self.normalization, config.normalization, seed=config.seed
        )
        self.seen = seen(
            fields,
            channels=channels,
            regions=trained_components(config).regions,
            cells=config.patches.sites == "cells",
        )
        reader = training_reader(fields, config, channels)
        training, seed = config.training, config.seed
        self._cache = PatchCache(
            reader, training.cache_gb, seed=seed, folder=folder, most=training.patches
        )
        self.trained_on, self.held_out = hold_out(
            config.seed, len(self), count_held_out(config.training, len(self))
        )

    def __len__(self) -> int:
        return len(self._cache)

    def read(self) -> Iterator[int]:
        """Read all patches; yield how many are there after each batch."""
        return self._cache.fill()

    def known_by(self) -> dict[str, Any]:
        """Return by what a checkpoint tells whether these are still its patches."""
        return {
            "normalization": NormalizationRecord.model_validate(self.normalization.to_dict()),
            "patches": len(self),
            "pixels": {one.what: one.fingerprint for one in self.seen},
        }

    def remarks(self) -> Iterator[str]:
        """Yield what the user should know about the patches."""
        constant = self.normalization.constant
        if len(constant) == 1:
            yield f"Channel {constant[0]} is the same everywhere, so nothing is learned from it."
        elif constant:
            yield (
                f"Channels {', '.join(constant)} are the same everywhere, so nothing is learned "
                "from them."
            )
        if self._cache.message is not None:
            yield self._cache.message

    def close(self) -> None:
        """Give the patches' memory, or their room on the disk, back."""
        self._cache.close()

    def take(self, rows_B: Tensor) -> PatchBatch:
        """Return the normalised patches in these rows, with room to rotate and shift."""
        batch = self._cache.take(rows_B, self._config.device)
        return replace(batch, x_BCHW=self._normalizer.apply(batch.x_BCHW, batch.field_B))

    def sample(self, most: int = LOOKED_AT) -> PatchBatch:
        """Return a fixed batch of at most 512 normalised patches, with room as in training."""
        seed = derive_seed(self._config.seed, Draws.LOOKED_AT)
        generator = torch.Generator().manual_seed(seed)
        return self.take(torch.randperm(len(self), generator=generator)[:most])

    def looked_at(self) -> PatchBatch:
        """Return the sample, as its patches will be embedded."""
        return center_crop(self.sample(), self._config.patches.size)


def _refuse_blind_components(config: RunConfig, constant: Sequence[str]) -> None:
    for component in trained_components(config).components:
        if set(component.channels) <= set(constant):
            raise UnusableChannel(
                f"Component '{component.name}' has nothing to learn from: "
                f"{', '.join(component.channels)} is the same everywhere.",
                "Remove the component, or add a channel that varies.",
            )
