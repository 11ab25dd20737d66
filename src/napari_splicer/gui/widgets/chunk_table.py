"""Chunks: what each component's part of the embedding tells apart, and how it repeats others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from napari_splicer.gui.binding import bind
from napari_splicer.gui.widgets.colour_bar import ColourBar
from napari_splicer.gui.widgets.colouring import scale_colours
from napari_splicer.gui.widgets.matrix_view import Matrix, MatrixView
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.panel import Panel
from napari_splicer.gui.widgets.save_button import SaveButton
from napari_splicer.model.findings import REPEATED

if TYPE_CHECKING:
    from collections.abc import Mapping

    import dask.array as da
    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.theme import Theme
    from napari_splicer.shares import Shares

EMPTY = (
    "Here will be what each component's part of the embedding tells apart. "
    "Step ④ Embed makes it, with a SpliCER model."
)
MARKERS, OTHERS = "markers: R²", "each other"
_HEADINGS = {
    MARKERS: (
        "What each component (row) tells of each marker (column)",
        "Each component has its part of the embedding. R² says how much of a marker's variation "
        "that part alone tells: 1 is all of it, 0 nothing",
    ),
    OTHERS: (
        "How much components repeat each other",
        "How much the parts of two components say the same of the cells (linear CKA): 0 nothing in "
        f"common, 1 the same. From {REPEATED:g} on they repeat each other, and one of them would "
        "do: merge them in step ② Components",
    ),
}
_BARS = {
    MARKERS: "R²: at 1 a component tells a marker exactly, at 0 not at all",
    OTHERS: "Likeness (linear CKA): at 1 two components say the same, at 0 nothing in common",
}
_FEWEST = 10  # cells, two for each of five folds
_MOST = 4000  # cells that the estimate is made from


class Told(NamedTuple):
    """What chunks tell.

    Parameters
    ----------
    r2 : DataFrame (components, markers)
    likeness : DataFrame (components, components)
        Linear CKA.
    """

    r2: pd.DataFrame
    likeness: pd.DataFrame


class ChunkTable(Panel):
    """What is known of every component's chunk: markers, or how like it is to the others.

    Of markers, cross-validated R² of their mean intensity; of other chunks, linear CKA.

    Parameters
    ----------
    session : Session
        A click on a marker sets its ``colour_by``.
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        self.matrix = MatrixView()
        super().__init__(_HEADINGS[MARKERS][0], self.matrix, parent)
        self._session = session
        self._found: Told | None = None
        self._work = self.working(self._show, self._changed)
        self.bar = ColourBar()
        self.bar.set_scale(scale_colours(), 0, 1)
        self.about = NarrowBox()
        self.about.addItems([MARKERS, OTHERS])
        self.about.tip = "What components are held against: markers, or each other"
        self.save = SaveButton(self.matrix, "Components × markers")
        self.tools.addWidget(self.about)
        self.tools.addStretch()
        self.tools.addWidget(self.bar)
        self.tools.addWidget(self.save)
        self.about.currentTextChanged.connect(self._paint)
        self.matrix.cell_clicked.connect(lambda _, marker: self._colour_by(marker))
        self.matrix.column_clicked.connect(self._colour_by)
        bind(self, session.events.table, self._changed)
        self._paint()
        self._changed()

    def set_theme(self, theme: Theme) -> None:
        """Paint in the theme's colours."""
        self.matrix.set_theme(theme)
        self.bar.set_theme(theme)

    def _changed(self) -> None:
        from napari_splicer.embedding.table import chunk_slices

        table = self._session.table
        chunks = {} if table is None else chunk_slices(table)
        self._work.forget()
        self._found = None
        self.matrix.set_matrix(None)
        if table is None or not chunks:
            self.say(self._session.words(EMPTY))
        elif table.n_obs < _FEWEST:
            self.say(f"Too few cells to tell what components hold: {table.n_obs} of {_FEWEST}.")
        else:
            embedding, names = table.obsm["X_splicer_chunks"], tuple(table.var_names)
            self.say("Measuring what each component tells apart …")
            self._work.ask(_measure, embedding, chunks, table.X, names)

    def _show(self, found: Told) -> None:
        self._found = found
        self._paint()
        self.show_content()

    def _paint(self) -> None:
        about = self.about.currentText()
        heading, tip = _HEADINGS[about]
        self.heading.setText(heading)
        self.heading.setToolTip(tip)
        self.bar.tip = _BARS[about]
        self.save.title = f"Components × {'markers' if about == MARKERS else 'components'}"
        if self._found is None:
            return
        values, say = (
            (self._found.r2, _tip) if about == MARKERS else (self._found.likeness, _likeness_tip)
        )
        shades = values.to_numpy(np.float64)
        self.matrix.set_matrix(
            Matrix(values, shades, scale_colours(), lambda row, column: say(values, row, column))
        )

    def _colour_by(self, marker: str) -> None:
        if self.about.currentText() == MARKERS:
            self._session.colour_by = marker


