"""MatrixView: a table of numbers as colours, with names that can be read whatever its size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QStyledItemDelegate, QTableView

from napari_splicer.gui.widgets.contrast import readable_on
from napari_splicer.gui.widgets.theme import DARK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from matplotlib.figure import Figure
    from qtpy.QtGui import QMouseEvent
    from qtpy.QtWidgets import QStyleOptionViewItem, QWidget

    from napari_splicer.gui.widgets.theme import Theme

_LONGEST = 76  # px of a name, before it is cut with an ellipsis
_LARGEST = 44  # px of a cell's side
_SWATCH = 10  # px
_WIDEST = "-0.00 "  # numbers are written where this fits, so that all cells have one, or none


@dataclass(frozen=True, eq=False)
class Matrix:
    """What a :class:`MatrixView` shows.

    Parameters
    ----------
    values : DataFrame (rows, columns)
        NaN is drawn as empty.
    shades : float (rows, columns)
        Place of each value on the scale, 0 to 1.
    colours : tuple of str
        The scale, low to high.
    tip : callable
        From row and column number to the tooltip.
    swatches : mapping of str to str
        Colours beside the names of rows.
    counts : bool
        Whether values are numbers of cells.
    """

    values: pd.DataFrame
    shades: Any
    colours: tuple[str, ...]
    tip: Callable[[int, int], str]
    swatches: Mapping[str, str] = field(default_factory=dict)
    counts: bool = False

    def number(self, row: int, column: int) -> float:
        """Return the value of a cell."""
        return float(self.values.to_numpy(np.float64)[row, column])

    def figure(self, title: str) -> Figure:
        """Draw it for a file."""
        from napari_splicer.export.matrix_figure import matrix_figure

        drawn = (self.values, self.shades, self.colours)
        return matrix_figure(*drawn, title=title, swatches=self.swatches)

    def colour(self, row: int, column: int) -> str | None:
        """Return the colour of a cell, None where it has no value."""
        shade = self.shades[row, column]
        if not np.isfinite(shade):
            return None
        return self.colours[round(float(np.clip(shade, 0, 1)) * (len(self.colours) - 1))]


class MatrixModel(QAbstractTableModel):
    """Names and tooltips of a matrix."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.matrix: Matrix | None = None

    def set_matrix(self, matrix: Matrix | None) -> None:
        """Replace what is shown."""
        self.beginResetModel()
        self.matrix = matrix
        self.endResetModel()
        # Headers keep the room that the old names needed unless told that the names changed.
        for orientation, count in (
            (Qt.Orientation.Horizontal, self.columnCount()),
            (Qt.Orientation.Vertical, self.rowCount()),
        ):
            self.headerDataChanged.emit(orientation, 0, max(count - 1, 0))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of rows."""
        nested = parent is not None and parent.isValid()
        return 0 if nested or self.matrix is None else len(self.matrix.values)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns."""
        nested = parent is not None and parent.isValid()
        return 0 if nested or self.matrix is None else self.matrix.values.shape[1]

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:
        """Return the name of a row or column, also as its tooltip."""
        if self.matrix is None or role not in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.ToolTipRole,
        ):
            return None
        values = self.matrix.values
        names = values.columns if orientation == Qt.Orientation.Horizontal else values.index
        return str(names[section])

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the number as text, or the tooltip."""
        if self.matrix is None:
            return None
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.matrix.tip(index.row(), index.column())
        if role == Qt.ItemDataRole.DisplayRole:
            value = self.matrix.number(index.row(), index.column())
            return _count(value) if self.matrix.counts else _text(value)
        return None


def _count(value: float) -> str:
    """Return a number of cells; nothing where there are none, so that the others stand out."""
    return f"{int(value):,}" if value else ""


def _text(value: float) -> str:
    if not np.isfinite(value):
        return ""
    return f"{value:z.2f}" if abs(value) < 10 else f"{value:.3g}"


class MatrixView(QTableView):
    """Cells fill the room there is, and scroll where they would become smaller than their names.

    Signals
    -------
    cell_clicked : (str, str)
        Names of row and column.
    row_clicked, column_clicked : (str)
        Name of the row or column whose header was clicked.
    """

    cell_clicked = Signal(str, str)
    row_clicked = Signal(str)
    column_clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.theme = DARK
        self._model = MatrixModel(self)
        self.setHorizontalHeader(MatrixHeader(Qt.Orientation.Horizontal, self))
        self.setVerticalHeader(MatrixHeader(Qt.Orientation.Vertical, self))
        self.setModel(self._model)
        self.setItemDelegate(MatrixDelegate(self))
        self.setShowGrid(False)
        self.setCornerButtonEnabled(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.clicked.connect(self._on_clicked)
        self.verticalHeader().sectionClicked.connect(
            lambda row: self.row_clicked.emit(self._name(row, Qt.Orientation.Vertical))
        )
        self.horizontalHeader().sectionClicked.connect(
            lambda column: self.column_clicked.emit(self._name(column, Qt.Orientation.Horizontal))
        )

    def _name(self, section: int, orientation: Qt.Orientation) -> str:
        return str(self._model.headerData(section, orientation, Qt.ItemDataRole.DisplayRole))

    def _on_clicked(self, index: QModelIndex) -> None:
        row = self._name(index.row(), Qt.Orientation.Vertical)
        self.cell_clicked.emit(row, self._name(index.column(), Qt.Orientation.Horizontal))

    @property
    def matrix(self) -> Matrix | None:
        """What is shown."""
        return self._model.matrix

    def set_matrix(self, matrix: Matrix | None) -> None:
        """Show other numbers."""
        self._model.set_matrix(matrix)

    def set_theme(self, theme: Theme) -> None:
        """Write names in the theme's colours."""
        self.theme = theme
        self.setTabKeyNavigation(False)
        self.setStyleSheet(
            f"QTableView {{ background: {theme.background}; border: none }}"
            f"QTableCornerButton::section {{ background: {theme.background}; border: none }}"
        )
        self.viewport().update()
        for header in (self.horizontalHeader(), self.verticalHeader()):
            header.viewport().update()


