"""SaveButton: keeps what a matrix, or another view, shows as a picture, a drawing or a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QToolButton

from napari_splicer.gui.jobs import Errand

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from matplotlib.figure import Figure
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.widgets.matrix_view import MatrixView

_KINDS = {"Picture (*.png)": ".png", "Drawing (*.svg)": ".svg", "Numbers (*.csv)": ".csv"}
_SAVE = "Save …"
_TIP = "Save this as a picture (PNG), a drawing (SVG) or its numbers (CSV)"
_SEEN = 4000  # ms for which the button says that it has saved


class Drawable(Protocol):
    """What can be saved: numbers, and a figure of them."""

    @property
    def values(self) -> pd.DataFrame:
        """The numbers."""

    def figure(self, title: str) -> Figure:
        """Draw them."""


class SaveFigure(QToolButton):
    """Asks for a file, and writes what is shown into it.

    Parameters
    ----------
    shown : callable
        Returns what would be saved; None where there is nothing.
    changed : signal of Qt
        Emitted when something else is shown.
    title : str
        Above the picture, and in the suggested file name.
    """

    def __init__(
        self,
        shown: Callable[[], Drawable | None],
        changed: Any,
        title: str,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._shown, self.title = shown, title
        self._errand = Errand(self, self._saved)
        self.setText(_SAVE)
        self.clicked.connect(self.ask)
        self._again = QTimer(self, singleShot=True, interval=_SEEN)
        self._again.timeout.connect(lambda: self.setText(_SAVE))
        changed.connect(self._allow)
        self._allow()

    def ask(self) -> None:
        """Ask where to, and write."""
        shown = self._shown()  # it may be gone when the dialog closes
        if shown is None:
            return
        suggested = str(Path.home() / self.title.replace(" × ", "-x-").replace(" ", "-").lower())
        name, kind = QFileDialog.getSaveFileName(
            self, f"Save {self.title}", f"{suggested}.png", ";;".join(_KINDS)
        )
        if name:
            path = Path(name)
            path = path if path.suffix else path.with_suffix(_KINDS.get(kind, ".png"))
            self._errand.ask(_write, path, shown, self.title)

    def _allow(self) -> None:
        there = self._shown() is not None
        self.setEnabled(there)
        self.setToolTip(_TIP if there else "There is nothing to save yet")

    def _saved(self, path: Path) -> None:
        self.setText("Saved ✓")
        self.setToolTip(f"{_TIP}\nSaved: {path}")
        self._again.start()


class SaveButton(SaveFigure):
    """Saves a matrix.

    Parameters
    ----------
    view : MatrixView
    title : str
        As of :class:`SaveFigure`.
    """

    def __init__(self, view: MatrixView, title: str, parent: QWidget | None = None) -> None:
        super().__init__(lambda: view.matrix, view.model().modelReset, title, parent)


def _write(path: Path, shown: Drawable, title: str) -> Path:
    from napari_splicer.export.matrix_figure import write_matrix

    write_matrix(path, shown.values, shown.figure(title))
    return path
