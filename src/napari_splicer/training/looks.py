"""What is told of a network while it still learns; looking leaves it, and all that is drawn, be."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import torch

from napari_splicer.patches.shortage import is_out_of_memory
from napari_splicer.quality import rankme, rankme_per_chunk
from napari_splicer.training.device import autocast, on_one_core
from napari_splicer.training.diagnosis import diagnose
from napari_splicer.training.pieces import embedded

if TYPE_CHECKING:
    from napari_splicer.config import RunConfig
    from napari_splicer.model.diagnostics import Diagnostics
    from napari_splicer.model.splicer import SpliCER
    from napari_splicer.training.data import TrainingData
    from napari_splicer.training.views import Views

SEEN_CLOSELY = 256
"""Patches of a close look: half of those that a training's end is judged by, and the same ones."""


def ranks(network: SpliCER, data: TrainingData, views: Views, run: RunConfig) -> dict[str, float]:
    """Return RankMe of the representation and of every chunk, on the fixed batch."""
    training = network.training
    network.eval()
    try:
        with torch.no_grad(), autocast(run, torch.device(run.device)):
            z_BZ, e_BD = embedded(network, views.of_primary(data.looked_at()))
    finally:
        network.train(training)
    z_BZ, e_BD = z_BZ.float().cpu(), e_BD.float().cpu()
    if not (z_BZ.isfinite().all() and e_BD.isfinite().all()):
        return {}  # no rank; the loss says what is wrong
    with on_one_core():
        chunks = rankme_per_chunk(e_BD, network.component_slices)
        return {"rankme": rankme(z_BZ)} | {f"rankme/{name}": r for name, r in chunks.items()}


def closely(network: SpliCER, data: TrainingData, views: Views, run: RunConfig) -> dict[str, float]:
    """Return alignment, R² and similarity as the training's end will tell them, on fewer patches.

    Nothing where the network makes what is no number, or where memory runs out: training goes on.

    Returns
    -------
    dict of str to float
        ``alignment/<name>`` and, with the staining exchanged between patches,
        ``alignment_shuffled/<name>`` of every component; ``r2/<name>`` of the marker that its chunk
        tells best, ``r2`` of the whole representation; ``cka``, the largest of two chunks, and once
        more under the names of the two, ``cka/<name> and <name>``.
    """
    training = network.training
    buffers = [buffer.clone() for buffer in network.buffers()]
    try:
        found = diagnose(network, data, views, run, fields=(), steps=0, most=SEEN_CLOSELY)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        found = None
    finally:
        network.train(training)
        for buffer, before in zip(network.buffers(), buffers, strict=True):
            buffer.copy_(before)  # whatever a loss from elsewhere keeps of what it sees
    return {} if found is None else _in_short(found)


def _in_short(found: Diagnostics) -> dict[str, float]:
    values: dict[str, float] = {}
    for pair in found.alignments:
        values[f"alignment/{pair.name}"] = pair.own
        values[f"alignment_shuffled/{pair.name}"] = pair.shuffled
    for part in (found.representation, *found.chunks):
        told = [r2 for r2 in part.r2 if r2 is not None]
        if told:
            values["r2" if part is found.representation else f"r2/{part.name}"] = max(told)
    alike = {
        (found.chunks[i].name, found.chunks[j].name): value
        for i, j in combinations(range(len(found.chunks)), 2)
        if (value := found.similarity[i][j]) is not None
    }
    if alike:
        one, other = max(alike, key=alike.__getitem__)
        values["cka"] = values[f"cka/{one} and {other}"] = alike[one, other]
    return values
