"""What the network sees of a training patch: two views, the second one split into components."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_splicer.patches.augmentation import apply_augmentation, sample_augmentation
from napari_splicer.patches.splitting import side_by_side, split
from napari_splicer.training.reading import trained_components

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_splicer.config import RunConfig
    from napari_splicer.patches.reader import PatchBatch


class Views:
    """Makes the two views of a batch.

    The primary sees the first one; all components are split from the second (arXiv 2312.02111).

    Parameters
    ----------
    config : RunConfig
    channels : sequence of str
        What the batch holds.
    whole : bool
        Whether the network needs the second view of the whole patch too.
    parts : bool
        Whether the primary sees the components side by side, instead of the patch.
    """

    def __init__(
        self, config: RunConfig, channels: Sequence[str], *, whole: bool, parts: bool = False
    ) -> None:
        self._settings = config.augmentation
        self._size = config.patches.size
        self._decomposition = trained_components(config)
        self._channels = tuple(channels)
        self._whole = whole
        self._parts = parts

    @property
    def regions(self) -> tuple[str, ...]:
        """Masks, besides the cells, that a batch must hold."""
        return self._decomposition.regions

    def __call__(self, batch: PatchBatch, seed: int) -> tuple[Tensor, list[Tensor]]:
        """Return x_BCHW of the first view, and what ``SpliCER.objective`` needs of the second.

        Parameters
        ----------
        batch : PatchBatch
            Normalised, with room to rotate and shift.
        seed : int
            Decides both augmentations.
        """
        generator = torch.Generator().manual_seed(seed)
        first, second = (self._augmented(batch, generator) for _ in range(2))
        if self._parts:
            return self.of_primary(first), [self.of_primary(second)]
        views = split(second, self._decomposition, self._channels, self.regions)
        return first.x_BCHW, [*views, second.x_BCHW] if self._whole else views

    def of_primary(self, batch: PatchBatch) -> Tensor:
        """Return what the primary sees of patches of the size it takes."""
        if self._parts:
            return side_by_side(batch, self._decomposition, self._channels, self.regions)
        return batch.x_BCHW

    def _augmented(self, batch: PatchBatch, generator: torch.Generator) -> PatchBatch:
        augmentation = sample_augmentation(
            self._settings, len(batch), len(self._channels), generator=generator
        )
        return apply_augmentation(batch, augmentation, self._size)
