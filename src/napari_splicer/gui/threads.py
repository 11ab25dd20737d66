"""How many CPU threads a stage may take beside the window."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_splicer.config import RunConfig


def with_spare_threads(config: RunConfig) -> RunConfig:
    """Return the settings with the threads that may be taken, where they say nothing of it."""
    return config.model_copy(update={"threads": config.threads or spare_threads()})


def spare_threads() -> int:
    """Return how many CPU threads a stage may take so that the GUI keeps one.

    A busy GUI on the same cores makes torch's threads wait for each other: far slower than one
    thread fewer.
    """
    return max(1, (os.cpu_count() or 2) - 1)
