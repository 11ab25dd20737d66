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
_COLUMNS = 3
_NOTHING = "What each component sees will be shown here."


class PreviewStrip(QWidget):
    """Pictures in rows of three, or a sentence where there are none.

    Parameters
    ----------
    side : int
        Of a picture on screen, in pixels.
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
        grid.setSpacing(6)
        for place, tile in enumerate(preview.tiles):
            grid.addWidget(_picture(tile, self._side), place // _COLUMNS, place % _COLUMNS)
        grid.setColumnStretch(_COLUMNS, 1)
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


def _picture(tile: Tile, side: int) -> QWidget:
    height, width, _ = tile.pixels.shape
    image = QImage(tile.pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
    picture = QLabel()
    picture.setPixmap(
        QPixmap.fromImage(image).scaled(
            side,
            side,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.FastTransformation,
        )
    )
    box = QWidget()
    box.setFixedWidth(side)
    box.setToolTip(f"{tile.title}: {tile.caption}")
    layout = QVBoxLayout(box)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(1)
    layout.addWidget(picture)
    for words, bold in ((tile.title, True), (tile.caption, False)):
        label = QElidingLabel(words)
        label.setTextFormat(Qt.TextFormat.PlainText)
        font = label.font()
        font.setBold(bold)
        label.setFont(font)
        label.setStyleSheet("padding: 0px")  # elision does not count napari's padding
        layout.addWidget(label)
    return box
