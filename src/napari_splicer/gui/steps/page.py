"""StepPage: what all steps share. Pages own nothing; they read and write the session."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtGui import QResizeEvent

    from napari_splicer.gui.history import History
    from napari_splicer.gui.readiness import Readiness, StepName, StepState
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.set_up import SetUpHistory
    from napari_splicer.gui.widgets.theme import Theme


_SOON = 50  # ms, within which what has changed finds its place


class StepPage(QWidget):
    """Base of the six steps.

    Parameters
    ----------
    session : Session
    """

    name: ClassVar[StepName]
    title: ClassVar[str]
    tip: ClassVar[str]
    sets_up: ClassVar[bool] = False  # whether it is about channels and components, not the table

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(8, 8, 8, 8)
        self.column.setSpacing(8)
        self._sought: tuple[QWidget, ...] = ()
        self._seek = QTimer(self, singleShot=True, interval=_SOON)
        self._seek.timeout.connect(self._scroll)

    def bring_into_sight(self, *widgets: QWidget) -> None:
        """Scroll to these; where there is not room for all of them, to the last."""
        self._sought = widgets
        self._seek.start()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wait for widgets that are to be scrolled to: they get their place only now."""
        super().resizeEvent(event)
        if self._seek.isActive():
            self._seek.start()

    def _scroll(self) -> None:
        area = self.parentWidget()
        while area is not None and not isinstance(area, QScrollArea):
            area = area.parentWidget()
        if area is not None and self.isVisible():
            for widget in self._sought:
                area.ensureWidgetVisible(widget)
        self._sought = ()

    @property
    def history(self) -> History | SetUpHistory:
        """What the keys for undo and redo take back and do again while this page is open."""
        return self.session.set_up if self.sets_up else self.session.history

    def show_readiness(self, readiness: Readiness) -> None:
        """Enable what can be done now, and say why the rest can't."""

    def show_theme(self, theme: Theme) -> None:
        """Let painted parts follow napari's theme."""


def text(words: str = "", *, small: bool = False) -> QLabel:
    """Return a label that wraps."""
    label = QLabel(words)
    label.setTextFormat(Qt.TextFormat.PlainText)  # names in it are no markup
    label.setWordWrap(True)
    if small:
        font = label.font()
        font.setPointSizeF(font.pointSizeF() * 0.9)
        label.setFont(font)
    return label


def heading(words: str) -> QLabel:
    """Return a bold label."""
    label = QLabel(words)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


def fold(title: str, tip: str) -> QCollapsible:
    """Return a closed fold for what few need; ``tip`` says what for."""
    closed = QCollapsible(title, expandedIcon="▼", collapsedIcon="▶")
    closed.setDuration(0)
    closed.toggleButton().setToolTip(tip)
    # Or the Tab key would lead into what nobody sees.
    closed.content().hide()
    closed.toggled.connect(closed.content().setVisible)
    return closed


def narrow_form(parent: QWidget | None = None) -> QFormLayout:
    """Return a form whose labels go above their fields where there is no room beside them."""
    form = QFormLayout() if parent is None else QFormLayout(parent)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
    return form


def rule() -> QFrame:
    """Return a horizontal line."""
    line = QFrame()
    line.setFrameShape(QFrame.Shape.HLine)
    return line


def allow(button: QPushButton, state: StepState, tip: str) -> None:
    """Enable ``button`` if the step may be done; else its tooltip says why not."""
    button.setEnabled(state.allowed)
    button.setToolTip(tip if state.allowed else state.why)


def with_button(box: QComboBox, tip: str, slot: Callable[[], None]) -> QHBoxLayout:
    """Return ``box`` with a button that opens a file beside it."""
    button = QPushButton("Open …")
    button.setToolTip(tip)
    button.clicked.connect(slot)
    line = QHBoxLayout()
    line.addWidget(box, 1)
    line.addWidget(button)
    return line
