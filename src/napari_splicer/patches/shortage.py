"""Where a device's memory is short: how that is noticed, and what it holds given back."""

from __future__ import annotations

import torch

_RAN_OUT = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")
"""In what torch, on CUDA, Apple's GPU and CPUs, and CUDA's libraries say when memory runs out."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory ran out.

    torch has a class for that where CUDA says so; elsewhere there is only a RuntimeError's text.

    Examples
    --------
    >>> is_out_of_memory(RuntimeError("DefaultCPUAllocator: can't allocate memory"))
    True
    """
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _RAN_OUT)


def give_back(device: torch.device) -> None:
    """Let go of what torch keeps at hand of a device's memory."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def roomier(device: torch.device) -> str:
    """Say what to do where a device's memory is too small."""
    other = "use a computer with more" if device.type == "cpu" else "set device = 'cpu'"
    return f"Close other programs that use it, or {other}."
