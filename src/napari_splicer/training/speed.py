"""How long a training step takes on this computer, and in which precision it is shorter."""

from __future__ import annotations

import hashlib
import json
import platform
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import torch
from platformdirs import user_cache_path

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.errors import CannotWrite
from napari_splicer.files import write_text
from napari_splicer.model.objectives import branch_width, build_network
from napari_splicer.patches.augmentation import padded_size
from napari_splicer.patches.reader import PatchBatch
from napari_splicer.patches.shortage import is_out_of_memory
from napari_splicer.training.device import (
    autocast,
    resolve_device,
    resolve_precision,
    seeded,
    threads,
)
from napari_splicer.training.views import Views

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from napari_splicer.config import RunConfig

Precision: TypeAlias = Literal["fp32", "bf16"]

_TIMED = 3

WORTH_WHILE = 0.8
"""Share of the fp32 step that a bf16 step may take at most for bf16 to be chosen."""

_HOPELESS = 4.0
"""Share of the fp32 time that one layer may take in bf16; beyond it no whole network is tried.

Without instructions for bf16 it takes twenty times as long.
"""

_TRIES = 10
"""How often a layer has to be as slow as that: of three tries, all may fall into a busy moment."""

_known: dict[str, Precision] = {}


def faster_precision(config: RunConfig, channels: Sequence[str]) -> Precision:
    """Return bf16 where this device trains this network truly faster in it, else fp32.

    Both are measured the first time that this network is met on this device, by a few steps on
    noise. What was found is kept among the user's cached files, so that later runs do the same.

    Parameters
    ----------
    config : RunConfig
        With a device; ``precision`` is not looked at.
    channels : sequence of str
        Those that the primary will see.
    """
    device = resolve_device(config.device)
    if device.type not in ("cpu", "cuda"):
        return "fp32"
    key = _key(config, len(channels), device)
    if key not in _known:
        _known.update(_remembered())
    if key not in _known:
        _known[key] = _measured(config, channels)
        _remember()
    return _known[key]


@cache
def slow_in_bf16(device: torch.device) -> bool:
    """Tell whether this is a processor without instructions for bf16, within half a second.

    torch then computes in bf16 all the same, twenty times slower than in fp32: to try out a whole
    network would hold up the first training by half a minute.
    """
    if device.type != "cpu":
        return False
    with torch.random.fork_rng(devices=[]):
        layer, x_BCHW = torch.nn.Conv2d(32, 32, 3, padding=1), torch.rand(4, 32, 32, 32)

    def seconds(*, bf16: bool) -> float:
        start = time.thread_time()  # no other thread's, of this program or another
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16), torch.inference_mode():
            layer(x_BCHW)
        return time.thread_time() - start

    seconds(bf16=True), seconds(bf16=False)  # which also gets ready
    tries = ((seconds(bf16=True), seconds(bf16=False)) for _ in range(_TRIES))
    # A processor that is taken away for a while makes some tries long, but never all.
    return all(bf16 > _HOPELESS * fp32 for bf16, fp32 in tries)


def measure_step(
    config: RunConfig, channels: Sequence[str], clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return the seconds that one training step takes: views, forward, backward.

    Takes a few steps on noise; the fastest of them counts, as another program may be busy too.

    Parameters
    ----------
    config : RunConfig
    channels : sequence of str
        Those that the primary will see.
    clock : callable
        Tells the seconds.
    """
    device = resolve_device(config.device)
    config = config.model_copy(update={"precision": resolve_precision(config.precision, device)})
    network = build_network(
        config.model, Decomposition(config.components), channels, config.patches.size
    ).to(device)
    views = Views.of_network(network, config, channels)
    batch = _noise(config, len(channels), len(views.regions), device)
    times = []
    with threads(config.threads), seeded(0, device):  # some losses draw at random
        for step in range(1 + _TIMED):
            start = clock()
            viewed = views(batch, seed=step)
            with autocast(config, device):
                total = network.objective(*viewed).total
            total.backward()  # type: ignore[no-untyped-call]
            total.item()  # waits for the device
            times.append(clock() - start)
    return min(times[1:])


def _measured(config: RunConfig, channels: Sequence[str]) -> Precision:
    device = resolve_device(config.device)
    # On a CPU the time that the process itself takes, so that no other program decides.
    clock = time.process_time if device.type == "cpu" else time.perf_counter

    def seconds(precision: Precision) -> float:
        return measure_step(config.model_copy(update={"precision": precision}), channels, clock)

    if slow_in_bf16(device):
        return "fp32"
    try:
        return "bf16" if seconds("bf16") < WORTH_WHILE * seconds("fp32") else "fp32"
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        # Training will halve the batch, and fares better with bf16.
        return resolve_precision("auto", device)


def _key(config: RunConfig, channels: int, device: torch.device) -> str:
    """Return what the answer depends on: the computer, torch, and the network."""
    model = config.model.model_copy(update={"branch_width": branch_width(config.model)})
    cuda = device.type == "cuda"
    about: list[Any] = [
        platform.node(),
        torch.cuda.get_device_name(device) if cuda else platform.machine(),
        config.threads or torch.get_num_threads(),
        torch.__version__,
        model.model_dump(mode="json"),
        config.patches.size,
        channels,
        [len(part.channels) for part in config.components],
    ]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()[:16]


def _place() -> Path:
    return user_cache_path("napari-splicer", appauthor=False) / "precision.json"


def _remembered() -> dict[str, Precision]:
    """Return what earlier programs measured; nothing if that can't be read."""
    try:
        found = json.loads(_place().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if value in ("fp32", "bf16")}


def _remember() -> None:
    try:
        write_text(_place(), json.dumps({**_remembered(), **_known}), overwrite=True)
    except CannotWrite:
        return  # it is measured again, then


def _noise(config: RunConfig, channels: int, regions: int, device: torch.device) -> PatchBatch:
    count, side = config.training.batch, padded_size(config.augmentation, config.patches.size)
    generator = torch.Generator().manual_seed(0)
    ids_B = torch.arange(1, count + 1)
    batch = PatchBatch(
        x_BCHW=torch.rand((count, channels, side, side), generator=generator),
        labels_BHW=ids_B[:, None, None].expand(count, side, side),
        regions_BRHW=torch.ones((count, regions, side, side), dtype=torch.bool),
        id_B=ids_B,
        index_B=ids_B - 1,
        field_B=torch.zeros(count, dtype=torch.int64),
    )
    return batch.to(device)
