"""LikenessTick: alike tiles in like colours on image and map, instead of their groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.mixture_work import mixture_work
from napari_splicer.gui.snapshot import MIXTURE
from napari_splicer.gui.widgets.progress_line import ProgressLine

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session

_TIP = (
    "The first three principal components of what the model says of every tile, as red, green and "
    "blue: where colours are alike, the tissue is alike. Untick to see the groups."
)
_NO_MODEL = "Mean intensities alone have no such colours: embed the tiles with a model first."
_SOON = "The colours are being computed …"
_STOPPED = "The colours of likeness were stopped before they were computed."


class LikenessTick(QWidget):
    """Chooses what image and map are coloured by; says how far the colours are.

    Parameters
    ----------
    session : Session
        Read and written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._work = session, mixture_work(session)
        self.tick = QCheckBox("Show likeness as colours")
        self.tick.clicked.connect(self._choose)
        self.line = ProgressLine(self._work.stop.emit, "Stop this; nothing else is lost", self)
        self.words = QLabel(_STOPPED)
        self.words.setWordWrap(True)
        self.again = QPushButton("Compute them now")
        self.again.clicked.connect(lambda: self._work.again.emit())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.tick, self.line, self.words, self.again):
            layout.addWidget(widget)
        for signal in (session.events.mixture, session.events.colour_by, session.events.table):
            bind(self, signal, self._refresh)
        bind(self, self._work.changed, self._follow)
        bind(self, self._work.shared, self._show_share)
        self._follow()

    def _choose(self, wanted: bool) -> None:
        self._session.colour_by = MIXTURE if wanted else None

    def _show_share(self, share: float) -> None:
        self.line.show_share(share)

    def _follow(self) -> None:
        if self._work.state == "working":
            self.line.begin()
        else:
            self.line.end()
        self._refresh()

    def _refresh(self) -> None:
        session = self._session
        stopped = self._work.state == "stopped" and session.mixture is None
        self.tick.setChecked(session.colour_by == MIXTURE)
        self.tick.setEnabled(session.mixture is not None)
        for widget in (self.words, self.again):
            widget.setVisible(stopped)
        without = session.table is not None and "X_splicer" not in session.table.obsm
        why = _NO_MODEL if without else _STOPPED if stopped else _SOON
        self.tick.setToolTip(_TIP if self.tick.isEnabled() else why)
