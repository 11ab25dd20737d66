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
from napari_splicer.quality import (
    chunk_marker_r2,
    linear_cka,
    linear_reading,
    rankme,
    shuffled_alignment,
)
from napari_splicer.training.device import autocast
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
) -> Diagnostics | None:
    """Look at a fixed sample of the training patches; a few seconds, whatever the slide's size.

    Rank, R² and similarity are those of the patches as they will be embedded; alignment is that of
    two views, as in training. Nothing global is drawn from, and the network learns nothing.

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

    Returns
    -------
    Diagnostics or None
        None if the network's output holds anything but finite numbers.
    """
    device = torch.device(run.device)
    network.eval()
    with torch.no_grad(), autocast(run, device):
        sample = data.sample()
        patches = center_crop(sample, run.patches.size)
        z_BZ, e_BD = (_matrix(part) for part in network.embed(views.of_primary(patches)))
        pairs = _pairs(network, sample, views, derive_seed(run.seed, Draws.LOOKED_AT, 1))
    if not all(
        np.isfinite(part).all() for part in (z_BZ, e_BD, *(m for p in pairs for m in p[1:]))
    ):
        return None
    markers_BC = _matrix(own_means(patches))
    images_B = patches.field_B.cpu().numpy()
    chunks = network.component_slices
    return Diagnostics(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        steps=steps,
        images=tuple(field.name for field in fields),
        trained=len(data),
        patches=len(sample),
        markers=data.normalization.channels,
        representation=_parts(z_BZ, {WHOLE: slice(None)}, markers_BC, images_B)[0],
        chunks=_parts(e_BD, chunks, markers_BC, images_B),
        similarity=_similarity([e_BD[:, columns] for columns in chunks.values()]),
        counterparts=_similarity([pair.own_BK for pair in pairs if pair.name in chunks]),
        alignments=tuple(map(_alignment, pairs)) if len(sample) >= _FEWEST else (),
    )


def own_means(patches: PatchBatch) -> Tensor:
    """Return mean intensities (B, C) of the patches' own cells, of the whole patch without one."""
    own_BHW = patches.labels_BHW == patches.id_B[:, None, None]
    own_BHW = own_BHW | ~own_BHW.any(dim=(1, 2), keepdim=True)
    sums_BC = (patches.x_BCHW * own_BHW[:, None]).sum(dim=(2, 3))
    return sums_BC / own_BHW.sum(dim=(1, 2))[:, None]


class _Pair(NamedTuple):
    """e_i, c_i, and c_i of another patch's staining."""

    name: str
    e_BK: NDArray[np.float32]
    own_BK: NDArray[np.float32]
    foreign_BK: NDArray[np.float32]


def _pairs(network: SpliCER, sample: PatchBatch, views: Views, seed: int) -> list[_Pair]:
    """Return what is held against each other, and with the staining exchanged between patches.

    That is the shuffled pairing to beat: a component that sees the own cell is recognised by the
    cell's outline, whatever its channels hold.
    """
    exchanged = replace(sample, x_BCHW=sample.x_BCHW.roll(1, dims=0))
    x_BCHW, second = views(sample, seed)
    own = network.counterparts(x_BCHW, second)
    foreign = network.counterparts(x_BCHW, views(exchanged, seed)[1])
    return [
        _Pair(name, _matrix(e_BK), _matrix(c_BK), _matrix(foreign[name][1]))
        for name, (e_BK, c_BK) in own.items()
    ]


def _alignment(pair: _Pair) -> Alignment:
    reading_BK = linear_reading(pair.e_BK, pair.own_BK)
    return Alignment(
        name=pair.name,
        own=round(shuffled_alignment(reading_BK, pair.own_BK), _DIGITS),
        shuffled=round(shuffled_alignment(reading_BK, pair.foreign_BK), _DIGITS),
    )


def _similarity(parts: Sequence[NDArray[np.float32]]) -> tuple[tuple[float | None, ...], ...]:
    return tuple(tuple(_fraction(linear_cka(one, other)) for other in parts) for one in parts)


def _parts(
    matrix_BD: NDArray[np.float32],
    chunks: Mapping[str, slice],
    markers_BC: NDArray[np.float32],
    images_B: NDArray[np.int64],
) -> tuple[Part, ...]:
    r2 = np.full((len(chunks), markers_BC.shape[1]), np.nan)
    if len(matrix_BD) >= _FEWEST and chunks:
        r2 = chunk_marker_r2(matrix_BD, chunks, markers_BC, groups=images_B)
    return tuple(
        Part(
            name=name,
            width=matrix_BD[:, columns].shape[1],
            rank=round(rankme(matrix_BD[:, columns]), _DIGITS),
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
