"""SaveButton: keeps what a matrix shows as a picture, a drawing or a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QToolButton

from napari_splicer.gui.jobs import Errand

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.widgets.matrix_view import Matrix, MatrixView

_KINDS = {"Picture (*.png)": ".png", "Drawing (*.svg)": ".svg", "Numbers (*.csv)": ".csv"}


class SaveButton(QToolButton):
    """Asks for a file, and writes the matrix into it.

    Parameters
    ----------
    view : MatrixView
    title : str
        Above the picture, and in the suggested file name.
    """

    def __init__(self, view: MatrixView, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view, self._title = view, title
        self._errand = Errand(self, self._saved)
        self.setText("Save …")
        self.setToolTip("Save this as a picture (PNG), a drawing (SVG) or its numbers (CSV)")
        self.clicked.connect(self.ask)

    def ask(self) -> None:
        """Ask where to, and write."""
        if self._view.matrix is None:
            return
        suggested = str(Path.home() / self._title.replace(" × ", "-x-").replace(" ", "-").lower())
        name, kind = QFileDialog.getSaveFileName(
            self, f"Save {self._title}", f"{suggested}.png", ";;".join(_KINDS)
        )
        if name:
            path = Path(name)
            path = path if path.suffix else path.with_suffix(_KINDS.get(kind, ".png"))
            self._errand.ask(_write, path, self._view.matrix, self._title)

    def _saved(self, path: Path) -> None:
        self.setToolTip(f"Saved: {path}")


def _write(path: Path, matrix: Matrix, title: str) -> Path:
    from napari_splicer.export.matrix_figure import matrix_figure, write_matrix

    figure = matrix_figure(
        matrix.values, matrix.shades, matrix.colours, title=title, swatches=matrix.swatches
    )
    write_matrix(path, matrix.values, figure)
    return path
