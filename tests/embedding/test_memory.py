from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from napari_splicer.embedding.memory import keep_memory_at_hand
if "--keep" in sys.argv:
    keep_memory_at_hand()
for _ in range(3):
    np.ones(2**17)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(2**17)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def pages_asked_for(*words: str) -> int:
    """Return how many pages a process as dask starts it asks the system for."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, "MALLOC_TRIM_THRESHOLD_": "65536"},
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told to keep memory")
def test_a_worker_uses_memory_again() -> None:
    assert pages_asked_for() > 20 * 200
    assert pages_asked_for("--keep") < 200
