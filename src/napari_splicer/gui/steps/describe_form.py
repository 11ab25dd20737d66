"""DescribeForm: whether every cell is described, or tiles of the tissue, and how tiles lie."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QSignalBlocker
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from napari_splicer.gui.binding import bind
from napari_splicer.gui.steps.page import narrow_form, text

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session

_SEEN = 64  # pixels a side that the network sees at most: larger tiles are seen more coarsely
_SMALLEST, _LARGEST = 8, 512  # pixels of the image that a tile may span here
_DENSEST = 8  # steps per side of a tile


class DescribeForm(QWidget):
    """Two choices; of tiles, their size and the step between them, and how many that makes.

    Lengths are in µm where the image's pixel size is known, else in pixels.

    Parameters
    ----------
    session : Session
        Read and written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.cells = QRadioButton("every cell")
        self.cells.setToolTip(
            "Each cell of the mask is described with what lies around it: to find types of cells"
        )
        self.tiles = QRadioButton("tiles of the tissue")
        self.tiles.setToolTip(
            "The image is divided into squares, and each is described: to find regions of the "
            "tissue. No cell mask is needed."
        )
        self.cells.clicked.connect(lambda: session.tiling.describe("cells"))
        self.tiles.clicked.connect(lambda: session.tiling.describe("grid"))
        self.side = self._length(
            "How wide and high a tile is. As large as the structures that you look for: a few "
            "cells across for niches, more for glands or follicles"
        )
        self.step = self._length(
            "How far it is from one tile to the next. Half of a tile's side makes regions with "
            "finer borders, and four times as many tiles, than the whole side"
        )
        self.side.valueChanged.connect(self._set_side)
        self.step.valueChanged.connect(self._set_step)
        self.says = text(small=True)
        choice = QHBoxLayout()
        choice.addWidget(self.cells)
        choice.addWidget(self.tiles)
        choice.addStretch()
        self._sizes = QWidget()
        form = narrow_form(self._sizes)
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Side of a tile", self.side)
        form.addRow("Step to the next", self.step)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(choice)
        column.addWidget(self._sizes)
        column.addWidget(self.says)
        for signal in (session.events.settings, session.events.tiles, session.events.image):
            bind(self, signal, self._refresh)
        self._refresh()

    def _length(self, tip: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setKeyboardTracking(False)
        box.setToolTip(tip)
        return box

    # lengths -----------------------------------------------------------------------------------

    @property
    def _pixel(self) -> float | None:
        """µm per pixel of the image, None where it is not known."""
        image = self._session.image
        known = None if image is None else image.pixel_size
        return None if known is None else float(np.mean(known))

    def _side_in_pixels(self) -> float:
        patches, pixel = self._session.settings.patches, self._pixel
        if patches.size_um is None or pixel is None:
            return float(patches.size)
        return patches.size_um / pixel

    def _set_side(self, value: float) -> None:
        pixel, patches = self._pixel, self._session.settings.patches
        before, now = self._side_in_pixels(), value if pixel is None else value / pixel
        stride = max(1, round((patches.stride or before) * now / before))
        changed = {
            "size": min(max(_SMALLEST, round(now)), _LARGEST if pixel is None else _SEEN),
            "size_um": None if pixel is None else value,
            "stride": stride,
        }
        self._put(changed)

    def _set_step(self, value: float) -> None:
        pixel = self._pixel
        self._put({"stride": max(1, round(value if pixel is None else value / pixel))})

    def _put(self, changed: dict[str, float | None]) -> None:
        settings = self._session.settings
        patches = settings.patches.model_copy(update=changed)
        self._session.settings = settings.model_copy(update={"patches": patches})

    # what is shown -----------------------------------------------------------------------------

    def _refresh(self) -> None:
        session = self._session
        self.cells.setChecked(not session.of_tiles)
        self.tiles.setChecked(session.of_tiles)
        self._sizes.setVisible(session.of_tiles)
        self.says.setVisible(session.of_tiles)
        if not session.of_tiles:
            return
        pixel, side = self._pixel, self._side_in_pixels()
        step = float(session.settings.patches.stride or side)
        unit, factor = (" px", 1.0) if pixel is None else (" µm", pixel)
        limits = (
            (self.side, side, _SMALLEST, max(_LARGEST, side)),
            (self.step, step, max(1.0, side / _DENSEST), max(2 * side, step)),
        )
        for box, value, least, most in limits:
            with QSignalBlocker(box):
                box.setDecimals(0 if pixel is None else 1)
                box.setSingleStep(round(max(1.0, side / 8) * factor, 1))
                box.setRange(min(least, value) * factor, most * factor)
                box.setValue(value * factor)
                box.setSuffix(unit)
        self.says.setText(self._words(side))

    def _words(self, side: float) -> str:
        """Say how many tiles there are, and what a model makes of their size."""
        session = self._session
        if session.image is None or session.tiles is None:
            return ""
        tiles, wanted = session.tiles, session.settings.patches
        count = f"{len(tiles):,} tile{'s' if len(tiles) != 1 else ''}"
        size = f"{tiles.side} × {tiles.side} px"
        if tiles.side != round(side):
            return (
                f"{count} of {size}: as large as the model was trained on. Train again for tiles "
                f"of {side:.0f} px."
            )
        coarser = f", seen at {wanted.size} × {wanted.size}" if wanted.size < tiles.side else ""
        stride = wanted.stride or tiles.side
        overlap = (
            f" They overlap: in the image you see the middle {stride} × {stride} px of each."
            if stride < tiles.side
            else ""
        )
        return f"{count} of {size}{coarser}.{overlap}"
