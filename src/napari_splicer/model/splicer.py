"""SpliCER: a primary network whose embedding is divided among components.

Farndale, Henderson, Roberts, Yuan, "Divide and Conquer Self-Supervised Learning for High-Content
Imaging", arXiv 2503.07444. Its rival JE (joint embedding) is the same network without components.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from napari_splicer.errors import InvalidComponent
from napari_splicer.model.bank import BranchShape, ComponentBank
from napari_splicer.model.encoders import build_encoder, representation_width
from napari_splicer.model.losses import LOSSES, Pair, Terms
from napari_splicer.model.projector import build_projector

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from napari_splicer.components.decomposition import Decomposition
    from napari_splicer.config import ModelSettings

SHARED = "shared"


class SpliCER(nn.Module):
    """Encoder, projector and, for training, one branch per component.

    Most readers call :func:`build_network`, which makes the parts fit one another.

    Parameters
    ----------
    encoder : nn.Module
        x_BCHW -> z_BZ.
    projector : nn.Module
        z_BZ -> e_BD.
    bank : ComponentBank, optional
        Component branches, in the order of ``chunks``; None for JE.
    chunks : mapping of str to slice
        Columns of the embedding per component, and under ``"shared"`` those that two views of the
        whole patch have in common. Empty for JE.
    weights : mapping of str to float
        Per component; 1 where there is none.
    settings : ModelSettings
        The loss and its strengths.

    Attributes
    ----------
    component_slices : dict of str to slice
        As ``chunks``.

    Examples
    --------
    In a training loop of one's own, with any encoder:

    >>> from torch import nn, rand
    >>> from napari_splicer.components.decomposition import Decomposition
    >>> from napari_splicer.config import Component, ModelSettings
    >>> parts = Decomposition((Component(name="a", channels=("CD3", "CD8")),
    ...                        Component(name="b", channels=("DNA",))))
    >>> mine = nn.Sequential(nn.Conv2d(3, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    >>> network = build_network(ModelSettings(), parts, ["CD3", "CD8", "DNA"], 16, encoder=mine)
    >>> first, second = rand(8, 3, 16, 16), rand(8, 3, 16, 16)
    >>> terms = network.objective(first, [second[:, :2], second[:, 2:]])
    >>> terms.total.backward()
    >>> sorted(terms.parts)
    ['a', 'b']
    """

    def __init__(
        self,
        encoder: nn.Module,
        projector: nn.Module,
        bank: ComponentBank | None,
        *,
        chunks: Mapping[str, slice],
        weights: Mapping[str, float],
        settings: ModelSettings,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = projector
        self.bank = bank
        self.component_slices = dict(chunks)
        self._weights = dict(weights)
        self._settings = settings

    @property
    def whole_second_view(self) -> bool:
        """Whether :meth:`objective` needs the second view of the whole patch, too."""
        return self.bank is None or SHARED in self.component_slices

    def represent(self, x_BCHW: Tensor) -> Tensor:
        """Return the representation z_BZ, the output of the encoder."""
        z_BZ: Tensor = self.encoder(x_BCHW)
        return z_BZ

    def embed(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the representation z_BZ and the primary embedding e_BD."""
        z_BZ = self.represent(x_BCHW)
        return z_BZ, self.projector(z_BZ)

    forward = represent

    def objective(self, x_BCHW: Tensor, views: Sequence[Tensor]) -> Terms:
        """Return the loss of one batch.

        Parameters
        ----------
        x_BCHW : Tensor
            First view of the whole patches, normalised.
        views : sequence of Tensor
            What the components see of the second view, (B, C_i, H, W) each, in their order; then,
            where :attr:`whole_second_view`, the second view of the whole patches.

        Returns
        -------
        Terms
            In float32, whatever precision the network runs in.
        """
        targets = [] if self.bank is None else self.bank(views[: len(self.bank)])
        e_BD = self.embed(x_BCHW)[1]
        if self.whole_second_view:
            other_BD = self.embed(views[-1])[1]
            targets.append(other_BD[:, self.component_slices.get(SHARED, slice(None))])
        names = tuple(self.component_slices) or ("whole",)
        pairs = [
            Pair(
                name,
                self.component_slices.get(name, slice(None)),
                target_BK.float(),
                self._weights.get(name, 1.0),
            )
            for name, target_BK in zip(names, targets, strict=True)
        ]
        with torch.autocast(x_BCHW.device.type, enabled=False):
            terms = LOSSES[self._settings.loss](e_BD.float(), pairs, self._settings)
        return terms if self.component_slices else Terms(terms.total, {})


def build_network(
    settings: ModelSettings,
    decomposition: Decomposition,
    channels: Sequence[str],
    size: int,
    *,
    encoder: nn.Module | None = None,
    seed: int = 0,
) -> SpliCER:
    """Make a network with fresh weights; the same seed gives the same weights.

    Parameters
    ----------
    settings : ModelSettings
        With ``objective`` ``"je"``, the decomposition is not looked at.
    decomposition : Decomposition
        Components, each of which gets a branch and a chunk.
    channels : sequence of str
        All channels that the primary sees.
    size : int
        Side of the patch in pixels.
    encoder : nn.Module, optional
        Serves as primary encoder instead of the one that ``settings.encoder`` names.
    seed : int
        For the weights. torch's global random state is left as it was.

    Raises
    ------
    InvalidSettings
        If the encoder is unknown or can't take patches of this size.
    InvalidComponent
        If the objective is SpliCER and there is no component, the embedding is too narrow for all
        chunks, or a component has the shared chunk's name, "shared".
    """
    chunks = _chunks(settings, decomposition) if settings.objective == "splicer" else {}
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if encoder is None:
            encoder = build_encoder(settings.encoder, len(channels), settings.width, size)
        width = representation_width(encoder, len(channels), size)
        return SpliCER(
            encoder,
            build_projector(width, settings.hidden, settings.embedding),
            _bank(settings, decomposition, chunks, size) if chunks else None,
            chunks=chunks,
            weights={
                part.name: part.weight for part in decomposition.components if part.name in chunks
            },
            settings=settings,
        )


def _bank(
    settings: ModelSettings, decomposition: Decomposition, chunks: Mapping[str, slice], size: int
) -> ComponentBank:
    shapes = [
        BranchShape(len(part.channels), chunks[part.name].stop - chunks[part.name].start)
        for part in decomposition.components
    ]
    return ComponentBank(
        shapes, width=branch_width(settings), hidden=settings.hidden // 2, size=size
    )


def branch_width(settings: ModelSettings) -> int:
    """Return the channels of a branch's first stage: as set, or half of the primary's."""
    return settings.branch_width or max(4, settings.width // 2)


def _chunks(settings: ModelSettings, decomposition: Decomposition) -> dict[str, slice]:
    names = [part.name for part in decomposition.components]
    if not names:
        raise InvalidComponent(
            "SpliCER needs at least one component, and there is none.",
            "Define components, or choose the objective 'je', which does without.",
        )
    if SHARED in names:
        raise InvalidComponent(
            f"A component is called '{SHARED}', which is the name of what two views of the whole "
            "patch share.",
            "Rename the component.",
        )
    widths = [*decomposition.widths(settings.embedding - settings.shared), settings.shared]
    slices, start = {}, 0
    for name, width in zip([*names, SHARED], widths, strict=True):
        slices[name] = slice(start, start + width)
        start += width
    if not settings.shared:
        del slices[SHARED]
    return slices
