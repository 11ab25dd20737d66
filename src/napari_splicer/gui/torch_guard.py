"""Loading torch beside an open napari window, without a crash."""

from __future__ import annotations

import importlib
import sys


def load_torch() -> None:
    """Import what torch's optimisers need, but not triton.

    Making an optimiser imports ``torch._dynamo``, and that imports triton where it is installed.
    triton brings an LLVM of its own; loaded into a process whose OpenGL driver brought another
    (Mesa's software renderer), it ends the process with a segmentation fault. Nothing here is
    compiled, so triton is hidden for the length of the import; others may import it later.
    """
    if "torch._dynamo" in sys.modules or "triton" in sys.modules:
        return
    sys.modules["triton"] = None  # type: ignore[assignment]  # makes its import fail
    try:
        importlib.import_module("torch._dynamo")
        importlib.import_module("torch.utils._triton").has_triton_package.cache_clear()
    finally:
        del sys.modules["triton"]
