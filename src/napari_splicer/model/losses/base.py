"""What every loss has in common: pairs of embeddings in, a scalar and its parts out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_splicer.config import ModelSettings

FEWEST = 2
"""Patches of a component in a batch; with fewer, its terms are zero."""


class Terms(NamedTuple):
    """A loss and what it is made of.

    Attributes
    ----------
    total : Tensor
        Scalar to be minimised.
    parts : dict of str to Tensor
        Each component's own share of ``total``; scalars.
    """

    total: Tensor
    parts: dict[str, Tensor]


class Taught(NamedTuple):
    """What the teacher makes of the same two views; no gradient flows back.

    Attributes
    ----------
    chunk_BK : Tensor
        Of the view that the primary sees.
    target_BK : Tensor
        Of the view that the branch sees.
    """

    chunk_BK: Tensor
    target_BK: Tensor


class Pair(NamedTuple):
    """One chunk of the primary embedding, and its counterpart.

    Attributes
    ----------
    name : str
        Of the component.
    chunk : slice
        Columns of the primary embedding.
    target_BK : Tensor
        Embedding of the same patches by the component's branch, as wide as the chunk.
    weight : float
        Of the component in the loss.
    present_B : bool Tensor, optional
        Which patches have this component at all; None means all of them. The others are left out
        of the component's terms.
    taught : Taught, optional
        For losses with a teacher.
    """

    name: str
    chunk: slice
    target_BK: Tensor
    weight: float = 1.0
    present_B: Tensor | None = None
    taught: Taught | None = None


class ChunkLoss(nn.Module, ABC):
    """A two-view loss, applied to every chunk and its component: ``sum_i w_i l(e_i, c_i)``.

    A subclass says what ``l`` is (:meth:`pair`) and, where the loss has such a term, what is asked
    of the whole primary embedding (:meth:`whole`).

    Parameters
    ----------
    settings : ModelSettings
        Strengths; ``primary_terms`` says whether components are summed or averaged.
    widths : sequence of int
        Of the chunks, in the order in which pairs will come.
    """

    has_teacher: ClassVar[bool] = False
    """Whether pairs must come with ``taught``."""

    decorrelation: ClassVar[float] = 0.0
    """How strongly chunks are kept unlike each other where the settings leave it open."""

    def __init__(self, settings: ModelSettings, widths: Sequence[int]) -> None:
        super().__init__()
        self.settings = settings
        self.widths = tuple(widths)
        asked = settings.decorrelation
        self.between = type(self).decorrelation if asked is None else asked

    @abstractmethod
    def pair(self, index: int, a_BK: Tensor, b_BK: Tensor, taught: Taught | None) -> Tensor:
        """Return ``l(e_i, c_i)`` of the patches that have component ``index``; a scalar."""

    def whole(self, e_BD: Tensor, chunks: Sequence[slice]) -> Tensor:
        """Return what is asked of the whole primary embedding; by default, unlike chunks."""
        return self.between * chunk_redundancy(e_BD, chunks)

    def forward(self, e_BD: Tensor, pairs: Sequence[Pair]) -> Terms:
        """Return the loss of one batch.

        Parameters
        ----------
        e_BD : Tensor
            Primary embedding of one view.
        pairs : sequence of Pair
            Components' embeddings of the other view.

        Returns
        -------
        Terms
            Terms of a component that fewer than two patches have are zero.
        """
        nothing = e_BD.sum() * 0  # keeps the graph, so that backward() works
        share = 1.0 if self.settings.primary_terms == "sum" else 1.0 / len(pairs)
        parts = {}
        for index, pair in enumerate(pairs):
            a_BK, b_BK, taught = _of_those_present(e_BD[:, pair.chunk], pair)
            enough = len(a_BK) >= FEWEST
            value = self.pair(index, a_BK, b_BK, taught) if enough else nothing
            parts[pair.name] = share * pair.weight * value
        total = torch.stack(tuple(parts.values())).sum()
        if len(e_BD) >= FEWEST:
            total = total + self.whole(e_BD, proper_chunks(pairs, e_BD.shape[1]))
        return Terms(total, parts)


class Pairwise(ChunkLoss):
    """Any function of two embeddings as a loss.

    Parameters
    ----------
    function : callable
        (a_BK, b_BK) -> scalar Tensor.
    settings, widths
        As in :class:`ChunkLoss`.
    """

    def __init__(
        self,
        function: Callable[[Tensor, Tensor], Tensor],
        settings: ModelSettings,
        widths: Sequence[int],
    ) -> None:
        super().__init__(settings, widths)
        self._function = function

    def pair(self, index: int, a_BK: Tensor, b_BK: Tensor, taught: Taught | None) -> Tensor:
        """Return the function's value."""
        return self._function(a_BK, b_BK)


def proper_chunks(pairs: Sequence[Pair], width: int) -> list[slice]:
    """Return the chunks that are a part of the embedding, not the whole of it."""
    ranges = [(pair.chunk, range(width)[pair.chunk]) for pair in pairs]
    return [chunk for chunk, columns in ranges if len(columns) < width]


def chunk_redundancy(e_BD: Tensor, chunks: Sequence[slice]) -> Tensor:
    """Return how much chunks repeat each other: their squared correlations, summed, over D.

    ``1/D sum_{i != j} sum_{a in i, b in j} corr(e_a, e_b)^2``. Zero for fewer than two chunks.
    """
    if len(chunks) < 2:
        return e_BD.sum() * 0
    squared_DD = correlation(e_BD, e_BD).square()
    within = torch.stack([squared_DD[chunk, chunk].sum() for chunk in chunks]).sum()
    used = torch.cat([torch.arange(e_BD.shape[1])[chunk] for chunk in chunks])
    return (squared_DD[used][:, used].sum() - within) / e_BD.shape[1]


def correlation(a_BD: Tensor, b_BE: Tensor) -> Tensor:
    """Return the correlation of every column of ``a`` with every column of ``b``, (D, E)."""
    return standardised(a_BD).T @ standardised(b_BE) / len(a_BD)


def standardised(z_BD: Tensor) -> Tensor:
    """Return the columns with mean 0 and (biased) variance 1, as batch normalisation does."""
    variance_D = z_BD.var(dim=0, correction=0)
    return (z_BD - z_BD.mean(dim=0)) / (variance_D + 1e-5).sqrt()


def _of_those_present(a_BK: Tensor, pair: Pair) -> tuple[Tensor, Tensor, Taught | None]:
    if pair.present_B is None:
        return a_BK, pair.target_BK, pair.taught
    rows_B = pair.present_B
    taught = pair.taught
    if taught is not None:
        taught = Taught(taught.chunk_BK[rows_B], taught.target_BK[rows_B])
    return a_BK[rows_B], pair.target_BK[rows_B], taught
