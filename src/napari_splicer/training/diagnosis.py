"""What a trained network has made of its patches: numbers, taken before its branches are let go."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from napari_splicer.model.diagnostics import WHOLE, Alignment, Diagnostics, Part
from napari_splicer.patches.augmentation import center_crop
from napari_splicer.patches.shortage import give_back, is_out_of_memory
from napari_splicer.quality import (
    chunk_marker_r2,
    linear_cka,
    linear_reading,
    rankme,
    shuffled_alignment,
)
from napari_splicer.training.data import LOOKED_AT
from napari_splicer.training.device import autocast, on_one_core
from napari_splicer.training.pieces import embedded
from napari_splicer.training.schedule import Draws, derive_seed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from napari_splicer.config import RunConfig
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.splicer import SpliCER
    from napari_splicer.patches.reader import PatchBatch
    from napari_splicer.training.data import TrainingData
    from napari_splicer.training.views import Views

_FEWEST = 10  # patches, two for each of five folds
_DIGITS = 4  # that are kept of a number


def diagnose(
    network: SpliCER,
    data: TrainingData,
    views: Views,
    run: RunConfig,
    *,
    fields: Sequence[MaskedImage],
    steps: int,
    most: int = LOOKED_AT,
) -> Diagnostics | None:
    """Look at a fixed sample of the training patches; a few seconds, whatever the slide's size.

    Rank, R² and similarity are those of the patches as they will be embedded; alignment is that of
    two views, as in training. Nothing global is drawn from, and the network learns nothing. Where
    memory runs out, fewer patches are looked at.

    Parameters
    ----------
    network : SpliCER
        On the run's device; left in evaluation mode.
    data : TrainingData
        Read.
    views : Views
        As the network was trained with.
    run : RunConfig
        Resolved.
    fields : sequence of MaskedImage
        What ``data`` was read from.
    steps : int
        That were taken.
    most : int
        Patches that are looked at.

    Returns
    -------
    Diagnostics or None
        None if the network's output holds anything but finite numbers.
    """
    device, most = torch.device(run.device), min(most, len(data))
    while True:
        try:
            return _of(data.sample(most), network, data, views, run, fields, steps)
        except (RuntimeError, MemoryError) as error:
            if most <= _FEWEST or not is_out_of_memory(error):
                raise
            most = max(most // 2, _FEWEST)
        give_back(device)


def _of(
    sample: PatchBatch,
    network: SpliCER,
    data: TrainingData,
    views: Views,
    run: RunConfig,
    fields: Sequence[MaskedImage],
    steps: int,
) -> Diagnostics | None:
    network.eval()
    with torch.no_grad(), autocast(run, torch.device(run.device)):
        patches = center_crop(sample, run.patches.size)
        z_BZ, e_BD = (_matrix(part) for part in embedded(network, views.of_primary(patches)))
        pairs = _pairs(network, sample, views, derive_seed(run.seed, Draws.LOOKED_AT, 1))
        there = _There.of(patches, views)
    if not all(
        np.isfinite(part).all() for part in (z_BZ, e_BD, *(m for p in pairs for m in p[1:]))
    ):
        return None
    markers_BC = _matrix(own_means(patches))
    images_B = patches.field_B.cpu().numpy()
    chunks = network.component_slices
    with on_one_core():
        return Diagnostics(
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            steps=steps,
            images=tuple(field.name for field in fields),
            trained=len(data),
            patches=len(sample),
            markers=data.normalization.channels,
            representation=_parts(z_BZ, {WHOLE: slice(None)}, markers_BC, images_B, there)[0],
            chunks=_parts(e_BD, chunks, markers_BC, images_B, there),
            similarity=_similarity({n: e_BD[:, columns] for n, columns in chunks.items()}, there),
            counterparts=_similarity({p.name: p.own_BK for p in pairs if p.name in chunks}, there),
            alignments=tuple(_alignment(pair) for pair in pairs if pair.here_B.sum() >= _FEWEST),
        )


def own_means(patches: PatchBatch) -> Tensor:
    """Return mean intensities (B, C) of the patches' own cells, of the whole patch without one."""
    own_BHW = patches.labels_BHW == patches.id_B[:, None, None]
    own_BHW = own_BHW | ~own_BHW.any(dim=(1, 2), keepdim=True)
    sums_BC = (patches.x_BCHW * own_BHW[:, None]).sum(dim=(2, 3))
    return sums_BC / own_BHW.sum(dim=(1, 2))[:, None]


