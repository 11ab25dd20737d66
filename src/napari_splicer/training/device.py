"""Which device trains, in which precision, on how many threads."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Literal

import torch

from napari_splicer.errors import InvalidSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil

    from napari_splicer.config import RunConfig


def resolve_device(name: str) -> torch.device:
    """Return the device of this name; ``"auto"`` is the fastest one that is there.

    Raises
    ------
    InvalidSettings
        If this computer does not have it.
    """
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    device = torch.device(name)
    there = {"cpu": True, "mps": mps, "cuda": cuda and (device.index or 0) < _cuda_count()}
    if not there.get(device.type, False):
        found = ["cpu", *["mps"] * mps, *(f"cuda:{i}" for i in range(_cuda_count()))]
        raise InvalidSettings(
            f"This computer has no device '{name}'.",
            f"Choose 'auto', or one of: {', '.join(found)}.",
        )
    return device


def resolve_precision(
    name: Literal["auto", "fp32", "bf16"], device: torch.device
) -> Literal["fp32", "bf16"]:
    """Return the precision; ``"auto"`` is bf16 on a CUDA device that computes in it, else fp32.

    This is what can be said without measuring, as
    :func:`~napari_splicer.training.speed.faster_precision` does before a training.
    """
    if name != "auto":
        return name
    return "bf16" if device.type == "cuda" and torch.cuda.is_bf16_supported() else "fp32"


def autocast(config: RunConfig, device: torch.device) -> torch.autocast:
    """Return the context in which a resolved run's network computes."""
    return torch.autocast(device.type, torch.bfloat16, enabled=config.precision == "bf16")


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """Let torch use ``count`` CPU threads within the context; None leaves them as they are."""
    before = torch.get_num_threads()
    if count is not None and count != before:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if torch.get_num_threads() != before:
            torch.set_num_threads(before)


@contextmanager
def on_one_core() -> Iterator[None]:
    """Let numpy and scipy use one CPU thread within the context; torch's threads are left alone.

    With matrices of a few hundred rows, threads wait for one another longer than they work: on a
    busy computer, thirty times as long.
    """
    import scipy.linalg  # noqa: F401  # only what is loaded can be told
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Let layers that draw random numbers (dropout) do so from ``seed`` within the context.

    torch's global random state is left as it was.
    """
    cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device.index or 0] if cuda else []):
        torch.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def in_words(device: torch.device) -> str:
    """Say what computes, e.g. ``"the CPU"``.

    Examples
    --------
    >>> in_words(torch.device("cpu"))
    'the CPU'
    """
    if device.type == "cuda":
        return f"the GPU ({torch.cuda.get_device_name(device)})"
    return {"cpu": "the CPU", "mps": "the GPU (Apple)"}.get(device.type, device.type)


def memory_in_use(device: torch.device) -> dict[str, float]:
    """Return the GB that this process holds: as ``memory_gb``, and on a GPU ``device_memory_gb``.

    On a GPU, what torch keeps at hand counts: no other program can have it.
    """
    held = {"memory_gb": _this_process().memory_info().rss / 1e9}
    if device.type == "cuda":
        held["device_memory_gb"] = torch.cuda.memory_reserved(device) / 1e9
    elif device.type == "mps":
        held["device_memory_gb"] = torch.mps.driver_allocated_memory() / 1e9
    return held


@cache
def _this_process() -> psutil.Process:
    import psutil

    return psutil.Process()


def _cuda_count() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0
