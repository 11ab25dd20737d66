"""The rows of step Components, and how a person drags them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_splicer.gui.component_colours import component_colours
from napari_splicer.gui.steps.components_step import ComponentsStep

if TYPE_CHECKING:
    from napari_splicer.gui.widgets.component_row import ComponentRow

LEFT = Qt.MouseButton.LeftButton


def shown(session, qtbot) -> ComponentsStep:
    made = ComponentsStep(session)
    qtbot.addWidget(made)
    with qtbot.waitExposed(made):
        made.show()
    return made


def names(session) -> list[str]:
    return [component.name for component in session.components]


def rows(step) -> list[ComponentRow]:
    return step.rows.rows


def drag(handle, y: int) -> None:
    """Drag a row by its handle to a height on the screen, by real events."""
    for kind, place, button, held in (
        (QEvent.Type.MouseButtonPress, None, LEFT, LEFT),
        (QEvent.Type.MouseMove, y, Qt.MouseButton.NoButton, LEFT),
        (QEvent.Type.MouseButtonRelease, y, LEFT, Qt.MouseButton.NoButton),
    ):
        start = handle.mapToGlobal(handle.rect().center())
        there = QPointF(start.x(), start.y() if place is None else place)
        local = QPointF(handle.mapFromGlobal(there.toPoint()))
        event = QMouseEvent(kind, local, there, button, held, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(handle, event)


def colours(step) -> dict[str, str]:
    now = step.session.components
    own = component_colours(now, step.session.colours)
    return dict(zip((component.name for component in now), own, strict=True))
