"""MapAxes: what places the cells on the map: its layout, principal components, any two numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand
from napari_splicer.gui.numbers import further_numbers, values_of
from napari_splicer.gui.snapshot import detached
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.gui.session import Session

MAP, COMPONENTS, NUMBERS = "map", "components", "numbers"
_WORDS = {
    MAP: "map (UMAP)",
    COMPONENTS: "principal components",
    NUMBERS: "one against another",
}
_NARROW = 84  # px


@dataclass(frozen=True, eq=False)
class Places:
    """Where the cells are drawn.

    Parameters
    ----------
    points : float (n, 2)
        x and y; NaN for cells that have no place.
    labels : (str, str)
        Of the axes; empty where they mean nothing by themselves.
    """

    points: NDArray[np.float64]
    labels: tuple[str, str] = ("", "")


class MapAxes(QWidget):
    """A choice of axes; emits ``changed`` when cells have other places, found in ``places``.

    Parameters
    ----------
    session : Session
        Read only.
    """

    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._errand = Errand(self, self._take)
        self.places = Places(np.empty((0, 2)))
        self.kind, self.x, self.y = QComboBox(), QComboBox(), QComboBox()
        self._wording = Wording(self, session)
        self._wording.put(
            self.kind.setToolTip,
            "Map: alike cells lie close. Principal components: the two directions in which cells "
            "differ most. One against another: any two markers or measures, as in flow cytometry.",
        )
        for kind, words in _WORDS.items():
            self.kind.addItem(words, kind)
        self._against = QLabel("×")
        for box, axis in ((self.x, "horizontal"), (self.y, "vertical")):
            box.setToolTip(f"What the {axis} axis shows; markers on an arcsinh scale")
            box.setMinimumWidth(_NARROW)
            box.activated.connect(self._ask)
        self.kind.activated.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.kind)
        line = QHBoxLayout()
        line.setSpacing(4)
        for widget in (self.x, self._against, self.y):
            line.addWidget(widget, 1 if isinstance(widget, QComboBox) else 0)
        layout.addLayout(line)
        bind(self, session.events.table, self._new_table)
        bind(self, session.events.measures, self._list_numbers)
        bind(self, session.clusterings_changed, self._list_numbers)  # annotations, too
        self._new_table()

    def _new_table(self) -> None:
        self._list_numbers()
        self._choose()

    def _list_numbers(self) -> None:
        """Offer markers and measures, keeping what is chosen."""
        session = self._session
        markers = [] if session.table is None else [str(name) for name in session.table.var_names]
        names = [*markers, *session.measures, *further_numbers(session)]
        for box, place in ((self.x, 0), (self.y, 1)):
            kept = box.currentText()
            box.clear()
            box.addItems(names)
            box.setCurrentIndex(names.index(kept) if kept in names else min(place, len(names) - 1))
        if self.kind.currentData() == NUMBERS:
            self._ask()  # one of them may be another now, or gone

    def _choose(self) -> None:
        numbers = self.kind.currentData() == NUMBERS
        for widget in (self.x, self._against, self.y):
            widget.setVisible(numbers)
        self._ask()

    def _ask(self) -> None:
        session, kind = self._session, self.kind.currentData()
        table = session.table
        self._errand.forget()
        if table is None:
            self._take(Places(np.empty((0, 2))))
        elif kind == COMPONENTS:
            self._errand.ask(_components, detached(table))
        elif kind == NUMBERS:
            names = (self.x.currentText(), self.y.currentText())
            markers = [name in table.var_names for name in names]
            scaled = [
                _scaled(values_of(session, n), m) for n, m in zip(names, markers, strict=True)
            ]
            x, y = (f"{n} (arcsinh)" if m else n for n, m in zip(names, markers, strict=True))
            self._take(Places(np.stack(scaled, axis=1), (x, y)))
        elif "X_umap" in table.obsm:
            self._take(Places(np.asarray(table.obsm["X_umap"], np.float64)[:, :2]))
        else:
            self._take(Places(np.full((table.n_obs, 2), np.nan)))

    def _take(self, places: Places) -> None:
        self.places = places
        self.changed.emit()


def _components(table: AnnData) -> Places:
    from napari_splicer.analysis.space import first_components

    source = "representation" if "X_splicer" in table.obsm else "intensity"
    scores = first_components(table, source, 2).astype(np.float64)
    points = np.zeros((len(scores), 2))
    points[:, : scores.shape[1]] = scores
    points[~np.isfinite(scores).all(axis=1)] = np.nan
    return Places(points, ("PC 1", "PC 2"))


def _scaled(values: NDArray[np.float64], is_marker: bool) -> NDArray[np.float64]:
    """Return a marker's intensities on the scale that cells are compared on; others as they are."""
    if not is_marker:
        return values
    from napari_splicer.analysis.features import bent

    return np.asarray(bent(values[:, None].astype(np.float32))[:, 0], np.float64)
