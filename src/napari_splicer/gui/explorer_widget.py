"""The Explorer dock: the map of cells, and beside it what is known of them, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QLabel, QSplitter, QStackedLayout, QTabWidget, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.docks import move_below
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.shortcuts import HELP
from napari_splicer.gui.theming import theme_of
from napari_splicer.gui.widgets.cell_map import CellMap
from napari_splicer.gui.widgets.chunk_table import ChunkTable
from napari_splicer.gui.widgets.comparison import Comparison
from napari_splicer.gui.widgets.composition_page import CompositionPage
from napari_splicer.gui.widgets.file_drop import FileDrop
from napari_splicer.gui.widgets.focus_ring import FocusRing
from napari_splicer.gui.widgets.gallery import Gallery
from napari_splicer.gui.widgets.heat_map import HeatMap
from napari_splicer.gui.widgets.remembering import Remembering
from napari_splicer.gui.widgets.shortcut_page import ShortcutButton, show_shortcuts
from napari_splicer.gui.widgets.similar_page import SimilarPage
from napari_splicer.gui.widgets.spread import Spread
from napari_splicer.gui.widgets.teach_page import TeachPage
from napari_splicer.gui.widgets.undo_buttons import take_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer
    from qtpy.QtGui import QKeyEvent, QResizeEvent, QShowEvent

    from napari_splicer.gui.widgets.theme import Theme

EMPTY = (
    "<p><b>Here will be a map of your cells</b>, what each group of them looks like, and pictures "
    "of them.</p>"
)
NO_MODEL = (
    "<p>Train or load a model in the SpliCER dock, step ③; the map comes with the first groups.</p>"
)
NO_TABLE = "<p>Embed the cells of this image in the SpliCER dock, step ④.</p>"
_DROP = "Let go to take what this file says of each cell, by the cell's number (its column id)."
_MAP, _PAGES = 290, 735  # px
_WIDTHS = (445, 290)
_HEIGHT = 230


class ExplorerWidget(QWidget):
    """Shows the session's table; owns nothing, so that closing it loses nothing.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        napari fills it in by its name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self._link = link_for(napari_viewer)
        self._ring = FocusRing(self)
        self._theme: Theme | None = None
        self._placed = False
        session = self.session = self._link.session
        self.map = CellMap(session)
        self.heat_map = HeatMap(session)
        self.gallery = Gallery(session)
        self.chunks = ChunkTable(session)
        self.comparison = Comparison(session)
        self.spread = Spread(session)
        self.composition = CompositionPage(session)
        self.similar = SimilarPage(session)
        self.teach = TeachPage(session)
        self._panels = (
            self.map,
            self.heat_map,
            self.gallery,
            self.spread,
            self.composition,
            self.chunks,
            self.comparison,
            self.similar,
            self.teach,
        )
        self._stack = QStackedLayout(self)
        self._teaching = QLabel()
        self._teaching.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._teaching.setWordWrap(True)
        self._stack.addWidget(self._teaching)
        self.pages = QTabWidget()
        self.pages.setDocumentMode(True)
        self.groups = _side_by_side((self.heat_map, self.gallery), _WIDTHS)
        for page, title, tip in (
            (self.groups, "Groups", "What each group of cells looks like"),
            (self.spread, "Markers", "How a marker is spread over the cells of every group"),
            (self.composition, "Counts", "How many cells, and which share, each group has"),
            (self.similar, "Similar", "Find the cells that are like one that you click"),
            (self.teach, "Teach", "Show a few cells of each type; all others are told by them"),
            (self.chunks, "Components", "What each component's part of the embedding tells apart"),
            (self.comparison, "Compare", "Two groupings of the same cells, side by side"),
        ):
            self.pages.setTabToolTip(self.pages.addTab(page, title), tip)
        self.pages.setCornerWidget(ShortcutButton())
        self.parts = _side_by_side((self.map, self.pages), (_MAP, _PAGES))
        self._stack.addWidget(self.parts)
        annotations = self.map.annotations
        self.drop = FileDrop(self, annotations.fits, _DROP, annotations.read)
        self._remembering = Remembering(self)
        self._begin_as_left()
        self.setMinimumHeight(_HEIGHT)
        for signal in (session.events.table, session.events.bundle, session.events.tiles):
            bind(self, signal, self._table_changed)
        self._follow_theme()
        self._table_changed()

    def _begin_as_left(self) -> None:
        """Begin with the pages, views and sizes of the last start."""
        remembering = self._remembering
        remembering.size("Explorer: height", Qt.Orientation.Vertical)
        remembering.page("Explorer: page", self.pages)
        remembering.division("Explorer: map and pages", self.parts)
        remembering.division("Explorer: groups and cells", self.groups)
        chosen = self.session.map_choice.kind is not None  # in the project that is open
        axes = self.map.axes.kind
        remembering.choice("Explorer: axes of the map", axes, begin=not chosen)
        remembering.choice("Explorer: numbers of groups", self.heat_map.mode)
        remembering.choice("Explorer: cells of a group", self.gallery.kind)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show yet."""
        return bool(self._stack.currentIndex() == 0)

    def _table_changed(self) -> None:
        words = EMPTY + (NO_MODEL if self.session.bundle is None else NO_TABLE)
        self._teaching.setText(self.session.words(words))
        self._stack.setCurrentIndex(0 if self.session.table is None else 1)

    def showEvent(self, event: QShowEvent) -> None:
        """Find its place when first seen."""
        super().showEvent(event)
        # Not at once: a dock may not be moved while it is being shown.
        QTimer.singleShot(0, self.find_place)

    def find_place(self) -> None:
        """Move under the image, once; afterwards the dock stays where the user puts it."""
        if not self._placed:
            self._placed = move_below(self)
        self._remembering.place()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Remember the height."""
        super().resizeEvent(event)
        self._remembering.resized()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Undo, redo and help, while the Explorer has the focus."""
        if HELP.matches(event):
            show_shortcuts(self)
        elif not take_key(event, self.session.history):
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Follow napari's theme: it changes the style of the whole window."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_stack"):
            self._follow_theme()

    def _follow_theme(self) -> None:
        viewer = self._link.viewer
        theme = self._theme if viewer is None else theme_of(viewer)
        if theme is None or theme == self._theme:
            return
        self._theme = theme
        for part in (self._ring, self.drop, *self._panels):
            part.set_theme(theme)


def _side_by_side(parts: Sequence[QWidget], widths: Sequence[int]) -> QSplitter:
    splitter = QSplitter(Qt.Orientation.Horizontal)
    for place, (part, width) in enumerate(zip(parts, widths, strict=True)):
        splitter.addWidget(part)
        splitter.setStretchFactor(place, width)
    splitter.setSizes(list(widths))
    return splitter
