"""LikenessTick: alike tiles in like colours on image and map, instead of their groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.snapshot import MIXTURE

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session

_TIP = (
    "The first three principal components of what the model says of every tile, as red, green and "
    "blue: where colours are alike, the tissue is alike. Untick to see the groups."
)
_NO_MODEL = "Mean intensities alone have no such colours: embed the tiles with a model first."
_SOON = "The colours are being computed …"


class LikenessTick(QCheckBox):
    """Chooses what image and map are coloured by.

    Parameters
    ----------
    session : Session
        Read and written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Show likeness as colours", parent)
        self._session = session
        self.clicked.connect(self._choose)
        for signal in (session.events.mixture, session.events.colour_by, session.events.table):
            bind(self, signal, self._refresh)
        self._refresh()

    def _choose(self, wanted: bool) -> None:
        self._session.colour_by = MIXTURE if wanted else None

    def _refresh(self) -> None:
        session = self._session
        self.setChecked(session.colour_by == MIXTURE)
        self.setEnabled(session.mixture is not None)
        table = session.table
        without = table is not None and "X_splicer" not in table.obsm
        self.setToolTip(_TIP if self.isEnabled() else _NO_MODEL if without else _SOON)
