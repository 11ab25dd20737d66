"""Comparison: two groupings of the same cells side by side, and the cells that moved."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QLabel, QPushButton

from napari_splicer.gui.binding import bind
from napari_splicer.gui.widgets.colouring import scale_colours
from napari_splicer.gui.widgets.matrix_view import Matrix, MatrixView
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.panel import Panel
from napari_splicer.gui.widgets.save_button import SaveButton

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

    from napari_splicer.analysis.agreement import Agreement
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.theme import Theme

EMPTY = (
    "Here two groupings of the same cells are compared. Make a second one in step ⑤ Cluster, "
    "under “Group in another way”."
)
_MOVED = "Select moved"


class Comparison(Panel):
    """How the cells of every group of one clustering spread over those of another.

    The brighter a cell of the matrix, the more of its row's cells it holds.

    A click on a cell of the matrix selects the cells in both groups, on a name those of the group.

    Parameters
    ----------
    session : Session
        Read and written.
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        self.matrix = MatrixView()
        super().__init__("", self.matrix, parent)
        self._session = session
        self._found: Agreement | None = None
        self._names = ("", "")  # of the groupings that are compared
        self._work = self.working(self._show, self._ask)
        self._work.stopped.connect(self._stopped)
        self.first, self.second = NarrowBox(), NarrowBox()
        self.index = QLabel()
        self.index.setToolTip(
            "Adjusted Rand index: 1 where both group alike, about 0 where no more than by chance"
        )
        self.moved = QPushButton(_MOVED)
        for box, words in ((self.first, "rows"), (self.second, "columns")):
            box.tip = f"The grouping whose groups are the {words}"
            box.activated.connect(self._ask)
        for widget in (self.first, QLabel("×"), self.second, self.index, self.moved):
            self.tools.addWidget(widget, 1 if isinstance(widget, NarrowBox) else 0)
        self.tools.addStretch()
        self.tools.addWidget(SaveButton(self.matrix, "Groups × groups"))
        self.moved.clicked.connect(self._select_moved)
        self.matrix.cell_clicked.connect(self._select_both)
        self.matrix.row_clicked.connect(lambda name: self._select_group(0, name))
        self.matrix.column_clicked.connect(lambda name: self._select_group(1, name))
        events = session.events
        for signal in (events.table, events.clustering, events.groups, session.clusterings_changed):
            bind(self, signal, self._changed)
        self._changed()

    def set_theme(self, theme: Theme) -> None:
        """Paint in the theme's colours."""
        self.matrix.set_theme(theme)

    def _changed(self) -> None:
        names = list(self._session.clusterings)
        kept = [box.currentText() for box in (self.first, self.second)]
        newest_first = [*reversed(names)]
        if len(set(kept) & set(names)) < 2:  # nothing was chosen yet, or one of them is gone
            active = self._session.clustering
            kept = sorted(newest_first, key=lambda name: name != active)[:2]
        for box, name in zip((self.first, self.second), kept, strict=False):
            box.clear()
            box.addItems(names)
            box.setCurrentText(name)
        self._ask()

    def _ask(self) -> None:
        table = self._session.table
        names = (self.first.currentText(), self.second.currentText())
        other, self._names = names != self._names, names
        self._found = None
        self.moved.setEnabled(False)
        if table is None or len(self._session.clusterings) < 2:
            self._work.forget()
            self.index.clear()
            self.matrix.set_matrix(None)
            self.moved.setText(_MOVED)
            self.moved.setToolTip("Two groupings are needed: make a second one in step ⑤ Cluster")
            self.say(self._session.words(EMPTY))
            return
        self.moved.setToolTip("Two groupings are being compared: one moment")
        if other:
            self.index.clear()
            self.matrix.set_matrix(None)  # that of two others
        if self.message:
            self.say("Comparing …")
        self._work.ask(_compare, _excerpt(table, names), names)

    def _stopped(self) -> None:
        self.index.clear()
        self.moved.setToolTip("The two were not compared: press Try again")

    def _show(self, found: Agreement) -> None:
        self._found = found
        moved = int(found.moved.sum())
        self.index.setText(f"agreement {found.rand_index:.2f}")
        self.moved.setEnabled(moved > 0)
        self.moved.setText(f"Select {moved:,} moved")
        self.moved.setToolTip(
            "Cells whose group in one is not the match of their group in the other"
            if moved
            else "No cell moved: both group alike"
        )
        shares = found.counts.div(found.counts.sum(axis=1).clip(lower=1), axis=0)
        self.matrix.set_matrix(
            Matrix(
                found.counts,
                shares.to_numpy(np.float64),
                scale_colours(),
                partial(_tip, found),
                counts=True,
            )
        )
        self.show_content()

    def _members(self, which: int, group: str) -> NDArray[np.bool_]:
        assert self._session.table is not None
        return np.asarray(self._session.table.obs[self._names[which]].astype(str) == group)

    def _select_both(self, row: str, column: str) -> None:
        both = self._members(0, row) & self._members(1, column)
        self._session.select(self._session.ids()[both])

    def _select_group(self, which: int, group: str) -> None:
        self._session.select(self._session.ids()[self._members(which, group)])

    def _select_moved(self) -> None:
        if self._found is not None:
            self._session.select(self._session.ids()[self._found.moved])


def _tip(found: Agreement, row: int, column: int) -> str:
    counts = found.counts
    cells = int(counts.to_numpy()[row, column])
    total = int(counts.iloc[row].sum())
    return (
        f"{cells:,} of the {total:,} cells of group {counts.index[row]} "
        f"are in group {counts.columns[column]}"
    )


def _excerpt(table: AnnData, names: tuple[str, str]) -> AnnData:
    """Return a table of its own with these clusterings alone."""
    from anndata import AnnData

    return AnnData(obs=table.obs[list(dict.fromkeys(names))].copy())


def _compare(excerpt: AnnData, names: tuple[str, str]) -> Agreement:
    from napari_splicer.analysis.agreement import compare_clusterings

    return compare_clusterings(excerpt, *names)
