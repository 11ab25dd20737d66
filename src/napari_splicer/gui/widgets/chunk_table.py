"""Chunks: which markers each component's part of the embedding tells apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand
from napari_splicer.gui.widgets.colour_bar import ColourBar
from napari_splicer.gui.widgets.colouring import scale_colours
from napari_splicer.gui.widgets.matrix_view import Matrix, MatrixView
from napari_splicer.gui.widgets.panel import Panel
from napari_splicer.gui.widgets.save_button import SaveButton

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.theme import Theme

EMPTY = (
    "Here will be what each component's part of the embedding tells apart. "
    "Step ④ Embed makes it, with a SpliCER model."
)
_HEADING = "What each component (row) tells of each marker (column): R²"
_HEADING_TIP = (
    "Each component has its part of the embedding. R² says how much of a marker's variation that "
    "part alone tells: 1 is all of it, 0 nothing"
)
_FEWEST = 10  # cells, two for each of five folds
_MOST = 4000  # cells that the estimate is made from


class ChunkTable(Panel):
    """Cross-validated R² of every marker's mean intensity, from every component's chunk.

    Parameters
    ----------
    session : Session
        A click on a marker sets its ``colour_by``.
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        self.matrix = MatrixView()
        super().__init__(_HEADING, self.matrix, parent)
        self.heading.setToolTip(_HEADING_TIP)
        self._session = session
        self._errand = Errand(self, self._show)
        self.bar = ColourBar()
        self.bar.set_scale(scale_colours(), 0, 1)
        self.bar.tip = "R²: at 1 a component tells a marker exactly, at 0 not at all"
        self.tools.addStretch()
        self.tools.addWidget(self.bar)
        self.tools.addWidget(SaveButton(self.matrix, "Components × markers"))
        self.matrix.cell_clicked.connect(lambda _, marker: self._colour_by(marker))
        self.matrix.column_clicked.connect(self._colour_by)
        bind(self, session.events.table, self._changed)
        self._changed()

    def set_theme(self, theme: Theme) -> None:
        """Paint in the theme's colours."""
        self.matrix.set_theme(theme)
        self.bar.set_theme(theme)

    def _changed(self) -> None:
        from napari_splicer.embedding.table import chunk_slices

        table = self._session.table
        chunks = {} if table is None else chunk_slices(table)
        self._errand.forget()
        self.matrix.set_matrix(None)
        if table is None or not chunks:
            self.say(self._session.words(EMPTY))
        elif table.n_obs < _FEWEST:
            self.say(f"Too few cells to tell what components hold: {table.n_obs} of {_FEWEST}.")
        else:
            embedding = np.asarray(table.obsm["X_splicer_chunks"])
            self.say("Measuring what each component tells apart …")
            self._errand.ask(
                _measure, embedding, chunks, np.asarray(table.X), tuple(table.var_names)
            )

    def _show(self, r2: pd.DataFrame) -> None:
        shades = r2.to_numpy(np.float64)
        self.matrix.set_matrix(
            Matrix(r2, shades, scale_colours(), lambda row, column: _tip(r2, row, column))
        )
        self.show_content()

    def _colour_by(self, marker: str) -> None:
        self._session.colour_by = marker


def _measure(
    embedding: NDArray[np.float32],
    chunks: Mapping[str, slice],
    intensities: NDArray[np.float32],
    markers: tuple[str, ...],
) -> pd.DataFrame:
    """Return R² as a table (components, markers), from a sample where there are many cells.

    Cells that lack a marker are left out of all; a marker that most cells lack has no R².
    """
    from napari_splicer.quality import chunk_marker_r2

    rows = np.sort(np.random.default_rng(0).permutation(len(embedding))[:_MOST])
    known = np.isfinite(intensities[rows])
    kept = known.mean(axis=0) > 0.5
    rows = rows[known[:, kept].all(axis=1) & np.isfinite(embedding[rows]).all(axis=1)]
    r2 = np.full((len(chunks), len(markers)), np.nan)
    if len(rows) >= _FEWEST and kept.any():
        r2[:, kept] = chunk_marker_r2(embedding[rows], chunks, intensities[rows][:, kept])
    return pd.DataFrame(r2, index=list(chunks), columns=list(markers))


def _tip(r2: pd.DataFrame, row: int, column: int) -> str:
    component, marker = r2.index[row], r2.columns[column]
    value = float(r2.to_numpy()[row, column])
    if not np.isfinite(value):
        return f"{marker} is the same in all cells, or missing in most."
    share = f"{max(value, 0):.0%} of {marker}'s variation"
    return f"{component} tells {share} (R² {value:z.2f})"
