"""NarrowBox: a list of choices that stays narrow, however long its entries are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QComboBox, QStyle, QStyleOptionComboBox, QStylePainter

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent
    from qtpy.QtWidgets import QWidget

_FEWEST = 12  # characters that always have room


class NarrowBox(QComboBox):
    """Elides what does not fit; the tool tip begins with the whole of it.

    Parameters
    ----------
    elided : Qt.TextElideMode
        Where: in the middle of names of files, whose ends tell a mask from its image.
    """

    def __init__(
        self,
        elided: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._elided = elided
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(_FEWEST)
        self.tip = ""

    @property
    def shown(self) -> str:
        """The chosen entry as far as there is room for it."""
        option = self._option()
        style, field = self.style(), QStyle.SubControl.SC_ComboBoxEditField
        room = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self).width()
        return str(self.fontMetrics().elidedText(self.currentText(), self._elided, room - 2))

    def _option(self) -> QStyleOptionComboBox:
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        return option

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw like any box, but with the text elided."""
        option = self._option()
        option.currentText = self.shown
        painter = QStylePainter(self)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def event(self, event: QEvent) -> bool:
        """Begin the tool tip with the whole entry where it is elided."""
        if event.type() == QEvent.Type.ToolTip:
            whole = self.currentText()
            parts = [whole] if self.shown != whole else []
            self.setToolTip("\n".join([*parts, *([self.tip] if self.tip else [])]))
        return bool(super().event(event))
