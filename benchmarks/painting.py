"""How soon a clustering is on the screen, over masks in memory and over a slide's on the disk.

napari's window, 1400 × 900, the plugin's own overlay: a clustering, or a colour, is chosen, and the
clock runs until the canvas is drawn with it. Masks: 4,096² and 8,192² in memory; 40,960² with 10⁶
cells as a pyramid on the disk, of which only what is in sight is read and mapped; and, with
``--flat``, the same opened by the plugin from a file that has no pyramid. Needs a display, e.g.
``xvfb-run -s "-screen 0 1400x900x24"``:

    python benchmarks/painting.py [--side 40960] [--flat]

The table goes to ``docs/benchmarks/painting.md``. The limit: 0.5 s for a mask in memory.
"""

from __future__ import annotations

import argparse
import shutil
import time
from typing import TYPE_CHECKING, Any

import dask.array as da
import napari
import numpy as np
import pandas as pd
import zarr
from anndata import AnnData
from qtpy.QtWidgets import QApplication

from napari_splicer.analysis.noted import as_noted
from napari_splicer.config import ClusteringSettings
from napari_splicer.embedding.table import record
from napari_splicer.files import write_text
from napari_splicer.gui import editing
from napari_splicer.gui.display import mask_layer
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.session import session_for
from napari_splicer.images.image import Affine2D
from napari_splicer.images.open import open_mask
from results import BUILD, PAGES, made_by
from slide import slide

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GROUPS, STEP, REPEATS = 20, 4, 5
FLAT = """Of a file without a pyramid, the plugin makes the smaller levels when the mask is opened
(40,960²: 5 s): it is read and mapped piece by piece all the same. In one run with `--flat`, on a
machine that was busy with other work, another clustering took 0.87 to 1.03 s over it, and 1.17 to
1.53 s over the pyramid on the disk."""


def pyramid(folder: Path) -> list[Path]:
    """Make the smaller levels of a slide's mask, every fourth pixel of the one before."""
    levels = [folder / "cells.zarr"]
    while min(zarr.open_array(levels[-1], mode="r").shape) > 4096:
        path = folder / f"cells-{STEP ** len(levels)}.zarr"
        if not path.exists():
            fine = da.from_zarr(levels[-1])[::STEP, ::STEP].rechunk(1024)
            part = folder / "part.zarr"
            shutil.rmtree(part, ignore_errors=True)
            da.to_zarr(fine, part)
            part.rename(path)
        levels.append(path)
    return levels


def table_of(mask: Any) -> AnnData:
    """Return a table of all cells of a mask, in two clusterings at random."""
    ids = np.unique(np.concatenate([np.unique(block.compute()) for block in mask.blocks.ravel()]))
    ids = ids[ids > 0].astype(np.int64)
    rng = np.random.default_rng(0)
    obs = pd.DataFrame({"instance_id": ids, "region": pd.Categorical(np.full(len(ids), "slide"))})
    obs.index = obs.index.astype(str)
    table = AnnData(obs=obs, obsm={"spatial": np.zeros((len(ids), 2))})
    for name in ("first", "second"):
        codes = rng.integers(0, GROUPS, len(ids))
        table.obs[name] = pd.Categorical.from_codes(codes, [str(i + 1) for i in range(GROUPS)])
        made = as_noted(ClusteringSettings(name=name))
        record(table).setdefault("clusterings", {})[name] = made
    return table


class Window:
    """napari with a mask and the plugin's overlay over it."""

    def __init__(self, mask: Any, *, multiscale: bool) -> None:
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1400, 900)
        self.layer = self.viewer.add_labels(mask, name="cells", multiscale=multiscale)
        self.viewer.window.add_plugin_dock_widget("napari-splicer", "SpliCER")
        link_for(self.viewer).use_mask(self.layer)
        self.session = session_for(self.viewer)
        self.layer.visible = False
        self.drawn()

    def drawn(self) -> None:
        """Let everything that is due happen, and the canvas be drawn."""
        for _ in range(3):  # a change is painted by a timer, and what that changes is drawn later
            QApplication.processEvents()
        self.viewer.window._qt_viewer.canvas._scene_canvas.render()

    def seconds(self, action: Callable[[], None]) -> float:
        """Return how long it takes from an action to the picture."""
        start = time.perf_counter()
        action()
        self.drawn()
        took = time.perf_counter() - start
        assert "SpliCER groups" in self.viewer.layers
        return took

    def look(self, pixels: float) -> None:
        """Show so many pixels of the mask across the canvas, from its middle."""
        height, width = self.layer.data.shape[-2:]
        self.viewer.camera.center = (height / 2, width / 2)
        self.viewer.camera.zoom = self.viewer.window._qt_viewer.canvas.size[1] / pixels
        self.drawn()


def measure(name: str, mask: Any, table: AnnData, *, multiscale: bool) -> list[str]:
    """Measure at three zooms; return rows of the table."""
    window = Window(mask, multiscale=multiscale)
    session = window.session
    session.table = table
    first = window.seconds(lambda: setattr(session, "clustering", "first"))
    side = window.layer.data.shape[-1]
    rows = []
    for pixels in sorted({side, min(side, 4096), 1024}, reverse=True):
        window.look(pixels)
        names = ["second", "first"] * REPEATS
        other = [window.seconds(lambda n=n: setattr(session, "clustering", n)) for n in names]
        colours = ["#ff0000", "#00ff00"] * REPEATS
        colour = [window.seconds(lambda c=c: editing.recolour(session, 0, c)) for c in colours]
        rows.append(
            f"| {name} | {table.n_obs:,} | {pixels:,} px | {np.median(other):.2f} "
            f"| {max(other):.2f} | {np.median(colour):.2f} |"
        )
        print(rows[-1], flush=True)
    print(f"{name}: the first picture took {first:.2f} s", flush=True)
    window.viewer.close()
    QApplication.processEvents()
    return rows


def main() -> None:
    """Measure all masks and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=40960)
    parser.add_argument("--flat", action="store_true", help="also the slide without a pyramid")
    options = parser.parse_args()
    rows = []
    for side in (4096, 8192):
        folder = BUILD / "slides" / str(side)
        slide(folder, side)
        mask = da.from_zarr(folder / "cells.zarr")
        rows += measure(f"{side:,}² in memory", mask.compute(), table_of(mask), multiscale=False)
    folder = BUILD / "slides" / str(options.side)
    slide(folder, options.side)
    levels = [da.from_zarr(path) for path in pyramid(folder)]
    table = table_of(levels[0])
    rows += measure(f"{options.side:,}² on the disk, pyramid", levels, table, multiscale=True)
    if options.flat:
        start = time.perf_counter()
        shown = mask_layer(open_mask(folder / "cells.zarr"), Affine2D())[0]
        print(f"its smaller levels were made in {time.perf_counter() - start:.1f} s", flush=True)
        rows += measure(f"{options.side:,}² on the disk, flat", shown, table, multiscale=True)
    lines = [
        "# How soon a clustering is on the screen",
        "",
        f"Made by `benchmarks/painting.py` {made_by()}, drawn by software. {GROUPS} groups; "
        f"median of {2 * REPEATS} changes (and the slowest), from choosing to the drawn canvas. "
        "The limit is 0.5 s for a mask in memory.",
        "",
        "| mask | cells | in sight | another clustering, s | slowest | another colour, s |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
        " ".join(FLAT.split()),
        "",
    ]
    write_text(PAGES / "painting.md", "\n".join(lines), overwrite=True)


if __name__ == "__main__":
    main()
