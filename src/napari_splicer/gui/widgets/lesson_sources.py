"""LessonSources: what has a say in telling the types that are taught."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.gui import lessons
from napari_splicer.gui.binding import bind
from napari_splicer.gui.naming import offered_sources
from napari_splicer.gui.widgets.source_menu import SourceMenu

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.session import Session

_TIP = (
    "What has a say in telling the types apart. Tick only the component in which they differ, so "
    "that what is easy to see elsewhere can't answer for it"
)


class LessonSources(SourceMenu):
    """The sources of the session's lesson.

    Parameters
    ----------
    session : Session
        Read and written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(_TIP, parent)
        self._session = session
        self.ticked.connect(self._choose)
        for signal in (session.events.table, session.events.lesson):
            bind(self, signal, self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        table = self._session.table
        offered = () if table is None else offered_sources(table)
        self.show_choice(offered, self._session.lesson.sources)

    def _choose(self) -> None:
        lessons.choose_sources(self._session, self.chosen)
