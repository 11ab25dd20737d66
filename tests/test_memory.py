from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from napari_splicer.memory import kept_at_hand
def asked_for():
    for _ in range(3):
        np.ones(2**23)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        np.ones(2**23)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1])

outside, bare = asked_for(), resident()
with kept_at_hand():
    with kept_at_hand():
        pass
    within, held = asked_for(), resident()
print(outside, within, asked_for(), held - bare, resident() - bare)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is told to keep memory")
@pytest.mark.parametrize("environment", [{}, {"MALLOC_TRIM_THRESHOLD_": "65536"}])
def test_memory_is_used_again_and_given_back_at_the_end(environment: dict[str, str]) -> None:
    """Pages of 4 KB; in an ordinary process, and in one as dask starts it."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    outside, within, after, held, kept = map(int, done.stdout.split())
    block = 2**23 * 8 // 4096
    assert within < outside / 10
    assert after > outside / 2
    assert held > block / 2
    assert kept < block / 10
