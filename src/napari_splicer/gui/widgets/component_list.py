"""ComponentList: the components as rows, to be dragged, or moved by keys, to other places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt, Signal
from qtpy.QtWidgets import QFrame, QVBoxLayout, QWidget

from napari_splicer.gui.widgets.component_row import ComponentRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.config import Component

_LINE = 3  # px, of the mark that shows where a row would go


class ComponentList(QWidget):
    """Shows components; what is done to them is up to whoever listens.

    Signals
    -------
    edit, duplicate, remove, recolour : (int)
        Place of a row whose button was pressed.
    moved : (int, int)
        A row is to go from one place to another.
    """

    edit = Signal(int)
    duplicate = Signal(int)
    remove = Signal(int)
    recolour = Signal(int)
    moved = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[ComponentRow] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._mark = QFrame(self)
        self._mark.setStyleSheet("background: palette(highlight)")
        self._mark.hide()

    def show_components(
        self, components: Sequence[Component], colours: Sequence[str], editing: int | None
    ) -> None:
        """Show these components, one of which may be in the editor."""
        shown = list(zip(components, colours, strict=True))
        if len(shown) == len(self.rows):
            # New rows would take away the button that ends typing in the editor by being pressed.
            for place, (row, (component, colour)) in enumerate(zip(self.rows, shown, strict=True)):
                row.show_component(component, colour, editing=place == editing)
            return
        had = self._focused()
        for row in self.rows:
            self._column.removeWidget(row)
            row.deleteLater()
        self.rows = []
        for place, (component, colour) in enumerate(shown):
            row = ComponentRow(component, colour, editing=place == editing)
            row.edit.connect(lambda i=place: self.edit.emit(i))
            row.duplicate.connect(lambda i=place: self.duplicate.emit(i))
            row.remove.connect(lambda i=place: self.remove.emit(i))
            row.recolour.connect(lambda i=place: self.recolour.emit(i))
            row.shifted.connect(lambda by, i=place: self._shift(i, by))
            row.handle.dragged.connect(lambda y, i=place: self._show_mark(i, y))
            row.handle.dropped.connect(lambda y, i=place: self._drop(i, y))
            row.handle.given_up.connect(self._mark.hide)
            self._column.addWidget(row)
            self.rows.append(row)
        self._put_in_line()
        if (
            had is not None
        ):  # or the next key, e.g. for undo, would go to another part of the window
            self.focus_row(had)

    def _focused(self) -> int | None:
        """Return which row has the focus, or part of which; as many as there are: the list."""
        focused = self.window().focusWidget()
        if focused is self:
            return len(self.rows)
        holders = (i for i, row in enumerate(self.rows) if focused in (row, *row.children()))
        return next(holders, None)

    def focus_row(self, place: int) -> None:
        """Give the focus to a row; to the last where there are fewer, to the list without any."""
        row = self.rows[min(place, len(self.rows) - 1)] if self.rows else self
        row.setVisible(not self.isHidden())  # a layout shows what is new later, too late for this
        row.setFocus()

    def _put_in_line(self) -> None:
        """Let the Tab key reach the rows where they stand, not after all that was there before."""
        before = self.previousInFocusChain()
        while before is not self and not _takes_tab(before):
            before = before.previousInFocusChain()
        for row in self.rows:
            for widget in (row, *row.findChildren(QWidget)):
                if before is not self and _takes_tab(widget):
                    QWidget.setTabOrder(before, widget)
                    before = widget

    def _shift(self, place: int, by: int) -> None:
        """Move a row up or down by keys, which then go on with it where it is."""
        target = place + by
        if 0 <= target < len(self.rows):
            self.moved.emit(place, target)
            self.focus_row(target)

    def _gap(self, y: int) -> int:
        """Return how many rows lie above a height on the screen."""
        own = self.mapFromGlobal(QPoint(0, y)).y()
        return sum(row.geometry().center().y() < own for row in self.rows)

    def _show_mark(self, place: int, y: int) -> None:
        gap = self._gap(y)
        self._mark.setVisible(gap not in (place, place + 1))
        if gap < len(self.rows):
            top = self.rows[gap].geometry().top()
        else:
            top = self.rows[-1].geometry().bottom() + 1
        self._mark.setGeometry(0, max(0, min(top, self.height()) - _LINE), self.width(), _LINE)
        self._mark.raise_()

    def _drop(self, place: int, y: int) -> None:
        self._mark.hide()
        gap = self._gap(y)
        target = gap - 1 if gap > place else gap
        if target != place:
            self.moved.emit(place, target)
            self.focus_row(target)


def _takes_tab(widget: QWidget) -> bool:
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
