"""PreviewStrip: one cell as a few small pictures, composite first, then each component."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget
from superqt import QElidingLabel

if TYPE_CHECKING:
    from napari_splicer.gui.preview import Preview, Tile

SIDE = 100
_FEW, _GAP = 3, 6  # pictures in a row; px
_NOTHING = "What each component sees will be shown here."


class PreviewStrip(QWidget):
    """Pictures in rows, or a sentence where there are none.

    Parameters
    ----------
    side : int
        Of a picture on screen, in pixels, where there are three or fewer. The more there are, the
        smaller they become, so that all of them can be seen at once.
    """

    def __init__(self, side: int = SIDE, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._side = side
        self._titles: tuple[str, ...] = ()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._words = QLabel(_NOTHING)
        self._words.setWordWrap(True)
        self._layout.addWidget(self._words)
        self._pictures = QWidget()
        self._layout.addWidget(self._pictures)

    @property
    def titles(self) -> tuple[str, ...]:
        """Titles of the pictures shown."""
        return self._titles

    def show_preview(self, preview: Preview) -> None:
        """Replace the pictures."""
        pictures = QWidget()
        grid = QGridLayout(pictures)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(_GAP)
        columns = _columns(len(preview.tiles))
        side = (_FEW * (self._side + _GAP)) // columns - _GAP
        for place, tile in enumerate(preview.tiles):
            picture = _picture(tile, side, captioned=columns == _FEW)
            grid.addWidget(picture, place // columns, place % columns)
        grid.setColumnStretch(columns, 1)
        self._show(pictures, "")
        self._titles = tuple(tile.title for tile in preview.tiles)

    def clear(self) -> None:
        """Say what will be here."""
        self.show_problem(_NOTHING)

    def show_problem(self, sentence: str) -> None:
        """Say why there is no picture."""
        self._show(QWidget(), sentence)
        self._titles = ()

    def _show(self, pictures: QWidget, words: str) -> None:
        self._words.setText(words)
        self._words.setVisible(bool(words))
        self._layout.replaceWidget(self._pictures, pictures)
        self._pictures.deleteLater()
        self._pictures = pictures


def _columns(count: int) -> int:
    """Return how many pictures stand in a row."""
    if count <= _FEW:
        return _FEW
    return 4 if count <= 8 else 5


def _picture(tile: Tile, side: int, *, captioned: bool) -> QWidget:
    height, width, _ = tile.pixels.shape
    image = QImage(tile.pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    modes = Qt.TransformationMode
    # Pixels are to be seen where they are enlarged, and none is to be left out where they are not.
    mode = modes.FastTransformation if side >= width else modes.SmoothTransformation
    ratio = Qt.AspectRatioMode.KeepAspectRatio
    picture = QLabel()
    picture.setPixmap(QPixmap.fromImage(image).scaled(side, side, ratio, mode))
    box = QWidget()
    box.setFixedWidth(side)
    box.setToolTip(f"{tile.title}: {tile.caption}")
    layout = QVBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(1)
    layout.addWidget(picture)
    for words, bold in ((tile.title, captioned), (tile.caption, False))[: 1 + captioned]:
        label = QElidingLabel(words)
        label.setTextFormat(Qt.TextFormat.PlainText)
        font = label.font()
        font.setBold(bold)
        label.setFont(font)
        label.setStyleSheet("padding: 0px")  # elision does not count napari's padding
        layout.addWidget(label)
    return box
