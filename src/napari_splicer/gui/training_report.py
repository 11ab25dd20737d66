"""How training goes, in one sentence and a few series. Pure: metrics in, words and numbers out."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from napari_splicer.model.findings import COLLAPSED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.events import Metrics

Series: TypeAlias = dict[str, tuple[list[int], list[float]]]

MOST = 1000
"""Steps of a training that curves keep: more than a plot has pixels."""

_LOOKED = {"rankme", "held_out_loss", "r2"}  # what comes a few times in a training alone

_FEW = 25  # points before anything is said
_STILL = 0.01  # relative fall of the loss, last fifth against the one before, that counts


def thinned(metrics: Sequence[Metrics]) -> tuple[Metrics, ...]:
    """Return what curves need of many steps: as many at the end as at the beginning.

    Steps that tell more than the loss (ranks, the loss on cells kept apart) stay, and the last one.

    Examples
    --------
    >>> from napari_splicer.events import Metrics
    >>> kept = thinned([Metrics("train", step, {"loss": 1.0}) for step in range(1, 100_000)])
    >>> len(kept), kept[-1].step
    (782, 99999)
    """
    if not metrics:
        return ()
    every, last = 1, metrics[-1]
    while last.step - metrics[0].step >= MOST * every:
        every *= 2
    return tuple(
        event
        for event in metrics
        if event.step % every == 0 or event is last or not _LOOKED.isdisjoint(event.values)
    )


def series(metrics: Sequence[Metrics], prefix: str) -> Series:
    """Return ``prefix`` and ``prefix/<component>`` as lines over steps; the first is called "all".

    Examples
    --------
    >>> from napari_splicer.events import Metrics
    >>> series([Metrics("train", 1, {"loss": 2.0, "loss/a": 1.0})], "loss")
    {'all': ([1], [2.0]), 'a': ([1], [1.0])}
    """
    lines: Series = {}
    for event in metrics:
        for key, value in event.values.items():
            if key == prefix or key.startswith(prefix + "/"):
                steps, values = lines.setdefault(key.partition("/")[2] or "all", ([], []))
                steps.append(event.step)
                values.append(value)
    return lines


def latest(metrics: Sequence[Metrics], key: str) -> float | None:
    """Return the last value of ``key``, None where there is none."""
    return next((event.values[key] for event in reversed(metrics) if key in event.values), None)


def most_alike(metrics: Sequence[Metrics]) -> str:
    """Name the two most alike parts of the last close look; nothing before there was one.

    Examples
    --------
    >>> from napari_splicer.events import Metrics
    >>> most_alike([Metrics("train", 50, {"cka": 0.7, "cka/a and b": 0.7})])
    'a and b'
    """
    seen = next((event.values for event in reversed(metrics) if "cka" in event.values), {})
    return next((key.partition("/")[2] for key in seen if key.startswith("cka/")), "")


def pace(metrics: Sequence[Metrics]) -> str:
    """Say how fast it goes, and how much memory it takes.

    Examples
    --------
    >>> from napari_splicer.events import Metrics
    >>> pace([Metrics("train", 1, {"patches_per_second": 5210.4, "memory_gb": 1.26})])
    '5,210 patches/s · 1.3 GB of memory'
    """
    speed, held = latest(metrics, "patches_per_second"), latest(metrics, "memory_gb")
    on_device = latest(metrics, "device_memory_gb")
    parts = [
        "" if speed is None else f"{speed:,.0f} patches/s",
        "" if held is None else f"{held:.1f} GB of memory",
        "" if on_device is None else f"{on_device:.1f} GB of the GPU's",
    ]
    return " · ".join(part for part in parts if part)


def how_it_goes(metrics: Sequence[Metrics], *, ended: bool = False) -> str:
    """Say in a sentence which components still learn, and which have collapsed.

    Parameters
    ----------
    metrics : sequence of Metrics
    ended : bool
        Whether training is over, so that only a longer one could change anything.
    """
    losses = {name: line for name, line in series(metrics, "loss").items() if name != "all"}
    ranks = {name: line for name, line in series(metrics, "rankme").items() if name != "all"}
    if not losses or min(len(values) for _, values in losses.values()) < _FEW:
        return "" if ended else "Warming up: the first steps say little yet."
    collapsed = [name for name, (_, values) in ranks.items() if values[-1] < COLLAPSED]
    if collapsed:
        return (
            f"The part for {_and(collapsed)} holds next to nothing (rank below 2): "
            "give it more channels, or merge it with another component."
        )
    still = [name for name, (_, values) in losses.items() if not _falls(values)]
    if len(still) == len(losses):
        return "Nothing improves any more: more steps would change little."
    if not still:
        if ended:
            return "All components still learned at the end: a longer training may give more."
        return "All components still learn."
    have = "had" if ended else "has" if len(still) == 1 else "have"
    others = "learned until the end" if ended else "still learn"
    return f"{_and(still)} {have} stopped improving; the others {others}."


def _falls(values: Sequence[float]) -> bool:
    part = max(2, len(values) // 5)
    before, now = np.mean(values[-2 * part : -part]), np.mean(values[-part:])
    return bool(before - now > _STILL * abs(before))


def _and(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
