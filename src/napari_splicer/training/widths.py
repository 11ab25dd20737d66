"""How wide each component's chunk should be: a short trial finds how much each of them needs.

The trial is a small training of its own with equal widths. The effective rank (RankMe) of a chunk
then tells how many of its dimensions its component fills; who fills more of them gets more.
"""

from __future__ import annotations

import math
from contextlib import closing
from typing import TYPE_CHECKING

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.errors import TrainingFailed
from napari_splicer.events import Event, Progress, Warned
from napari_splicer.model.objectives import chunk_room
from napari_splicer.training.group import ALONE
from napari_splicer.training.learner import Learner

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_splicer.config import RunConfig
    from napari_splicer.events import Cancel
    from napari_splicer.model.splicer import SpliCER
    from napari_splicer.training.data import TrainingData
    from napari_splicer.training.group import Group
    from napari_splicer.training.views import Views

TRIAL = 0.1
"""Steps of a trial, as a fraction of the training's."""

TRIAL_STEPS = (100, 600)
"""Fewest and most steps of a trial. On synthetic tissue, components' ranks came in the order of a
longer training after 60; after 30, those of narrow networks did not."""

GUARANTEED = 4
"""Every chunk keeps at least this part (a quarter) of an equal share, whatever its rank."""


def needs_trial(config: RunConfig) -> bool:
    """Return whether widths are to be found: asked for, and at least two chunks leave theirs open.

    Only SpliCER's and Concat's embeddings have chunks.
    """
    if config.model.widths == "equal" or config.model.objective not in ("splicer", "concat"):
        return False
    return sum(component.width is None for component in config.components) > 1


def count_trial_steps(steps: int) -> int:
    """Return how many steps the trial before a training of ``steps`` steps takes."""
    fewest, most = TRIAL_STEPS
    return min(max(round(TRIAL * steps), fewest), most)


def widths_by_rank(
    ranks: Sequence[float], total: int, fixed: Sequence[int | None]
) -> tuple[int, ...]:
    """Share an embedding between components by the rank that each one's chunk reached.

    Each open chunk gets a quarter of an equal share (at least 1), and the rest is divided in
    proportion to the ranks; what rounding leaves goes to the largest remainders (Hamilton's
    method). So a higher rank never gets less.

    Parameters
    ----------
    ranks : sequence of float
        Positive; one for each component, not looked at where the width is fixed.
    total : int
        Dimensions of the embedding; the fixed widths leave at least one for each open chunk.
    fixed : sequence of int or None
        Widths that stay as they are; None where open.

    Returns
    -------
    tuple of int
        One width for each component; they add up to ``total``.

    Examples
    --------
    >>> widths_by_rank([6.0, 2.0, 2.0], 40, [None, None, 8])
    (22, 10, 8)
    """
    open_ranks = [rank for rank, width in zip(ranks, fixed, strict=True) if width is None]
    left = total - sum(width for width in fixed if width is not None)
    least = max(1, left // (GUARANTEED * len(open_ranks)))
    by_rank = left - least * len(open_ranks)
    every = math.fsum(open_ranks)  # the same in whatever order
    quotas = [by_rank * rank / every for rank in open_ranks]
    shares = [least + math.floor(quota) for quota in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda i: math.floor(quotas[i]) - quotas[i])
    for index in by_remainder[: left - sum(shares)]:
        shares[index] += 1
    found = iter(shares)
    return tuple(next(found) if width is None else width for width in fixed)


def try_out_widths(
    network: SpliCER,
    data: TrainingData,
    views: Views,
    run: RunConfig,
    cancel: Cancel,
    group: Group = ALONE,
) -> Generator[Event, None, RunConfig | None]:
    """Train with equal widths for a short while, and return the run with the widths found.

    Parameters
    ----------
    network : SpliCER
        With fresh weights; of no use afterwards.
    data : TrainingData
        Read.
    views : Views
    run : RunConfig
        Resolved, but for the widths.
    cancel : Cancel
        Looked at before every batch.
    group : Group
        The processes that train together.

    Returns
    -------
    RunConfig or None
        In which nothing reads "automatic" any more; None if it was cancelled.

    Raises
    ------
    TrainingFailed
        If the loss stays not a number, no rank can be told, or the device's memory does not hold a
        small batch.
    """
    steps = count_trial_steps(run.training.steps or 0)
    short = run.training.model_copy(update={"steps": steps, "ema": 0.0, "patience": 0})
    tried = run.model_copy(update={"training": short})
    with closing(Learner(network, data, views, tried, group)) as trial:
        while trial.step < steps:
            if cancel.requested:
                return None
            outcome = trial.advance()
            if outcome.remark:
                yield Warned("train", outcome.remark)
            yield Progress("train", trial.step, steps, "trial steps", message="Trying out widths")
        looked = trial.look()
    if any(f"rankme/{component.name}" not in looked for component in run.components):
        raise TrainingFailed(
            "The trial that finds how wide chunks are ended with a network that makes what is no "
            "number, or without the memory to look at it.",
            "Lower the learning rate (training.learning_rate), check the image for extreme values, "
            'or let all chunks be equally wide (model.widths = "equal").',
        )
    ranks = [looked[f"rankme/{component.name}"] for component in run.components]
    found = _with_widths(run, ranks)
    yield Warned("train", _told(run, found, ranks))
    return found


def _with_widths(run: RunConfig, ranks: Sequence[float]) -> RunConfig:
    fixed = [component.width for component in run.components]
    widths = widths_by_rank(ranks, chunk_room(run.model), fixed)
    components = tuple(
        component.model_copy(update={"width": width})
        for component, width in zip(run.components, widths, strict=True)
    )
    model = run.model.model_copy(update={"widths": "equal"})
    return run.model_copy(update={"components": components, "model": model})


def _told(run: RunConfig, found: RunConfig, ranks: Sequence[float]) -> str:
    """Say which component got how many dimensions, and why."""
    tried = Decomposition(run.components).widths(chunk_room(run.model))
    shares = [
        f"{after.name} {after.width} (rank {rank:.1f} of {width})"
        for before, after, rank, width in zip(
            run.components, found.components, ranks, tried, strict=True
        )
        if before.width is None
    ]
    return (
        "A short trial with chunks of equal width showed how much each component has to say; those "
        f"that fill more of their chunk got a wider one: {', '.join(shares)}."
    )