class MatrixDelegate(QStyledItemDelegate):
    """Fills a cell with its colour, and writes the number where there is room."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Paint one cell."""
        view = self.parent()
        colour = view.matrix.colour(index.row(), index.column())
        painter.save()
        box = option.rect.adjusted(0, 0, -1, -1)
        if colour is None:
            painter.fillRect(box, QColor(view.theme.background))
            painter.setPen(QColor(view.theme.line))
            painter.drawLine(box.bottomLeft(), box.topRight())
        else:
            painter.fillRect(box, QColor(colour))
            if option.fontMetrics.horizontalAdvance(_WIDEST) <= box.width():
                painter.setPen(QColor(readable_on(colour)))
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, index.data())
        painter.restore()


class MatrixHeader(QHeaderView):
    """Names of rows, with swatches, or of columns, standing upright."""

    def __init__(self, orientation: Qt.Orientation, view: MatrixView) -> None:
        super().__init__(orientation, view)
        self._view = view
        self._upright = orientation == Qt.Orientation.Horizontal
        self._pressed = -1
        self.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setMinimumSectionSize(self.fontMetrics().height() + 1)
        self.setMaximumSectionSize(_LARGEST)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Remember the name: Qt takes half of a narrow section for a handle to resize it by."""
        self._pressed = self.logicalIndexAt(event.pos())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Click the name, if the mouse is still there."""
        section = self.logicalIndexAt(event.pos())
        if section >= 0 and section == self._pressed:
            self.sectionClicked.emit(section)
        self._pressed = -1

    def sectionSizeFromContents(self, section: int) -> QSize:
        """Return the room that the name needs."""
        name = self._name(section)
        length = min(self.fontMetrics().horizontalAdvance(name), _LONGEST) + 10
        thick = self.minimumSectionSize()
        if self._upright:
            return QSize(thick, length)
        return QSize(length + (_SWATCH + 4 if self._swatch(name) else 0), thick)

    def _name(self, section: int) -> str:
        role = Qt.ItemDataRole.DisplayRole
        return str(self.model().headerData(section, self.orientation(), role))

    def _swatch(self, name: str) -> str | None:
        matrix = self._view.matrix
        return None if self._upright or matrix is None else matrix.swatches.get(name)

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        """Write the name, from the matrix outwards."""
        theme, name = self._view.theme, self._name(section)
        painter.save()
        painter.fillRect(rect, QColor(theme.background))
        painter.setPen(QColor(theme.text))
        length = (rect.height() if self._upright else rect.width()) - 6
        swatch = self._swatch(name)
        if swatch is not None:
            box = QRect(rect.left() + 2, rect.center().y() - _SWATCH // 2, _SWATCH, _SWATCH)
            painter.fillRect(box, QColor(swatch))
            length -= _SWATCH + 4
        name = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, length)
        middle = Qt.AlignmentFlag.AlignVCenter
        if self._upright:
            painter.translate(rect.bottomLeft())
            painter.rotate(-90)
            area = QRect(3, 0, rect.height() - 3, rect.width())
            painter.drawText(area, Qt.AlignmentFlag.AlignLeft | middle, name)
        else:
            area = rect.adjusted(0, 0, -5, 0)
            painter.drawText(area, Qt.AlignmentFlag.AlignRight | middle, name)
        painter.restore()