class _There(NamedTuple):
    """What images have: channels, and by name components, of every patch."""

    channels_BC: NDArray[np.bool_]
    components: Mapping[str, NDArray[np.bool_]]

    @classmethod
    def of(cls, patches: PatchBatch, views: Views) -> _There:
        found = views.there(patches)
        if found is None:
            return cls(np.ones(patches.x_BCHW.shape[:2], bool), {})
        return cls(found[0].numpy(), {name: here_B.numpy() for name, here_B in found[1].items()})

    def rows(self, *names: str) -> NDArray[np.bool_]:
        """Return which patches have all of these; all do where nothing is known of a name."""
        rows_B = np.ones(len(self.channels_BC), bool)
        for name in names:
            rows_B = rows_B & self.components.get(name, True)
        return rows_B


class _Pair(NamedTuple):
    """e_i, c_i, c_i of another patch's staining, and for which patches the three are there."""

    name: str
    e_BK: NDArray[np.float32]
    own_BK: NDArray[np.float32]
    foreign_BK: NDArray[np.float32]
    here_B: NDArray[np.bool_]


def _pairs(network: SpliCER, sample: PatchBatch, views: Views, seed: int) -> list[_Pair]:
    """Return what is held against each other, and with the staining exchanged between patches.

    That is the shuffled pairing to beat: a component that sees the own cell is recognised by the
    cell's outline, whatever its channels hold.
    """
    exchanged = replace(
        sample, x_BCHW=sample.x_BCHW.roll(1, dims=0), field_B=sample.field_B.roll(1, dims=0)
    )
    viewed, other = views(sample, seed), views(exchanged, seed)
    own = network.counterparts(viewed.x_BCHW, viewed.second)
    foreign = network.counterparts(viewed.x_BCHW, other.second)
    pairs = []
    for name, (e_BK, c_BK) in own.items():
        here_B = np.ones(len(sample), bool)
        for present in (viewed.present, other.present):
            if present is not None and name in present:
                here_B = here_B & present[name].numpy()
        pairs.append(_Pair(name, _matrix(e_BK), _matrix(c_BK), _matrix(foreign[name][1]), here_B))
    return pairs


def _alignment(pair: _Pair) -> Alignment:
    e_BK, own_BK, foreign_BK = (
        matrix[pair.here_B] for matrix in (pair.e_BK, pair.own_BK, pair.foreign_BK)
    )
    reading_BK = linear_reading(e_BK, own_BK)
    return Alignment(
        name=pair.name,
        own=round(shuffled_alignment(reading_BK, own_BK), _DIGITS),
        shuffled=round(shuffled_alignment(reading_BK, foreign_BK), _DIGITS),
    )


def _similarity(
    parts: Mapping[str, NDArray[np.float32]], there: _There
) -> tuple[tuple[float | None, ...], ...]:
    def alike(one: str, other: str) -> float | None:
        rows_B = there.rows(one, other)
        if not rows_B.any():
            return None
        return _fraction(linear_cka(parts[one][rows_B], parts[other][rows_B]))

    return tuple(tuple(alike(one, other) for other in parts) for one in parts)


def _parts(
    matrix_BD: NDArray[np.float32],
    chunks: Mapping[str, slice],
    markers_BC: NDArray[np.float32],
    images_B: NDArray[np.int64],
    there: _There,
) -> tuple[Part, ...]:
    r2 = np.full((len(chunks), markers_BC.shape[1]), np.nan)
    patterns_BP, pattern_C = np.unique(there.channels_BC, axis=1, return_inverse=True)
    for pattern, rows_B in enumerate(patterns_BP.T):
        if rows_B.sum() >= _FEWEST and chunks:
            here_C = pattern_C == pattern
            r2[:, here_C] = chunk_marker_r2(
                matrix_BD[rows_B], chunks, markers_BC[rows_B][:, here_C], groups=images_B[rows_B]
            )
    return tuple(
        Part(
            name=name,
            width=matrix_BD[:, columns].shape[1],
            rank=round(rankme(matrix_BD[there.rows(name)][:, columns]), _DIGITS),
            r2=tuple(_number(value) for value in row),
        )
        for (name, columns), row in zip(chunks.items(), r2, strict=True)
    )


def _matrix(tensor: Tensor) -> NDArray[np.float32]:
    matrix: NDArray[np.float32] = tensor.float().cpu().numpy()
    return matrix


def _number(value: float) -> float | None:
    return round(float(value), _DIGITS) if math.isfinite(value) else None


def _fraction(value: float) -> float | None:
    """Return a number that rounding errors may have moved out of 0 to 1."""
    return _number(min(max(value, 0.0), 1.0))
