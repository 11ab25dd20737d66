"""SaveButton: keeps what a matrix shows as a picture, a drawing or a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QToolButton

from napari_splicer.gui.jobs import Errand

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.widgets.matrix_view import Matrix, MatrixView

_KINDS = {"Picture (*.png)": ".png", "Drawing (*.svg)": ".svg", "Numbers (*.csv)": ".csv"}
_SAVE = "Save …"
_TIP = "Save this as a picture (PNG), a drawing (SVG) or its numbers (CSV)"
_SEEN = 4000  # ms for which the button says that it has saved


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
        self.setText(_SAVE)
        self.clicked.connect(self.ask)
        self._again = QTimer(self, singleShot=True, interval=_SEEN)
        self._again.timeout.connect(lambda: self.setText(_SAVE))
        view.model().modelReset.connect(self._allow)
        self._allow()

    def ask(self) -> None:
        """Ask where to, and write."""
        matrix = self._view.matrix  # it may be gone when the dialog closes
        if matrix is None:
            return
        suggested = str(Path.home() / self._title.replace(" × ", "-x-").replace(" ", "-").lower())
        name, kind = QFileDialog.getSaveFileName(
            self, f"Save {self._title}", f"{suggested}.png", ";;".join(_KINDS)
        )
        if name:
            path = Path(name)
            path = path if path.suffix else path.with_suffix(_KINDS.get(kind, ".png"))
            self._errand.ask(_write, path, matrix, self._title)

    def _allow(self) -> None:
        there = self._view.matrix is not None
        self.setEnabled(there)
        self.setToolTip(_TIP if there else "There is nothing to save yet")

    def _saved(self, path: Path) -> None:
        self.setText("Saved ✓")
        self.setToolTip(f"{_TIP}\nSaved: {path}")
        self._again.start()


def _write(path: Path, matrix: Matrix, title: str) -> Path:
    from napari_splicer.export.matrix_figure import matrix_figure, write_matrix

    figure = matrix_figure(
        matrix.values, matrix.shades, matrix.colours, title=title, swatches=matrix.swatches
    )
    write_matrix(path, matrix.values, figure)
    return path
