"""AnnotationMenu: brings what is known of the cells from elsewhere, from a file, or removes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QMenu, QToolButton

from napari_splicer.analysis.annotations import annotation_names
from napari_splicer.gui.annotating import remove_annotation, take_annotations, taken_names
from napari_splicer.gui.beside import folder_of_image
from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand
from napari_splicer.gui.snapshot import detached
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from anndata import AnnData
    from qtpy.QtWidgets import QWidget

    from napari_splicer.analysis.annotations import Annotations
    from napari_splicer.gui.session import Session

_ENDINGS = (".csv", ".tsv", ".txt", ".parquet")
_TIP = (
    "Colour cells by what you know of them from elsewhere: a CSV or Parquet file with a row per "
    "cell, its number in the mask in a column id, and any further columns. It can also be dropped "
    "on the Explorer"
)
_FILES = "Tables (*.csv *.tsv *.txt *.parquet);;All files (*)"


class AnnotationMenu(QToolButton):
    """Columns of a file, which tells of cells by their numbers, become columns of the table.

    Parameters
    ----------
    session : Session
        Its table is written to.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._errand = Errand(self, self._take)
        self._wording = Wording(self, session)
        self._wording.put(self.setToolTip, _TIP)
        self.setText("+ ")  # room for the arrow, which lies over the text
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setMenu(QMenu(self))
        for signal in (session.events.table, session.clusterings_changed):
            bind(self, signal, self._list)
        self._list()

    def _list(self) -> None:
        """Offer to bring annotations, and to remove those that there are."""
        menu, table = self.menu(), self._session.table
        menu.clear()
        self.bring = menu.addAction("Annotations from a file …")
        self.bring.triggered.connect(lambda: self.ask())
        names = () if table is None else annotation_names(table)
        if names:
            menu.addSeparator()
        for name in names:
            action = menu.addAction(f"Remove {name}")
            action.triggered.connect(
                lambda _=False, name=name: remove_annotation(self._session, name)
            )

    def fits(self, path: Path) -> bool:
        """Return whether a file may be taken now."""
        return self._session.table is not None and path.suffix.lower() in _ENDINGS

    def ask(self) -> None:
        """Ask for a file, and read it."""
        folder = folder_of_image(self._session)
        path, _ = QFileDialog.getOpenFileName(self, "Annotations: a row per cell", folder, _FILES)
        if path:
            self.read(Path(path))

    def read(self, path: Path) -> None:
        """Read a file in a thread, and take what it says."""
        if self._session.table is not None:
            table = detached(self._session.table)
            self._errand.ask(_read, path, table, taken_names(self._session))

    def _take(self, read: tuple[str, Annotations]) -> None:
        take_annotations(self._session, *read)


def _read(path: Path, table: AnnData, taken: tuple[str, ...]) -> tuple[str, Annotations]:
    from napari_splicer.analysis.annotations import read_annotations

    return path.name, read_annotations(path, table, taken)
