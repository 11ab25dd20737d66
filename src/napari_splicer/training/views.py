"""What the network sees of a training patch: two views, the second one split into components."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import torch

from napari_splicer.patches.augmentation import apply_augmentation, sample_augmentation
from napari_splicer.patches.presence import blanked, in_place_of_absent
from napari_splicer.patches.splitting import side_by_side, split
from napari_splicer.training.reading import trained_components

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_splicer.config import RunConfig
    from napari_splicer.model.splicer import SpliCER
    from napari_splicer.patches.presence import Presence, Seen
    from napari_splicer.patches.reader import PatchBatch


class Viewed(NamedTuple):
    """What :meth:`SpliCER.objective` is called with.

    Attributes
    ----------
    x_BCHW : Tensor
        First view, as the primary sees it.
    second : list of Tensor
        What the components see of the second view, and the whole of it where that is needed.
    present : dict of str to bool Tensor (B,), or None
        By component, the patches that have it; None where all have all.
    """

    x_BCHW: Tensor
    second: list[Tensor]
    present: dict[str, Tensor] | None

    def rows(self, part: slice) -> Viewed:
        """Return what is seen of some of the patches."""
        present = self.present and {name: here_B[part] for name, here_B in self.present.items()}
        return Viewed(self.x_BCHW[part], [x_BCHW[part] for x_BCHW in self.second], present)


class Views:
    """Makes the two views of a batch.

    The primary sees the first one; all components are split from the second (arXiv 2312.02111).
    Where images lack components, or components are dropped, the primary sees what is left, and
    nothing is asked about the others.

    Parameters
    ----------
    config : RunConfig
    channels : sequence of str
        What the batch holds.
    whole : bool
        Whether the network needs the second view of the whole patch too.
    parts : bool
        Whether the primary sees the components side by side, instead of the patch.
    both : bool
        Whether the network needs what the components see of the first view, too.
    presence : Presence, optional
        What each image has; everything where it is left out.
    """

    def __init__(
        self,
        config: RunConfig,
        channels: Sequence[str],
        *,
        whole: bool,
        parts: bool = False,
        both: bool = False,
        presence: Presence | None = None,
    ) -> None:
        self._settings = config.augmentation
        self._size = config.patches.size
        self._decomposition = trained_components(config)
        self._channels = tuple(channels)
        self._whole = whole
        self._parts = parts
        self._both = both
        self._dropout = config.training.component_dropout or 0.0
        self._presence = presence
        # Side by side, every component has an encoder of its own: none can learn to do without.
        if parts or (presence is not None and presence.complete and not self._dropout):
            self._presence = None

    @classmethod
    def of_network(
        cls,
        network: SpliCER,
        config: RunConfig,
        channels: Sequence[str],
        presence: Presence | None = None,
    ) -> Views:
        """Return what makes the views that ``network`` needs."""
        return cls(
            config,
            channels,
            whole=network.whole_second_view,
            parts=network.sees_parts,
            both=network.parts_of_both_views,
            presence=presence,
        )

    @property
    def regions(self) -> tuple[str, ...]:
        """Masks, besides the cells, that a batch must hold."""
        return self._decomposition.regions

    def __call__(self, batch: PatchBatch, seed: int) -> Viewed:
        """Return both views.

        Parameters
        ----------
        batch : PatchBatch
            Normalised, with room to rotate and shift.
        seed : int
            Decides both augmentations, and which components are dropped.
        """
        generator = torch.Generator().manual_seed(seed)
        first, second = (self._augmented(batch, generator) for _ in range(2))
        if self._presence is None:
            return self._viewed(first, second, None, None)
        there = seen = self._presence.of(batch.field_B)
        if self._dropout:
            seen = self._presence.dropped(batch.field_B, self._dropout, generator)
        return self._viewed(_seen(first, there), _seen(second, there), there, seen)

    def of_rows(
        self, take: Callable[[Tensor], PatchBatch], rows_B: Tensor, seed: int, part: slice
    ) -> Viewed:
        """Return both views of some of a batch's patches, as they are among all of them.

        Parameters
        ----------
        take : callable
            Returns the patches in given rows, as :meth:`TrainingData.take`.
        rows_B : int64 Tensor
            Of the whole batch.
        seed : int
            As in :meth:`__call__`.
        part : slice
            Which of ``rows_B``.
        """
        if self._presence is not None or self._settings.styles:  # patches lend others something
            return self(take(rows_B), seed).rows(part)
        generator = torch.Generator().manual_seed(seed)
        batch, count = take(rows_B[part]), len(rows_B)
        first, second = (self._augmented(batch, generator, count, part) for _ in range(2))
        return self._viewed(first, second, None, None)

    def of_primary(self, batch: PatchBatch) -> Tensor:
        """Return what the primary sees of patches of the size it takes."""
        if self._presence is not None:
            batch = _seen(batch, self._presence.of(batch.field_B))
        return self._of_primary(batch)

    def there(self, batch: PatchBatch) -> tuple[Tensor, dict[str, Tensor]] | None:
        """Return which channels, (B, C), and by name which components (B,) each patch has.

        None where all have all.
        """
        if self._presence is None:
            return None
        seen = self._presence.of(batch.field_B)
        return seen.channels_BC, self._by_name(seen)

    def _viewed(
        self, first: PatchBatch, second: PatchBatch, there: Seen | None, seen: Seen | None
    ) -> Viewed:
        present = None if seen is None else self._by_name(seen)
        if self._parts:
            return Viewed(self._of_primary(first), [self._of_primary(second)], present)
        views = self._split(second, there)
        if self._whole:
            views.append(second.x_BCHW)
        if self._both:
            views += self._split(first, there)
        return Viewed((first if seen is None else _seen(first, seen)).x_BCHW, views, present)

    def _of_primary(self, batch: PatchBatch) -> Tensor:
        if self._parts:
            return side_by_side(batch, self._decomposition, self._channels, self.regions)
        return batch.x_BCHW

    def _split(self, view: PatchBatch, there: Seen | None) -> list[Tensor]:
        """Return what the components see; where one is absent, what it sees of other patches."""
        views = split(view, self._decomposition, self._channels, self.regions)
        if there is None or not views:
            return views
        rows = [in_place_of_absent(present_B) for present_B in there.components_BN.unbind(dim=1)]
        return [
            x if rows_B is None else x[rows_B.to(x.device)]
            for x, rows_B in zip(views, rows, strict=True)
        ]

    def _by_name(self, seen: Seen) -> dict[str, Tensor]:
        assert self._presence is not None
        return dict(zip(self._presence.names, seen.components_BN.unbind(dim=1), strict=True))

    def _augmented(
        self,
        batch: PatchBatch,
        generator: torch.Generator,
        count: int | None = None,
        part: slice = slice(None),
    ) -> PatchBatch:
        """Return a view of a batch, or of that ``part`` of one of ``count`` patches."""
        augmentation = sample_augmentation(
            self._settings, count or len(batch), len(self._channels), generator=generator
        )
        presence = self._presence
        stored_BC = None if presence is None else presence.stored(batch.field_B)
        return apply_augmentation(batch, augmentation.of(part), self._size, stored_BC)


def _seen(batch: PatchBatch, seen: Seen) -> PatchBatch:
    return replace(batch, x_BCHW=blanked(batch.x_BCHW, seen.channels_BC))
