"""The demonstration: SpliCER, JE and mean intensity on a tissue whose truth is known.

A synthetic tissue is made and written as files that any viewer opens. SpliCER and JE (two views of
the whole patch, no components) are trained on it with the same encoder, patches and steps, and
embed its cells. Each way to describe a cell is then asked two things: do its groups follow the
known cell types, and can a linear classifier read from it which CD8 T cells are engaged, which
shows in the pattern of a dim marker alone (see :mod:`napari_splicer.samples`)?
"""

from __future__ import annotations

from napari_splicer.demo.comparison import DemoReport
from napari_splicer.demo.journey import run_demo

__all__ = ["DemoReport", "run_demo"]
