"""How long training goes on, and what happens at which step: functions of the step alone.

As nothing depends on what was drawn before, a run that is resumed sees what an uninterrupted one
would have seen.
"""

from __future__ import annotations

import math
from enum import IntEnum
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

    from napari_splicer.config import TrainingSettings

QUICK_EPOCHS = 30
QUICK_STEPS = (300, 1500)
"""Fewest and most steps of the quick preset, however many patches there are."""

LONGER = {"quick": 1, "standard": 4, "thorough": 16}

AFFORDED = {"cuda": 4}
"""Times as many steps that a preset takes on this kind of device: they still end sooner there."""

LOOKS = 25
"""How often ranks, and the loss on held-out patches, are looked at up to the end or a restart."""

CLOSE_LOOKS = 10
"""How often alignment, R² and similarity are looked at up to the end or a restart, at most."""

BETWEEN_CLOSE_LOOKS = 50
"""Fewest steps from one close look to the next: each takes as long as a few steps."""

CURVE_POINTS = 250
"""About how many steps, up to the end or a restart, are kept in a training's history."""

HELD_OUT = 0.1
HELD_OUT_PATCHES = (8, 1024)
"""Fewest and most patches that are not trained on, where a plateau is looked for."""


def count_steps(settings: TrainingSettings, patches: int, device: str = "cpu") -> int:
    """Return how many steps a training takes on ``device``.

    ``settings.steps``, if given; else ``settings.epochs`` times every patch; else as the preset
    says: quick is 30 epochs, but at least 300 and at most 1,500 steps, standard is 4 times as long
    and thorough 16 times; each takes 4 times as many steps on a CUDA device.
    """
    if settings.steps is not None:
        return settings.steps
    per_epoch = max(1, patches // settings.batch)
    if settings.epochs is not None:
        return settings.epochs * per_epoch
    fewest, most = QUICK_STEPS
    quick = min(max(QUICK_EPOCHS * per_epoch, fewest), most)
    return quick * LONGER[settings.preset] * AFFORDED.get(torch.device(device).type, 1)


def learning_rate(settings: TrainingSettings, step: int, steps: int) -> float:
    """Return the learning rate at ``step``: linear warm-up, then half a cosine to 0.

    Loshchilov, Hutter, arXiv 1608.03983, eq. 5. It begins anew at every restart, where a training
    that had come to its end was given more steps.
    """
    step, steps = _within(settings, step, steps)
    warmup = round(settings.warmup * steps)
    if step < warmup:
        return settings.learning_rate * (step + 1) / warmup
    progress = (step - warmup) / max(1, steps - warmup)
    return settings.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def progress(settings: TrainingSettings, step: int, steps: int) -> float:
    """Return how much of the training is done before ``step``, 0 to 1; 0 again at a restart."""
    step, steps = _within(settings, step, steps)
    return step / steps


def _within(settings: TrainingSettings, step: int, steps: int) -> tuple[int, int]:
    """Return which step this is since the last restart, and of how many up to the next."""
    bounds = (0, *settings.restarts, steps)
    start = max(bound for bound in bounds[:-1] if bound <= step)
    return step - start, bounds[bounds.index(start) + 1] - start


def due_for_a_look(settings: TrainingSettings, step: int, steps: int) -> bool:
    """Return whether ranks and the loss on held-out patches are looked at after ``step`` steps.

    As everything here, counted from the last restart, so that a training that is given more steps
    has looked where one with the same restarts looks from its start.
    """
    done, length = _done(settings, step, steps)
    return done % max(1, length // LOOKS) == 0 or done == length


def due_for_a_close_look(settings: TrainingSettings, step: int, steps: int) -> bool:
    """Return whether alignment, R² and similarity are looked at after ``step`` steps.

    Not at the end as such: there the same is told of the trained network, on more patches.
    """
    done, length = _done(settings, step, steps)
    return done % max(BETWEEN_CLOSE_LOOKS, math.ceil(length / CLOSE_LOOKS)) == 0


def due_for_the_curve(settings: TrainingSettings, step: int, steps: int) -> bool:
    """Return whether the metrics of a step are kept in the history, once ``step`` are taken."""
    done, length = _done(settings, step, steps)
    return done % math.ceil(length / CURVE_POINTS) == 0 or done == length


def warms_up(settings: TrainingSettings, step: int, steps: int) -> bool:
    """Return whether after ``step`` steps the learning rate still rises."""
    done, length = _done(settings, step, steps)
    return done < round(settings.warmup * length)


def _done(settings: TrainingSettings, step: int, steps: int) -> tuple[int, int]:
    """Return how many steps between two restarts have been taken, and of how many."""
    before, length = _within(settings, max(0, step - 1), steps)
    return before + 1, length


def count_held_out(settings: TrainingSettings, patches: int) -> int:
    """Return how many of the patches are not trained on: none without ``settings.patience``."""
    if not settings.patience:
        return 0
    fewest, most = HELD_OUT_PATCHES
    return min(max(round(HELD_OUT * patches), fewest), most, patches // 2)


def hold_out(seed: int, patches: int, count: int) -> tuple[Tensor, Tensor]:
    """Return the rows that are trained on and the ``count`` that are not, each int64, sorted."""
    generator = torch.Generator().manual_seed(derive_seed(seed, Draws.HELD_OUT))
    order = torch.randperm(patches, generator=generator)
    return order[count:].sort().values, order[:count].sort().values


def rows_of_step(seed: int, step: int, *, patches: int, batch: int) -> Tensor:
    """Return which patches step ``step`` sees, int64 (batch,).

    Every epoch is a new permutation of the patches; those left over at its end wait for the next.
    """
    per_epoch = patches // batch
    epoch, position = divmod(step, per_epoch)
    return _permutation(seed, epoch, patches)[position * batch : (position + 1) * batch]


class Draws(IntEnum):
    """What a training draws at random."""

    ORDER = 0  # of the patches in an epoch
    LOOKED_AT = 1  # patches on which ranks are followed
    VIEWS = 2  # augmentations of a step
    LAYERS = 3  # dropout of a step
    HELD_OUT = 4  # patches that are not trained on, and their views


def derive_seed(seed: int, what: Draws, number: int = 0) -> int:
    """Return the seed of one draw, e.g. of the views of step ``number``; each is independent."""
    sequence = np.random.SeedSequence([seed, what, number])
    return int(sequence.generate_state(1, np.uint64)[0]) >> 1


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, patches: int) -> Tensor:
    generator = torch.Generator().manual_seed(derive_seed(seed, Draws.ORDER, epoch))
    return torch.randperm(patches, generator=generator)
