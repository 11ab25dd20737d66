"""FilesForm: what is asked of a project's files that were moved, or have changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_splicer.gui.binding import bind
from napari_splicer.gui.project.opening import Wanted
from napari_splicer.gui.project.places import look_in
from napari_splicer.gui.steps.page import heading, text
from napari_splicer.gui.words import shortened

if TYPE_CHECKING:
    from napari_splicer.gui.keeper import Keeper
    from napari_splicer.gui.project.places import Place

_MOST_ROWS = 5  # seen at once
_LONGEST = 26  # letters of a name, for which the dock is wide enough


class FilesForm(QFrame):
    """Lists files that are not where they were, or hold something else; hidden otherwise.

    Parameters
    ----------
    keeper : Keeper
    """

    def __init__(self, keeper: Keeper, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keeper = keeper
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.title, self.words = heading(""), text()
        self.list = QListWidget()
        self.list.setToolTip("The files, each with what is the matter")
        self.list.currentRowChanged.connect(self._point)
        self.folder = _button(
            "Look in a folder …", "All files that were not found are looked for there", self._folder
        )
        self.file = _button("This file is …", "Show where the chosen file lies now", self._file)
        self.go_on = _button("", "", self._go_on)
        self.cancel = _button("Cancel", "Leave the window as it is", keeper.opener.do_not_open)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        for widget in (self.title, self.words, self.list):
            layout.addWidget(widget)
        for pair in ((self.folder, self.file), (self.go_on, self.cancel)):
            line = QHBoxLayout()
            for button in pair:
                line.addWidget(button, 1)
            layout.addLayout(line)
        bind(self, keeper.changed, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the question, if there is one."""
        question = self._keeper.opener.question
        self.setVisible(question is not None)
        if question is None:
            return
        missing, changed = question.missing, question.changed
        self.title.setText(f"Opening {shortened(question.wanted.folder.stem, _LONGEST)}")
        self.words.setText(_words(missing, changed))
        self.list.clear()
        for place in (*missing, *changed):
            sign = "not found" if place.status == "missing" else "changed"
            item = QListWidgetItem(f"{place.path.name}: {sign}", self.list)
            item.setToolTip(str(place.path))
            item.setData(Qt.ItemDataRole.UserRole, place)
        self.list.setCurrentRow(0)
        rows = min(self.list.count(), _MOST_ROWS)
        self.list.setFixedHeight(
            rows * self.list.sizeHintForRow(0) + 2 * self.list.frameWidth() + 2
        )
        self.folder.setVisible(bool(missing))
        self.go_on.setText("Open without them" if missing else "Open all the same")
        self.go_on.setToolTip(
            "Layers whose files were not found are left out, and results of files that have "
            "changed are marked as out of date"
        )

    def _point(self) -> None:
        item = self.list.currentItem()
        place: Place | None = None if item is None else item.data(Qt.ItemDataRole.UserRole)
        self.file.setEnabled(place is not None)
        self.file.setText("It lies in …" if place and place.path.suffix == "" else "This file is …")

    def _folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Where the files lie now")
        if folder:
            self.look_in(Path(folder))

    def look_in(self, folder: Path) -> None:
        """Look for everything that was not found in ``folder``, and ask for the rest again."""
        question = self._keeper.opener.question
        if question is None:
            return
        found = look_in(folder, question.missing)
        if not found:
            self.words.setText(f"None of these files lies in {folder}.")
            return
        self._open_with(found)

    def _file(self) -> None:
        place: Place = self.list.currentItem().data(Qt.ItemDataRole.UserRole)
        if place.path.suffix in ("", ".zarr"):
            path = QFileDialog.getExistingDirectory(self, f"Where {place.path.name} lies now")
        else:
            path, _ = QFileDialog.getOpenFileName(self, f"Where {place.path.name} lies now")
        if path:
            self.take(place, Path(path))

    def take(self, place: Place, path: Path) -> None:
        """Take ``path`` for one file, and look beside it for the others that were not found."""
        question = self._keeper.opener.question
        if question is None:
            return
        others = (other for other in question.missing if other.origin != place.origin)
        self._open_with({**look_in(path.parent, others), place.origin: path})

    def _open_with(self, found: dict[int, Path]) -> None:
        question = self._keeper.opener.question
        if question is not None:
            moved = {**question.wanted.moved, **found}
            self._keeper.opener.open(Wanted(question.wanted.path, moved))

    def _go_on(self) -> None:
        question = self._keeper.opener.question
        if question is not None:
            wanted = question.wanted
            self._keeper.opener.open(Wanted(wanted.path, wanted.moved, as_they_are=True))


def _button(words: str, tip: str, slot: object) -> QPushButton:
    button = QPushButton(words)
    button.setToolTip(tip)
    button.clicked.connect(slot)
    return button


def _words(missing: tuple[Place, ...], changed: tuple[Place, ...]) -> str:
    said = []
    if missing:
        said.append(
            "A file was not found where the project knew it. Show where it lies now."
            if len(missing) == 1
            else f"{len(missing)} files were not found where the project knew them. Show where one "
            "lies now; the others are looked for there, too."
        )
    if changed:
        files = "One file holds" if len(changed) == 1 else f"{len(changed)} files hold"
        said.append(
            f"{files} other pixels than when the project was saved: its cells may be others now."
        )
    return " ".join(said)
