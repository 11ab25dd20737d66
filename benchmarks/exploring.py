"""How soon map and image answer, with 10⁴, 10⁵ and 10⁶ cells.

napari's window, 1400 × 900, both docks open, a mask (of 10⁶ cells: 4,096² pixels or so; sparse,
shuffled ids) in memory, then the largest one in a file, four times as long and wide and read as it
is needed, and a table of 20 markers and 64 numbers a cell. The clock runs from what a person does
until the map, then until the image, is drawn with it. Needs a display, e.g. under Xvfb:

    xvfb-run -s "-screen 0 1400x900x24" python benchmarks/exploring.py [--cells 10000 1000000]

The table goes to ``docs/benchmarks/exploring.md``. Goals for 10⁶ cells: a lasso on the map within
200 ms, a lasso or a colour on the image within 500 ms.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import napari
import numpy as np
import pandas as pd
from anndata import AnnData
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_splicer.analysis.noted import as_noted
from napari_splicer.config import ClusteringSettings
from napari_splicer.embedding.table import note_representation, record
from napari_splicer.files import write_text
from napari_splicer.gui import editing
from napari_splicer.gui.display import mask_layer
from napari_splicer.gui.explorer_widget import ExplorerWidget
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.session import session_for
from napari_splicer.gui.torch_guard import load_torch
from napari_splicer.gui.widgets.point_cloud import PointCloud
from napari_splicer.images.image import Affine2D
from napari_splicer.images.label_image import LabelImage, write_ome_zarr
from napari_splicer.images.open import open_mask
from overlay import CELL, make_mask
from results import PAGES, load, made_by

if TYPE_CHECKING:
    from collections.abc import Callable

IN_A_FILE = 4  # times as long and wide, as a mask of such a size is read whole
GROUPS, MARKERS, WIDTH, REPEATS = 20, 20, 64, 5
EARLIER = """With 10⁶ cells, milliseconds before these changes, one or two runs. A lasso: to the
map 431 and 452, and to the image 1,145 and 1,322, then 862 once selected rows were found once for
all, the rows of a mask's cells kept, and counts made beside the window, then 476 and 510 since
outlines of selected cells in memory are made here (25 ms for 4,096² pixels, where napari's
tracing takes 440 to 860). Since then squares of the map tell which points lie in a lasso, and
only points along its line are asked one by one (a line of 300 corners: 40 ms instead of 230), and
the map is drawn before the image. A selection that is cleared keeps its layer: as a layer is
taken away, napari blocks for half a second. Colour of a group 1,211 and 1,038, then 722, 490,
454, 427 and 543; colour by a marker 1,143 and 967, then 866, 1,393 and 811.
Where the mask lies in a file: a lasso was on the image after 3.3 s and, beside other work, 6.3 s,
and undone after 2.1 s, before levels that may be kept were in memory and outlines made here.
Colours took 440 ms (a group) and 480 ms (a marker) on 2026-11-27; on 2026-11-29 the code of then
took 926 and 880 ms, and that of now 964 and 782 in the same quarter of an hour."""
NO_KEY = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def table_of(ids: np.ndarray, cell: int) -> AnnData:
    """Return cells, ``cell`` pixels wide, in 20 groups, each a heap of its own on the map."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, GROUPS, len(ids))
    centres = rng.uniform(-10, 10, (GROUPS, 2))
    side = round(len(ids) ** 0.5)
    places = np.arange(len(ids))
    obs = pd.DataFrame(
        {
            "instance_id": ids.astype(np.int64),
            "region": pd.Categorical(np.full(len(ids), "field")),
            "area": float(cell**2),
            "y": cell * (places // side + 0.5),
            "x": cell * (places % side + 0.5),
            "groups": pd.Categorical.from_codes(codes, [str(i + 1) for i in range(GROUPS)]),
        },
        index=[f"field-{i}" for i in ids],
    )
    table = AnnData(
        rng.gamma(2, 5, (len(ids), MARKERS)).astype(np.float32),
        obs=obs,
        var=pd.DataFrame(index=[f"marker {i}" for i in range(MARKERS)]),
    )
    looks = rng.normal(codes[:, None] % 5, 1, (len(ids), WIDTH)).astype(np.float32)
    table.obsm["X_umap"] = (centres[codes] + rng.normal(0, 0.7, (len(ids), 2))).astype(np.float32)
    table.obsm.update(X_splicer=looks, X_splicer_chunks=looks)
    note_representation(table, WIDTH, {"one": slice(0, 32), "two": slice(32, 64)})
    record(table)["clusterings"] = {"groups": as_noted(ClusteringSettings(name="groups"))}
    return table


def lazy(mask: np.ndarray, folder: Path) -> Labels:
    """Return the layer of the enlarged mask, which lies in a file, as the window opens it."""
    file = folder / "cells.ome.zarr"

    def read(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
        return mask[np.ix_(np.arange(y0, y1) // IN_A_FILE, np.arange(x0, x1) // IN_A_FILE)]

    height, width = (IN_A_FILE * length for length in mask.shape)
    write_ome_zarr(file, LabelImage("cells", read, (height, width), mask.dtype))
    data, options, _ = mask_layer(open_mask(str(file), name="cells"), Affine2D())
    return Labels(data, **options)


class Window:
    """Both docks over a mask and its table.

    Parameters
    ----------
    cells : int
    folder : Path, optional
        Where the mask is written and read from; without, it is in memory.
    """

    def __init__(self, cells: int, folder: Path | None = None) -> None:
        mask, ids = make_mask(CELL * round(cells**0.5), sparse=True)
        larger = 1 if folder is None else IN_A_FILE
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1400, 900)
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 4096, (2, *mask.shape), np.uint16)
        image = pixels if folder is None else [pixels.repeat(larger, 1).repeat(larger, 2), pixels]
        self.viewer.add_image(image, channel_axis=0, name=["marker 0", "marker 1"])
        self.viewer.add_layer(Labels(mask, name="cells") if folder is None else lazy(mask, folder))
        self.viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")
        self.explorer = ExplorerWidget(self.viewer)
        self.viewer.window.add_dock_widget(self.explorer, area="bottom", name="SpliCER Explorer")
        self.session = session_for(self.viewer)
        link_for(self.viewer).mask_layer.visible = False
        start = time.perf_counter()
        self.session.table = table_of(ids, CELL * larger)
        self.session.clustering = "groups"
        self.changed = self.painted = 0.0
        self._watch(PointCloud, "draw", "changed")
        self._watch(type(self.explorer.map.plot), "paintEvent", "painted")
        self.wait(lambda: self.explorer.gallery.pictures.count() > 0)
        self.wait(lambda: self.explorer.heat_map.matrix.matrix is not None)
        self.wait(lambda: self.explorer.chunks.matrix.matrix is not None)
        print(f"{cells:,} cells: all pages filled after {time.perf_counter() - start:.1f} s")

    def _watch(self, kind: type, name: str, stamp: str) -> None:
        """Note when a method of ``kind`` last came back."""
        method = getattr(kind, name)

        def noted(*args: object, **options: object) -> object:
            result = method(*args, **options)
            setattr(self, stamp, time.perf_counter())
            return result

        setattr(kind, name, noted)

    def wait(self, ready: Callable[[], bool]) -> float:
        """Let the window live until ``ready()``; return how long that took."""
        start = time.perf_counter()
        while not ready():
            QApplication.processEvents()
            time.sleep(0.005)
        return time.perf_counter() - start

    def seconds(self, action: Callable[[], object]) -> tuple[float, float]:
        """Return how long it takes from an action to the drawn map, and to the drawn image.

        The map is drawn when it was painted after its points last changed, and the call that
        painted it, which also brings it to the screen, has come back.
        """
        self.changed = self.painted = start = time.perf_counter()
        action()
        on_map = time.perf_counter() if self.painted > self.changed > start else 0.0
        for _ in range(3):  # a change is painted by a timer, and what that changes is drawn later
            changed = self.changed
            QApplication.processEvents()
            if self.changed > changed:
                on_map = 0.0
        if not on_map:
            self.explorer.map.plot.viewport().repaint()
            on_map = time.perf_counter()
        for _ in range(2):
            QApplication.processEvents()
        self.viewer.window._qt_viewer.canvas._scene_canvas.render()
        return on_map - start, time.perf_counter() - start


def corners(share: float) -> np.ndarray:
    """Return a lasso of 60 corners around a share of the map."""
    angles = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    return 12 * share**0.5 * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def measure(cells: int, folder: Path | None = None) -> list[str]:
    """Return the rows of the table for so many cells, the mask in ``folder`` or in memory."""
    window = Window(cells, folder)
    where = "memory" if folder is None else "a file"
    session, explorer = window.session, window.explorer
    view = explorer.map.view
    half, tenth = corners(0.5), corners(0.1)
    every = {
        "lasso": [
            lambda: view.lassoed.emit(half, NO_KEY),
            lambda: view.lassoed.emit(tenth, NO_KEY),
        ],
        "lasso that adds": [
            lambda: view.lassoed.emit(half, SHIFT),
            lambda: view.lassoed.emit(tenth, NO_KEY),
        ],
        "undo and redo": [session.history.undo, session.history.redo],
        "colour of a group": [
            lambda: editing.recolour(session, 0, "#ff0000"),
            lambda: editing.recolour(session, 0, "#00ff00"),
        ],
        "colour by a marker": [
            lambda: setattr(session, "colour_by", "marker 1"),
            lambda: setattr(session, "colour_by", "marker 2"),
        ],
        "colour by group again": [
            lambda: setattr(session, "colour_by", None),
            lambda: setattr(session, "colour_by", "marker 2"),
        ],
        "hover over a group in the legend": [
            lambda: setattr(session, "hovered_group", 3),
            lambda: setattr(session, "hovered_group", None),
        ],
        "click on a cell of the map": [
            lambda: view.clicked.emit(view.viewRect().center(), NO_KEY),
            lambda: session.select([]),
        ],
    }
    session.select([])
    rows = []
    for name, (action, back) in every.items():
        taken = []
        for _ in range(REPEATS):
            taken.append(window.seconds(action))
            window.seconds(back)
        on_map, on_image = (1000 * np.median(values) for values in zip(*taken, strict=True))
        worst = 1000 * max(values[1] for values in taken)
        rows.append(
            f"| {cells:,} | {where} | {name} | {on_map:.0f} | {on_image:.0f} | {worst:.0f} |"
        )
        print(rows[-1], flush=True)
    window.viewer.close()
    QApplication.processEvents()
    return rows


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    options = parser.parse_args()
    load_torch()
    rows = [row for cells in options.cells for row in measure(cells)]
    with TemporaryDirectory() as folder:
        rows += measure(max(options.cells), Path(folder))
    lines = [
        "# How soon map and image answer",
        "",
        f"Made by `benchmarks/exploring.py` {made_by()}, drawn by software. {load()} Both docks "
        f"open; milliseconds from the action to the drawn map, then to the drawn "
        f"image too; medians of {REPEATS}. Goals for 10⁶ cells: a lasso on the map within 200 ms, "
        "a lasso or a colour on the image within 500 ms, with the mask in memory.",
        "",
        "| cells | mask in | what is done | map, ms | map and image, ms | slowest |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        EARLIER,
        "",
    ]
    write_text(PAGES / "exploring.md", "\n".join(lines), overwrite=True)


if __name__ == "__main__":
    main()
