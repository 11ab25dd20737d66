"""ProjectOffer: to go on, in one click, with the project that was worked on last."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.project.recent import recent_projects
from napari_splicer.gui.steps.page import heading, text
from napari_splicer.gui.words import shortened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_splicer.gui.keeper import Keeper
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.gui.project.recent import Recent

_LONGEST = 26  # letters of a name, for which the dock is wide enough


class ProjectOffer(QWidget):
    """Shown in an empty window where there is a project to go on with.

    Parameters
    ----------
    link : ViewerLink
    keeper : Keeper
    open_project : callable
        Opens the project in a folder.
    """

    def __init__(
        self,
        link: ViewerLink,
        keeper: Keeper,
        open_project: Callable[[Path], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._keeper, self._open_project = keeper, open_project
        self._offered: Recent | None = None
        self.button = QPushButton()
        self.button.clicked.connect(self._go_on)
        self.when = text(small=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 8)
        for widget in (heading("Go on where you left off"), self.button, self.when):
            layout.addWidget(widget)
        bind(self, link.changed, self.refresh)
        bind(self, keeper.changed, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer the last project as long as the window is empty."""
        empty = not self._keeper.would_replace
        last = next(iter(recent_projects()), None) if empty else None
        self._offered = last
        self.setVisible(last is not None)
        self.button.setEnabled(not self._keeper.opener.busy)
        if last is None:
            return
        name = shortened(last.name, _LONGEST)
        self.button.setText(f"Go on with {name}".replace("&", "&&"))
        self.button.setToolTip(f"Opens its images, groups and selections again: {last.path}")
        self.when.setText(
            f"Saved {last.when(datetime.now().astimezone())}. Others: in the menu at the top."
        )

    def _go_on(self) -> None:
        if self._offered is not None:
            self._open_project(self._offered.path)
