"""What a process knows of the others that torchrun started with it; needs no torch to ask."""

from __future__ import annotations

import os


def count_launched() -> int:
    """Return how many processes were started to train together; 1 if this is the only one."""
    return int(os.environ["WORLD_SIZE"]) if "LOCAL_RANK" in os.environ else 1


def rank_launched() -> int:
    """Return which of them this is, from 0."""
    return int(os.environ["RANK"]) if count_launched() > 1 else 0


def first_to_tell() -> bool:
    """Return whether none of them has told an error yet; from then on, one has."""
    if count_launched() == 1:
        return True
    from datetime import timedelta

    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    place, soon = os.environ["MASTER_ADDR"], timedelta(seconds=10)
    try:
        store = TCPStore(place, int(os.environ["MASTER_PORT"]), is_master=False, timeout=soon)
        return bool(store.add("napari-splicer/errors", 1) == 1)
    except RuntimeError:  # torchrun is no more
        return True
