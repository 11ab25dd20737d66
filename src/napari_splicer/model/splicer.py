"""SpliCER: a primary network whose embedding is divided among components.

Farndale, Henderson, Roberts, Yuan, "Divide and Conquer Self-Supervised Learning for High-Content
Imaging", arXiv 2503.07444. How it and its rivals are put together is said in
:mod:`~napari_splicer.model.objectives`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import nn

from napari_splicer.model.losses import ChunkLoss, Pair, Taught, Terms
from napari_splicer.model.teacher import Teacher, momentum_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from napari_splicer.model.bank import ComponentBank

WHOLE = slice(None)


class Layout(NamedTuple):
    """What of the embedding is held against what.

    Attributes
    ----------
    aligned : mapping of str to slice
        By name, the columns of the embedding that are held against a branch or, past the branches,
        against the same columns of the second view. In the order of the branches.
    chunks : mapping of str to slice
        Columns of the embedding that belong to one component alone.
    weights : mapping of str to float
        By name; 1 where there is none.
    sees_parts : bool
        Whether the encoder takes what the components see, one after the other along the channel
        axis, instead of the patch.
    """

    aligned: Mapping[str, slice]
    chunks: Mapping[str, slice]
    weights: Mapping[str, float]
    sees_parts: bool = False


class SpliCER(nn.Module):
    """Encoder, projector and, for training, one branch per component and a loss.

    Most readers call :func:`~napari_splicer.model.objectives.build_network`, which makes the parts
    fit one another.

    Parameters
    ----------
    encoder : nn.Module
        x_BCHW -> z_BZ.
    projector : nn.Module
        z_BZ -> e_BD.
    bank : ComponentBank, optional
        Component branches; None where two views of the same thing are aligned.
    loss : ChunkLoss
        With one width per pair.
    layout : Layout
    branch_loss : ChunkLoss, optional
        By which every branch is also held against itself, seeing the component in both views, as
        if it were trained alone. Its strength is ``settings.consistency`` of the loss.

    Attributes
    ----------
    component_slices : dict of str to slice
        Columns of the embedding that belong to one component alone.
    sees_parts : bool
        As in :class:`Layout`.

    Examples
    --------
    In a training loop of one's own, with any encoder:

    >>> from torch import nn, rand
    >>> from napari_splicer.components.decomposition import Decomposition
    >>> from napari_splicer.config import Component, ModelSettings
    >>> from napari_splicer.model.objectives import build_network
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
        loss: ChunkLoss,
        layout: Layout,
        branch_loss: ChunkLoss | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.projector = projector
        self.bank = bank
        self.loss = loss
        self.branch_loss = branch_loss
        self.component_slices = dict(layout.chunks)
        self.sees_parts = layout.sees_parts
        self._layout = layout
        self.teacher = Teacher(self._students()) if loss.has_teacher else None

    @property
    def whole_second_view(self) -> bool:
        """Whether :meth:`objective` needs the second view of the whole patch, too."""
        return len(self._layout.aligned) > self._branches

    @property
    def parts_of_both_views(self) -> bool:
        """Whether :meth:`objective` needs what the components see of the first view, too."""
        return self.branch_loss is not None

    def represent(self, x_BCHW: Tensor) -> Tensor:
        """Return the representation z_BZ, the output of the encoder."""
        z_BZ: Tensor = self.encoder(x_BCHW)
        return z_BZ

    def embed(self, x_BCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Return the representation z_BZ and the primary embedding e_BD."""
        z_BZ = self.represent(x_BCHW)
        return z_BZ, self.projector(z_BZ)

    forward = represent

    def objective(
        self,
        x_BCHW: Tensor,
        views: Sequence[Tensor],
        present: Mapping[str, Tensor] | None = None,
    ) -> Terms:
        """Return the loss of one batch.

        Parameters
        ----------
        x_BCHW : Tensor
            First view of the whole patches, normalised (or of their parts: ``sees_parts``).
        views : sequence of Tensor
            What the components see of the second view, (B, C_i, H, W) each, in their order; then,
            where :attr:`whole_second_view`, the second view of the whole patches; then, where
            :attr:`parts_of_both_views`, what the components see of the first view.
        present : mapping of str to bool Tensor (B,), optional
            By component, which patches have it; all do where nothing is said.

        Returns
        -------
        Terms
            In float32, whatever precision the network runs in.
        """
        e_BD = self.embed(x_BCHW)[1].float()
        targets = self._targets(views)
        taught: list[Taught | None] = [None] * len(targets)
        if self.teacher is not None:
            taught = self._taught(x_BCHW, views)
        weights, here = self._layout.weights, present or {}
        aligned = self._layout.aligned.items()
        pairs = [
            Pair(name, chunk, target, weights.get(name, 1.0), here.get(name), t)
            for (name, chunk), target, t in zip(aligned, targets, taught, strict=True)
        ]
        with torch.autocast(x_BCHW.device.type, enabled=False):
            terms: Terms = self.loss(e_BD, pairs)
        if self.branch_loss is not None:
            terms = self._with_consistency(terms, self.branch_loss, pairs, views)
        return terms if self.component_slices or self.bank is not None else Terms(terms.total, {})

    def counterparts(
        self, x_BCHW: Tensor, views: Sequence[Tensor]
    ) -> dict[str, tuple[Tensor, Tensor]]:
        """Return what :meth:`objective` holds against each other: (e_i, c_i), both (B, K), by name.

        Parameters
        ----------
        x_BCHW, views
            As in :meth:`objective`.
        """
        e_BD = self.embed(x_BCHW)[1].float()
        aligned = self._layout.aligned.items()
        pairs = zip(aligned, self._targets(views), strict=True)
        return {name: (e_BD[:, chunk], target) for (name, chunk), target in pairs}

    def after_step(self, progress: float) -> None:
        """Let the teacher follow; to be called after every step of the optimiser.

        Parameters
        ----------
        progress : float
            From 0 at the first step to 1 at the last.
        """
        if self.teacher is not None:
            momentum = momentum_at(self.loss.settings.momentum, progress)
            self.teacher.follow(self._students(), momentum)

    def _targets(self, views: Sequence[Tensor]) -> list[Tensor]:
        targets = [] if self.bank is None else self.bank(views[: self._branches])
        if self.whole_second_view:
            other_BD = self.embed(views[self._branches])[1]
            targets += [other_BD[:, chunk] for chunk in self._chunks[len(targets) :]]
        return [target.float() for target in targets]

    def _taught(self, x_BCHW: Tensor, views: Sequence[Tensor]) -> list[Taught | None]:
        """Return what the teacher makes of both views, for every pair."""
        teacher, chunks = self.teacher, self._chunks
        assert teacher is not None
        e_BD = teacher("projector", teacher("encoder", x_BCHW)).float()
        targets: list[Tensor] = []
        if self.bank is not None:
            targets += teacher("bank", views[: self._branches])
        if self.whole_second_view:
            other_BD = teacher("projector", teacher("encoder", views[self._branches]))
            targets += [other_BD[:, chunk] for chunk in chunks[len(targets) :]]
        return [
            Taught(e_BD[:, chunk], target.float())
            for chunk, target in zip(chunks, targets, strict=True)
        ]

    def _with_consistency(
        self, terms: Terms, loss: ChunkLoss, pairs: Sequence[Pair], views: Sequence[Tensor]
    ) -> Terms:
        """Add what it costs that branches see their component differently in both views."""
        assert self.bank is not None
        first = views[len(views) - self._branches :]
        own = [c_BK.float() for c_BK in self.bank(first)]
        taught = [None] * len(own) if self.teacher is None else [*self.teacher("bank", first)]
        alone, start = [], 0
        for pair, c_BK, t_BK in zip(pairs, own, taught, strict=False):
            chunk = slice(start, start + c_BK.shape[1])
            start = chunk.stop
            both = None
            if pair.taught is not None and t_BK is not None:
                both = pair.taught._replace(chunk_BK=t_BK.float())
            alone.append(pair._replace(chunk=chunk, taught=both))
        with torch.autocast(own[0].device.type, enabled=False):
            added: Terms = loss(torch.cat(own, dim=1), alone)
        strength = loss.settings.consistency
        parts = {
            name: part + strength * added.parts[name] if name in added.parts else part
            for name, part in terms.parts.items()
        }
        return Terms(terms.total + strength * added.total, parts)

    @property
    def _branches(self) -> int:
        return 0 if self.bank is None else len(self.bank)

    @property
    def _chunks(self) -> list[slice]:
        return list(self._layout.aligned.values())

    def _students(self) -> dict[str, nn.Module]:
        students = {"encoder": self.encoder, "projector": self.projector}
        return students if self.bank is None else {**students, "bank": self.bank}