def _measure(
    embedding: NDArray[np.float32] | da.Array,
    chunks: Mapping[str, slice],
    intensities: NDArray[np.float32] | da.Array,
    markers: tuple[str, ...],
) -> Shares[Told]:
    """Ask every component's chunk, of a sample where there are many cells.

    Cells that lack a marker are left out of all; a marker that most cells lack has no R².
    """
    from napari_splicer.quality import chunk_similarity, marker_r2_by_chunk

    rows = np.sort(np.random.default_rng(0).permutation(len(embedding))[:_MOST])
    # Only these rows: those of a large table lie on the disk.
    embedded, bright = np.asarray(embedding[rows]), np.asarray(intensities[rows])
    known = np.isfinite(bright)
    kept = known.mean(axis=0) > 0.5
    whole = known[:, kept].all(axis=1) & np.isfinite(embedded).all(axis=1)
    embedded, bright = embedded[whole], bright[whole][:, kept]
    r2 = np.full((len(chunks), len(markers)), np.nan)
    likeness = np.full((len(chunks), len(chunks)), np.nan)
    if len(embedded) >= _FEWEST:
        yield 0.0
        likeness = chunk_similarity(embedded, chunks)
        if kept.any():
            found = marker_r2_by_chunk(embedded, chunks, bright)
            for done, row in enumerate(found):
                r2[done, kept] = row
                yield (done + 1) / len(chunks)
    names = list(chunks)
    return Told(
        pd.DataFrame(r2, index=names, columns=list(markers)),
        pd.DataFrame(likeness, index=names, columns=names),
    )


def _tip(r2: pd.DataFrame, row: int, column: int) -> str:
    component, marker = r2.index[row], r2.columns[column]
    value = float(r2.to_numpy()[row, column])
    if not np.isfinite(value):
        return f"{marker} is the same in all cells, or missing in most."
    share = f"{max(value, 0):.0%} of {marker}'s variation"
    return f"{component} tells {share} (R² {value:z.2f})"


def _likeness_tip(likeness: pd.DataFrame, row: int, column: int) -> str:
    one, other = likeness.index[row], likeness.columns[column]
    value = float(likeness.to_numpy()[row, column])
    if row == column:
        return f"{one} itself. {_most_alike(likeness, row)}"
    if not np.isfinite(value):
        return f"{one} or {other} says the same of all cells."
    end = ": they repeat each other, and one of them would do" if value >= REPEATED else ""
    return f"{one} and {other} are {value:.2f} alike{end}.\n{_most_alike(likeness, row)}"


def _most_alike(likeness: pd.DataFrame, row: int) -> str:
    """Say which other component one is most like."""
    others = likeness.iloc[row].drop(likeness.index[row]).dropna()
    if others.empty:
        return ""
    return f"{likeness.index[row]} is most like {others.idxmax()} ({others.max():.2f})."
