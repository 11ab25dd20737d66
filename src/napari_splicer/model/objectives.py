"""How a network is put together for what it is trained for: SpliCER and what stands beside it.

All have the same encoder, projector and loss; they differ in what is aligned with what.

- ``splicer``: every component's chunk of the embedding with the component's branch.
- ``je``, joint embedding: two views of the whole patch. What other tools do.
- ``sum-je``: the whole embedding with every component's branch; no chunks.
- ``concat``: an encoder per component, each trained on two views of its component alone; their
  representations are put side by side. As many encoders when cells are embedded, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from napari_splicer.errors import InvalidComponent, InvalidSettings
from napari_splicer.model.bank import BranchShape, ComponentBank
from napari_splicer.model.encoders import build_encoder, representation_width
from napari_splicer.model.losses import build_loss
from napari_splicer.model.projector import build_projector
from napari_splicer.model.splicer import WHOLE, Layout, SpliCER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_splicer.components.decomposition import Decomposition
    from napari_splicer.config import ModelSettings
    from napari_splicer.model.losses import ChunkLoss, OwnLoss

SHARED = "shared"


def build_network(
    settings: ModelSettings,
    decomposition: Decomposition,
    channels: Sequence[str],
    size: int,
    *,
    encoder: nn.Module | None = None,
    loss: OwnLoss | None = None,
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
        Serves as primary encoder instead of the one that ``settings.encoder`` names; not with
        ``"concat"``, which has several.
    loss : callable or type[ChunkLoss], optional
        Serves instead of the loss that ``settings.loss`` names: a function or module (a_BK, b_BK)
        -> scalar, which gets a chunk and its branch's embedding of the other view, or a subclass
        of :class:`~napari_splicer.model.losses.ChunkLoss`.
    seed : int
        For the weights. torch's global random state is left as it was.

    Raises
    ------
    InvalidSettings
        If the encoder or the loss is unknown, the encoder can't take patches of this size, or one
        encoder is given where there are several.
    InvalidComponent
        If there is no component but the objective needs them, the embedding is too narrow for all
        chunks, or a component has the shared chunk's name, "shared".
    """
    objective = settings.objective
    if objective != "je":
        _check(decomposition)
    if objective == "concat" and encoder is not None:
        raise InvalidSettings(
            "The objective 'concat' trains an encoder for every component, and one was given.",
            "Leave the encoder out, or choose another objective.",
        )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        if objective == "concat":
            return _concat(settings, decomposition, size, loss)
        if encoder is None:
            encoder = build_encoder(settings.encoder, len(channels), settings.width, size)
        width = representation_width(encoder, len(channels), size)
        projector = build_projector(width, settings.hidden, settings.embedding)
        chunks = _chunks(settings, decomposition) if objective == "splicer" else {}
        aligned = chunks
        bank = None
        if objective == "je":
            aligned = {"whole": WHOLE}
        elif objective == "sum-je":
            aligned = dict.fromkeys(decomposition.names, WHOLE)
        if objective != "je":
            bank = _bank(settings, decomposition, aligned, size)
        return SpliCER(
            encoder,
            projector,
            bank,
            build_loss(settings, _widths(aligned, settings), loss),
            Layout(aligned, chunks, _weights(decomposition) if objective != "je" else {}),
            _branch_loss(
                settings, [] if bank is None else _widths(aligned, settings)[: len(bank)], loss
            ),
        )


def _branch_loss(
    settings: ModelSettings, widths: Sequence[int], loss: OwnLoss | None
) -> ChunkLoss | None:
    """Return what holds each branch against itself, by itself, as Concat's encoders are."""
    if not settings.consistency or not widths:
        return None
    return build_loss(settings.model_copy(update={"decorrelation": 0.0}), widths, loss)


def _bank(
    settings: ModelSettings, decomposition: Decomposition, aligned: Mapping[str, slice], size: int
) -> ComponentBank:
    widths = _widths(aligned, settings)
    shapes = [
        BranchShape(len(part.channels), width)
        for part, width in zip(decomposition.components, widths, strict=False)
    ]
    return ComponentBank(
        shapes,
        width=branch_width(settings),
        hidden=settings.hidden // 2,
        size=size,
        largest_map=settings.branch_map,
    )


def _concat(
    settings: ModelSettings, decomposition: Decomposition, size: int, loss: OwnLoss | None
) -> SpliCER:
    """Make one encoder and projector per component, side by side."""
    parts = decomposition.components
    chunks = _chunks(settings, decomposition)
    widths = _widths(chunks, settings)
    encoders = [
        build_encoder(settings.encoder, len(part.channels), settings.width, size) for part in parts
    ]
    entering = [
        representation_width(encoder, len(part.channels), size)
        for encoder, part in zip(encoders, parts, strict=True)
    ]
    projectors = [
        build_projector(z, settings.hidden, width)
        for z, width in zip(entering, widths, strict=True)
    ]
    alone = settings.model_copy(update={"decorrelation": 0.0})
    return SpliCER(
        SideBySide(encoders, [len(part.channels) for part in parts]),
        SideBySide(projectors, entering),
        None,
        build_loss(alone, widths, loss),
        Layout(chunks, chunks, _weights(decomposition), sees_parts=True),
    )


class SideBySide(nn.Module):
    """Modules that each take their own columns (or channels) of the input; outputs side by side.

    Parameters
    ----------
    members : sequence of nn.Module
    widths : sequence of int
        How many columns each one takes.
    """

    def __init__(self, members: Sequence[nn.Module], widths: Sequence[int]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.widths = list(widths)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, sum of the members' outputs) of (B, sum of widths, ...)."""
        inputs = torch.split(x, self.widths, dim=1)
        outputs = [member(part) for member, part in zip(self.members, inputs, strict=True)]
        return torch.cat(outputs, dim=1)


def branch_width(settings: ModelSettings) -> int:
    """Return the channels of a branch's first stage: as set, or half of the primary's."""
    return settings.branch_width or max(4, settings.width // 2)


def chunk_room(settings: ModelSettings) -> int:
    """Return the dimensions that components divide between them.

    All of the embedding but the shared chunk, which SpliCER alone has.
    """
    return settings.embedding - (settings.shared if settings.objective == "splicer" else 0)


def _check(decomposition: Decomposition) -> None:
    if not decomposition.components:
        raise InvalidComponent(
            "SpliCER needs at least one component, and there is none.",
            "Define components, or choose the objective 'je', which does without.",
        )
    if SHARED in decomposition.names:
        raise InvalidComponent(
            f"A component is called '{SHARED}', which is the name of what two views of the whole "
            "patch share.",
            "Rename the component.",
        )


def _chunks(settings: ModelSettings, decomposition: Decomposition) -> dict[str, slice]:
    room = chunk_room(settings)
    slices, start = {}, 0
    for name, width in zip(decomposition.names, decomposition.widths(room), strict=True):
        slices[name] = slice(start, start + width)
        start += width
    if room < settings.embedding:
        slices[SHARED] = slice(room, settings.embedding)
    return slices


def _widths(aligned: Mapping[str, slice], settings: ModelSettings) -> list[int]:
    return [len(range(settings.embedding)[chunk]) for chunk in aligned.values()]


def _weights(decomposition: Decomposition) -> dict[str, float]:
    return {part.name: part.weight for part in decomposition.components}
