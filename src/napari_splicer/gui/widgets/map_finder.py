"""MapFinder: finds where the cells lie on the map, with lines that say how far that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_splicer.analysis.maps import add_map
from napari_splicer.errors import SplicerError
from napari_splicer.gui.cell_places import (
    Places,
    against,
    along_components,
    laying_out,
    map_key,
    map_settings,
    nowhere,
    on_the_map,
    usual_sources,
)
from napari_splicer.gui.failures import in_words
from napari_splicer.gui.jobs import tell
from napari_splicer.gui.map_choice import COMPONENTS, MAP, NUMBERS, MapChoice
from napari_splicer.gui.naming import source_words
from napari_splicer.gui.snapshot import detached
from napari_splicer.gui.widgets.work_line import WorkLine

if TYPE_CHECKING:
    import numpy as np
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.config import ProjectionSettings
    from napari_splicer.gui.session import Session

_WORDS = {MAP: "UMAP", COMPONENTS: "PCA"}
_SOON = "The map of the cells comes with the first groups. Step ⑤ Cluster makes them."


class MapFinder(QWidget):
    """Emits ``changed`` when cells have other places, or there is no knowing.

    A map that is asked for is made in a thread, to its end whatever is looked at meanwhile, and
    kept in the table.

    Parameters
    ----------
    session : Session
        Its table is written.

    Attributes
    ----------
    places : Places
        Where the cells are drawn.
    message : str
        What is to be said instead; empty where they can be drawn.
    stopped : bool
        Whether :meth:`again` would go on.
    finding, work : WorkLine
        The principal components, and the map, that are waited for.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._wanted = MapChoice(MAP)
        self._asked: ProjectionSettings | None = None
        self.places, self.message, self.stopped = nowhere(0), "", False
        self.finding = WorkLine(self._take, self._refuse, parent=self)
        self.finding.stopped.connect(self._on_stop)
        self.work = WorkLine(self._keep, self._map_refused, parent=self)
        self.work.stopped.connect(self._map_stopped)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.finding)
        layout.addWidget(self.work)

    def begin_anew(self) -> None:
        """Forget what was found and asked for other cells, or by other numbers of them."""
        for line in (self.finding, self.work):
            line.forget()
        self._take(nowhere(self._cells))

    def find(self, wanted: MapChoice) -> None:
        """Find places by a kind, and by sources or numbers, all of which are told."""
        self._wanted = wanted
        session, table = self._session, self._session.table
        self.finding.forget()  # a map is made to its end
        if table is None:
            self.begin_anew()
        elif wanted.kind == NUMBERS:
            self._take(against(session, wanted.x, wanted.y))
        elif wanted.kind == COMPONENTS:
            self._wait()
            self.finding.ask(along_components, detached(table), wanted.sources)
        else:
            self._find_map(table, wanted.sources)

    def again(self) -> None:
        """Ask once more for what was stopped, or failed."""
        self.find(self._wanted)

    def _find_map(self, table: AnnData, sources: tuple[str, ...]) -> None:
        key = map_key(self._session, table, sources)
        if key is not None:
            self._take(on_the_map(table, key, sources))
            return
        if {*sources} == {*usual_sources(self._session, table, MAP)}:
            self._take(nowhere(table.n_obs), self._session.words(_SOON))
            return
        self._wait()
        settings = map_settings(self._session, sources)
        if not (self.work.asked and self._asked == settings):
            self._asked = settings
            self.work.setToolTip(f"The UMAP of {source_words(sources)} is being made")
            self.work.ask(laying_out, detached(table), settings)

    @property
    def _cells(self) -> int:
        return 0 if self._session.table is None else int(self._session.table.n_obs)

    def _wait(self) -> None:
        """Let places be until there are others; say nothing in their stead any more."""
        if self.message:
            self._take(self.places)

    def _keep(self, layout: NDArray[np.float32]) -> None:
        """Keep a map in the table as it is by now, and show it if it is still wanted."""
        table = self._session.table
        if table is not None and self._asked is not None:
            add_map(table, layout, self._asked)
            self._session.map_made.emit()
            if self._awaited():
                self.again()

    def _awaited(self) -> bool:
        """Return whether the map that was asked for is what is wanted now."""
        asked, wanted = self._asked, self._wanted
        return asked is not None and wanted.kind == MAP and {*asked.sources} == {*wanted.sources}

    def _map_stopped(self) -> None:
        if self._awaited():
            self._on_stop()

    def _map_refused(self, error: Exception) -> None:
        if self._awaited():
            self._refuse(error)
        else:
            tell(error)

    def _on_stop(self) -> None:
        kind = self._wanted.kind or MAP
        words = f"{_WORDS[kind]} of {source_words(self._wanted.sources)}"
        self._say(f"The {words} was stopped before it was done.")

    def _refuse(self, error: Exception) -> None:
        if not isinstance(error, SplicerError):
            tell(error)  # with its details
        self._say(in_words(error))

    def _say(self, message: str) -> None:
        """Say why what is wanted is not there, and offer to try again."""
        self._take(nowhere(self._cells), message, stopped=True)

    def _take(self, places: Places, message: str = "", *, stopped: bool = False) -> None:
        self.places, self.message, self.stopped = places, message, stopped
        self.changed.emit()
