"""Which components an image has: what it lacks is masked out of the loss, never made up.

A channel may be missing from one panel, a mask from one image. A component is present where all of
its channels and its mask are. What the primary sees of a patch is what belongs to some component
that is present; everything else is blank (0, the background), so that a network that was trained
with component dropout meets nothing new in an image of a smaller panel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_splicer.errors import InvalidComponent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Generator, Tensor

    from napari_splicer.components.decomposition import Decomposition
    from napari_splicer.images.masks import MaskedImage


@dataclass(frozen=True, eq=False)
class Seen:
    """What there is of each patch of a batch.

    Parameters
    ----------
    channels_BC : bool Tensor
        Channels that the primary sees; on the CPU, as the other one.
    components_BN : bool Tensor
        Components that are present.
    """

    channels_BC: Tensor
    components_BN: Tensor


class Presence:
    """What each field of view has of ``channels`` and components.

    Parameters
    ----------
    fields : sequence of MaskedImage
    decomposition : Decomposition
        Without components, every field must have all channels.
    channels : sequence of str
        Of a batch.
    masks : bool
        Whether a component is absent where its mask is: not where only the primary looks.

    Raises
    ------
    InvalidComponent
        If nothing is left to see of one of the fields: every component lacks something there.
    """

    def __init__(
        self,
        fields: Sequence[MaskedImage],
        decomposition: Decomposition,
        channels: Sequence[str],
        *,
        masks: bool = True,
    ) -> None:
        self.names = decomposition.names
        components = decomposition.components
        self._uses_NC = torch.tensor(
            [[name in component.channels for name in channels] for component in components],
            dtype=torch.bool,
        ).reshape(len(components), len(channels))
        self._has_FC = torch.tensor(
            [[name in field.image.channels for name in channels] for field in fields]
        )
        needed = [component.region.mask if masks else None for component in components]
        self._has_FN = torch.tensor(
            [[mask is None or mask in field.regions for mask in needed] for field in fields],
            dtype=torch.bool,
        ).reshape(len(fields), len(components))
        self.of_fields = self._seen(self._has_FC, self._has_FN)
        for field, seen_C in zip(fields, self.of_fields.channels_BC, strict=True):
            if not seen_C.any():
                raise InvalidComponent(
                    f"Every component lacks something in {field.name}: "
                    f"{lacks(field, decomposition)}.",
                    "Leave this image out, or define components that it has.",
                )

    @property
    def complete(self) -> bool:
        """Whether every field has all channels and masks."""
        return bool(self._has_FC.all() and self._has_FN.all())

    def of(self, field_B: Tensor) -> Seen:
        """Return what patches of the fields ``field_B`` have."""
        rows_B = field_B.cpu()
        return Seen(self.of_fields.channels_BC[rows_B], self.of_fields.components_BN[rows_B])

    def stored(self, field_B: Tensor) -> Tensor:
        """Return which channels the images of patches have, bool (B, C), on the CPU."""
        return self._has_FC[field_B.cpu()]

    def dropped(self, field_B: Tensor, chance: float, generator: Generator) -> Seen:
        """Return the same with a component left out at random, as if its channels were missing.

        One is drawn at most for each patch. Others that share a channel with it are left out with
        it, as in an image that lacks that channel: one that shares channels with many is left out
        more often than those that share none. Where nothing would be left to see, as for a
        component of all channels, as much is kept as the field has.

        Parameters
        ----------
        field_B : int64 Tensor
        chance : float
            Of each patch; every component is drawn as often as the others.
        generator : torch.Generator
            On the CPU.
        """
        rows_B = field_B.cpu()
        if not self.names:
            return self.of(rows_B)
        drop_B = torch.rand(len(rows_B), generator=generator) < chance
        which_B = torch.randint(len(self.names), (len(rows_B),), generator=generator)
        missing_BC = self._uses_NC[which_B] & drop_B[:, None]
        left = self._seen(self._has_FC[rows_B] & ~missing_BC, self._has_FN[rows_B])
        nothing_B1 = ~left.channels_BC.any(dim=1, keepdim=True)
        all_there = self.of(rows_B)
        return Seen(
            torch.where(nothing_B1, all_there.channels_BC, left.channels_BC),
            torch.where(nothing_B1, all_there.components_BN, left.components_BN),
        )

    def _seen(self, has_BC: Tensor, has_BN: Tensor) -> Seen:
        """Return what is there where ``has_BC`` channels are stored and ``has_BN`` masks known."""
        if not self.names:
            return Seen(has_BC, has_BN)
        uses_NC = self._uses_NC.float()
        whole_BN = ((~has_BC).float() @ uses_NC.T) == 0
        visible_BC = (whole_BN.float() @ uses_NC) > 0
        return Seen(visible_BC & has_BC, whole_BN & has_BN)


def blanked(x_BCHW: Tensor, channels_BC: Tensor) -> Tensor:
    """Return normalised patches with the channels that are not seen at 0."""
    if bool(channels_BC.all()):
        return x_BCHW
    return x_BCHW * channels_BC.to(x_BCHW.device)[:, :, None, None]


def in_place_of_absent(present_B: Tensor) -> Tensor | None:
    """Return rows in which the patches that lack a component are replaced by some that have it.

    Batch normalisation would else take what an image lacks for data; the loss leaves these rows
    out. None where there is nothing to replace, or nothing to replace it by.
    """
    rows_B = torch.arange(len(present_B))
    here = rows_B[present_B]
    if not 0 < len(here) < len(rows_B):
        return None
    rows_B[~present_B] = here[torch.arange(len(rows_B) - len(here)) % len(here)]
    return rows_B


def lacks(field: MaskedImage, decomposition: Decomposition) -> str:
    """Return, in words, what of the components a field lacks; empty if nothing."""
    channels = [name for name in decomposition.channels if name not in field.image.channels]
    masks = [name for name in decomposition.regions if name not in field.regions]
    said = [
        f"the {what}{'s' if len(names) > 1 else ''} {', '.join(names)}"
        for what, names in (("channel", channels), ("mask", masks))
        if names
    ]
    return " and ".join(said)


def absent_components(
    fields: Sequence[MaskedImage], decomposition: Decomposition
) -> tuple[tuple[str, ...], ...]:
    """Return, for each field in turn, the names of the components that are not present there."""
    if not decomposition.components:
        return ((),) * len(fields)
    presence = Presence(fields, decomposition, decomposition.channels)
    return tuple(
        tuple(name for name, here in zip(presence.names, here_N.tolist(), strict=True) if not here)
        for here_N in presence.of_fields.components_BN
    )


def said_of_absent(fields: Sequence[MaskedImage], decomposition: Decomposition) -> Iterator[str]:
    """Yield a sentence for every image that lacks components."""
    for field, absent in zip(fields, absent_components(fields, decomposition), strict=True):
        if not absent:
            continue
        several = len(absent) > 1
        yield (
            f"{field.name} lacks {lacks(field, decomposition)}: "
            f"the component{'s' if several else ''} {', '.join(absent)} "
            f"{'are' if several else 'is'} left out there. "
            f"{decomposition.match(field.image.channels).advice}"
        ).rstrip()
