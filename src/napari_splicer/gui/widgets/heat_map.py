"""Clusters × markers: what each group of cells looks like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from qtpy.QtWidgets import QToolButton

from napari_splicer.gui.binding import bind
from napari_splicer.gui.widgets.colour_bar import ColourBar
from napari_splicer.gui.widgets.colouring import scale_colours
from napari_splicer.gui.widgets.matrix_view import Matrix, MatrixView
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.panel import Panel
from napari_splicer.gui.widgets.save_button import SaveButton

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.analysis.profiles import Profiles
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.theme import Theme
    from napari_splicer.shares import Shares

EMPTY = (
    "Here will be what each group of cells looks like, marker by marker. Step ⑤ Cluster makes it."
)
SCORES, RAW = "z-score", "intensity"
_CAP = 2.0  # standard deviations at which the scale ends


class HeatMap(Panel):
    """Mean z-scores, or medians in raw units, of every group of the active clustering.

    A click on a cell shows that marker within that group alone: colours map and overlay by it,
    hides all other groups, and selects the group's cells. Another click on it shows all again. A
    click on a marker's name only colours, on a group's name only selects.

    Parameters
    ----------
    session : Session
        Read and written.
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        self.matrix = MatrixView()
        super().__init__("Groups × markers", self.matrix, parent)
        self._session = session
        self._profiles: Profiles | None = None
        self._hidden_before: frozenset[str] = frozenset()
        self._alone = ""  # the group that a click has left alone
        self._work = self.working(self._show, self._ask)
        self._due = self.later(self._ask)
        self.mode = NarrowBox()
        # napari's arrow is wider than the style's own hint for it.
        self.mode.setMinimumWidth(self.fontMetrics().horizontalAdvance(SCORES) + 60)
        self.mode.setMinimumContentsLength(len(SCORES))
        self.mode.addItems([SCORES, RAW])
        self.mode.tip = (
            "z-score: how far from the mean of all cells; intensity: median, as measured"
        )
        self.bar = ColourBar()
        self.tools.addWidget(self.mode)
        self.tools.addStretch()
        self.tools.addWidget(self.bar)
        self.everything = QToolButton()
        self.everything.setText("Show all")
        self.everything.setToolTip("Some groups are hidden: show all on map and image again")
        self.everything.clicked.connect(self._show_all)
        self.tools.addWidget(self.everything)
        self.tools.addWidget(SaveButton(self.matrix, "Groups × markers"))
        self.mode.currentTextChanged.connect(self._paint)
        self.matrix.cell_clicked.connect(self._cell_clicked)
        self.matrix.row_clicked.connect(self._select)
        self.matrix.column_clicked.connect(self._colour_by)
        for signal in (session.events.table, session.events.clustering, session.events.groups):
            bind(self, signal, self._changed)
        self._changed()

    def set_theme(self, theme: Theme) -> None:
        """Paint in the theme's colours."""
        self.matrix.set_theme(theme)
        self.bar.set_theme(theme)

    def _changed(self) -> None:
        self.everything.setVisible(not all(group.visible for group in self._session.groups))
        table, clustering = self._session.table, self._session.clustering
        if table is None or clustering is None:
            self._due.stop()
            self._work.forget()  # or what was asked of the table before would still be shown
            self._profiles = None
            self.matrix.set_matrix(None)
            self.say(self._session.words(EMPTY))
            return
        self._due.start()

    def _ask(self) -> None:
        table, clustering = self._session.table, self._session.clustering
        if table is not None and clustering is not None:
            columns = table.obs[[clustering, "region"]].copy()
            self._work.ask(_summarise, table.X, table.var_names, columns, clustering)

    def _show(self, profiles: Profiles) -> None:
        self._profiles = profiles
        self._paint()
        self.show_content()

    def _paint(self) -> None:
        if self._profiles is None:
            return
        scored = self.mode.currentText() == SCORES
        values = self._profiles.scores if scored else self._profiles.medians
        colours = scale_colours("CET-D1" if scored else "viridis")
        shades = (values + _CAP) / (2 * _CAP) if scored else _per_marker(values)
        low, high = (f"-{_CAP:g}", f"+{_CAP:g} SD") if scored else ("low", "high")
        self.bar.set_scale(colours, low, high)
        self.bar.tip = "" if scored else "From the lowest to the highest group, per marker"
        swatches = {group.name: group.colour for group in self._session.groups}
        self.matrix.set_matrix(
            Matrix(values, shades.to_numpy(np.float64), colours, self._tip, swatches)
        )

    def _tip(self, row: int, column: int) -> str:
        assert self._profiles is not None
        scores, medians = self._profiles.scores, self._profiles.medians
        score, median = (float(frame.to_numpy()[row, column]) for frame in (scores, medians))
        cells = int(self._profiles.counts.sum(axis=1).iloc[row])
        return (
            f"{scores.index[row]} · {scores.columns[column]}\n"
            f"z-score {score:+z.2f}\n"
            f"median intensity {median:.4g}\n"
            + self._session.words(f"{cells:,} cells\nClick: this marker in these cells alone")
        )

    def _cell_clicked(self, group: str, marker: str) -> None:
        """Show a marker within a group alone; if that is shown, all groups as they were before."""
        session = self._session
        hidden = frozenset(each.name for each in session.groups if not each.visible)
        others = frozenset(each.name for each in session.groups) - {group}
        if hidden == others and session.colour_by == marker:
            self._hide(self._hidden_before if self._alone == group else frozenset())
            return
        if hidden != frozenset(each.name for each in session.groups) - {self._alone}:
            self._hidden_before = hidden  # as the person had it
        self._alone = group
        self._colour_by(marker)
        self._hide(others)
        self._select(group)

    def _show_all(self) -> None:
        self._hide(frozenset())

    def _hide(self, groups: frozenset[str]) -> None:
        session = self._session
        if session.clustering is not None:
            session.hidden = {**session.hidden, session.clustering: groups}

    def _colour_by(self, marker: str) -> None:
        self._session.colour_by = marker

    def _select(self, group: str) -> None:
        names = [other.name for other in self._session.groups]
        if group in names:
            self._session.select(self._session.cells_of(names.index(group)))


def _summarise(
    intensities: Any, markers: pd.Index, columns: pd.DataFrame, clustering: str
) -> Shares[Profiles]:
    """Profile a table of its own, which of 10⁶ cells takes a while to make."""
    from anndata import AnnData

    from napari_splicer.analysis.profiles import profiling

    excerpt = AnnData(intensities, obs=columns, var=pd.DataFrame(index=markers))
    profiles = yield from profiling(excerpt, clustering)
    return profiles.ordered()


def _per_marker(medians: pd.DataFrame) -> pd.DataFrame:
    """Return every column from 0, its lowest value, to 1, its highest."""
    low, high = medians.min(), medians.max()
    return (medians - low) / (high - low).where(high > low, 1.0)
