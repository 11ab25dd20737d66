"""The picture of a window stands still while a project takes the place of what is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QMainWindow

from napari_splicer.gui.binding import bind

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.keeper import Keeper


class StillPicture(QObject):  # type: ignore[misc]  # Qt is untyped here
    """Has napari's scene drawn once, when all of a project is there; docks go on being drawn.

    Drawn between the layers of a project, after those before were taken away, the scene uses
    memory that was given back, which ends the program; and each time costs as much as a layer.

    Parameters
    ----------
    keeper : Keeper
    window : QWidget
    """

    def __init__(self, keeper: Keeper, window: QWidget) -> None:
        super().__init__(window)
        self._keeper = keeper
        bind(self, keeper.changed, self._follow)

    def _follow(self) -> None:
        window = self.parent()
        scene = window.centralWidget() if isinstance(window, QMainWindow) else None
        if scene is not None and scene.updatesEnabled() == self._keeper.opener.putting:
            scene.setUpdatesEnabled(not self._keeper.opener.putting)
