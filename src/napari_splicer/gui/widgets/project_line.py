"""ProjectLine: where the work of this window is saved, and since when; its menu opens projects."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QMessageBox,
    QToolButton,
    QWidget,
)

from napari_splicer.errors import UNFORESEEN, SplicerError, WouldOverwrite, listed
from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import tell
from napari_splicer.gui.project.capture import lost_layers, worth_keeping
from napari_splicer.gui.project.folder import free_folder, holds_project
from napari_splicer.gui.project.opening import Wanted
from napari_splicer.gui.project.recent import recent_projects
from napari_splicer.gui.project.record import SUFFIX

if TYPE_CHECKING:
    from napari_splicer.gui.keeper import Keeper

_NAME_WIDTH = 190  # px
_NAMED = 4  # layers in a question
_NONE = "No project yet"
_TIP = (
    "Image, components, model, groups and selections, with their undo, are saved by themselves "
    "as soon as you have chosen components or made something. The menu opens what you saved before."
)
_KEEP_TIP = (
    "Images that a program put into napari, or that were changed here, then become part of the "
    "project; they may be large"
)
_ALL_IN = "Everything in this window is in the project, or in the files it was opened from."


class ProjectLine(QWidget):
    """One slim line: the project's name with its menu, and when it was saved.

    Parameters
    ----------
    keeper : Keeper
    """

    def __init__(self, keeper: Keeper, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keeper = keeper
        self.menu = QMenu(self)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self.fill_menu)
        self.button = QToolButton()
        self.button.setAutoRaise(True)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.button.setMenu(self.menu)
        # Qt's own arrow is drawn over the end of the name.
        self.button.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.state = QLabel()
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        line = QHBoxLayout(self)
        line.setContentsMargins(2, 0, 6, 0)
        line.addWidget(self.button)
        line.addStretch(1)
        line.addWidget(self.state)
        bind(self, keeper.changed, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Say what is saved where."""
        keeper = self._keeper
        path = None if keeper.project is None else keeper.project.path
        name = _NONE if path is None else path.stem
        short = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, _NAME_WIDTH)
        self.button.setText(f"{short}  ▾".replace("&", "&&"))
        self.button.setToolTip(_TIP if path is None else f"{path}\n{_TIP}")
        self.state.setText(self._in_words())
        self.state.setToolTip(keeper.problem or self._about_the_rest())

    def _in_words(self) -> str:
        keeper = self._keeper
        if keeper.opener.busy:
            return "opening …"
        if keeper.saving:
            return "saving …"
        if keeper.problem:
            return "⚠ not saved"
        if keeper.saved is None:
            return ""
        rest = len(keeper.left_out)
        return f"saved {_when(keeper.saved)}" + (f" · {rest} left out" if rest else "")

    def _about_the_rest(self) -> str:
        names = self._keeper.left_out
        if not names:
            return _ALL_IN if self._keeper.saved else ""
        return (
            f"Not part of the project, as they lie in no file: {', '.join(names)}. Save these "
            "layers with napari, or let images be kept in the project: see its menu."
        )

    # menu --------------------------------------------------------------------------------------

    def fill_menu(self) -> None:
        """List what can be done now."""
        menu, keeper = self.menu, self._keeper
        menu.clear()
        opening = menu.addAction("Open project …", self._ask_for_project)
        opening.setToolTip(f"Choose a folder whose name ends with {SUFFIX}")
        recent = menu.addMenu("Recent projects")
        recent.setToolTipsVisible(True)
        now = datetime.now().astimezone()
        for each in recent_projects():
            words = f"{each.name}  ({each.when(now)})".replace("&", "&&")
            action = recent.addAction(words, lambda path=each.path: self.open(path))
            action.setToolTip(str(each.path))
        recent.setEnabled(not recent.isEmpty())
        menu.addSeparator()
        saving = menu.addAction("Save now", keeper.save)
        saving.setToolTip("It is saved by itself, too, a moment after every change")
        saving.setEnabled(keeper.would_replace)
        saving_as = menu.addAction("Save as …", self._ask_where_to_save)
        saving_as.setToolTip("Go on under another name; what was saved so far stays as it is")
        saving_as.setEnabled(saving.isEnabled())
        keeping = menu.addAction("Keep images that lie in no file, too")
        keeping.setToolTip(_KEEP_TIP if keeper.left_out else _ALL_IN)
        keeping.setEnabled(bool(keeper.left_out) or keeper.keep_images)
        keeping.setCheckable(True)
        keeping.setChecked(keeper.keep_images)
        keeping.toggled.connect(self._keep_images)
        menu.addSeparator()
        showing = menu.addAction("Show its folder", self._show_folder)
        showing.setToolTip("See the files of this project: run file, tables, model")
        showing.setEnabled(keeper.saved is not None)

    def open(self, path: Path) -> None:
        """Open a project; where something would be lost by that, only after a question."""
        lost = self._lost() if holds_project(path) else ""  # if it is none, that is told instead
        if not lost or self._agreed(path, lost):
            self._keeper.opener.open(Wanted(path))

    def _lost(self) -> str:
        """Say what nothing would bring back if the window were emptied; empty if all is saved.

        What can't be saved is not among it: then, the project is not opened.
        """
        keeper = self._keeper
        if not keeper.would_replace:
            return ""
        saved = keeper.project is not None or worth_keeping(keeper.session)
        try:
            lost = list(lost_layers(keeper.state(), saved=saved))
        except UNFORESEEN:
            return ""
        if not saved and keeper.session.set_up.next_undo is not None:
            lost.append("the names that you gave to channels")
        return listed(lost, _NAMED)

    def _agreed(self, path: Path, lost: str) -> bool:
        yes, no = QMessageBox.StandardButton.Open, QMessageBox.StandardButton.Cancel
        words = (
            f"Open {path.name} in this window? What is open now is closed, and this would be lost, "
            f"as it is in no file and no project: {lost}."
        )
        return bool(QMessageBox.question(self, "SpliCER", words, yes | no, no) == yes)

    def _ask_for_project(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, f"A project's folder (*{SUFFIX})")
        if folder:
            self.open(Path(folder))

    def _ask_where_to_save(self) -> None:
        place = str(free_folder(self._keeper.session))
        # A project is never replaced: it would be of no use to be asked whether it may be.
        unasked = QFileDialog.Option.DontConfirmOverwrite
        path, _ = QFileDialog.getSaveFileName(self, "Save the project as", place, options=unasked)
        if not path:
            return
        try:
            self._keeper.save_as(Path(path))
        except WouldOverwrite as error:
            tell(WouldOverwrite(error.message, "Choose another name."))
        except SplicerError as error:
            tell(error)

    def _keep_images(self, wanted: bool) -> None:
        self._keeper.keep_images = wanted
        self._keeper.save()

    def _show_folder(self) -> None:
        project = self._keeper.project
        if project is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(project.path)))


def _when(saved: datetime) -> str:
    today = saved.date() == datetime.now().astimezone().date()
    return f"{saved:%H:%M}" if today else f"{saved.day} {saved:%B}"
