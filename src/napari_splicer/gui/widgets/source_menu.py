"""SourceMenu: a button with everything that cells can be told apart by, to tick one or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QMenu, QStyle, QToolButton

from napari_splicer.gui import lessons
from napari_splicer.gui.binding import bind
from napari_splicer.gui.naming import offered_sources, source_words

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.session import Session

_TIP = (
    "What has a say in telling the types apart. Tick only the component in which they differ, so "
    "that what is easy to see elsewhere can't answer for it"
)


class SourceMenu(QToolButton):
    """The sources of the session's lesson.

    Parameters
    ----------
    session : Session
        Read and written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setMenu(QMenu(self))
        for signal in (session.events.table, session.events.lesson):
            bind(self, signal, self._refresh)
        self._refresh()

    def sizeHint(self) -> QSize:
        """Leave room for the arrow, which napari's style does not count."""
        arrow = self.style().pixelMetric(QStyle.PixelMetric.PM_MenuButtonIndicator)
        return super().sizeHint() + QSize(arrow, 0)

    def _refresh(self) -> None:
        table, chosen = self._session.table, self._session.lesson.sources
        menu = self.menu()
        menu.clear()
        for source in () if table is None else offered_sources(table):
            action = menu.addAction(source_words(source))
            action.setData(source)
            action.setCheckable(True)
            action.setChecked(source in chosen)
            action.toggled.connect(self._ticked)
        words = ", ".join(map(source_words, chosen))
        self.setText(words if len(chosen) == 1 else f"{len(chosen)} sources")
        self.setToolTip(f"{words}.\n{_TIP}")

    def _ticked(self) -> None:
        ticked = [action.data() for action in self.menu().actions() if action.isChecked()]
        if ticked:
            lessons.choose_sources(self._session, ticked)
        else:
            self._refresh()  # one has to stay
