"""CompositionPage: which share of the cells each group is, in all of them or in parts of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from qtpy.QtWidgets import QLabel, QScrollArea

from napari_splicer.gui.binding import bind
from napari_splicer.gui.categories import Categories, categories_of, category_names, in_words
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.panel import Panel
from napari_splicer.gui.widgets.save_button import SaveFigure
from napari_splicer.gui.widgets.share_bars import Composition, ShareBars

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.theme import Theme

EMPTY = "Here will be how many cells are in each group. Step ⑤ Cluster makes groups."
_IMAGE = "region"


class CompositionPage(Panel):
    """Bars of the active grouping, for all cells, per image, or per category of an annotation.

    The group under the mouse lights up on image and map; a click selects a piece's cells.

    Parameters
    ----------
    session : Session
        Read and written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        self.bars = ShareBars()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setWidget(self.bars)
        self._area = area
        super().__init__("Composition", area, parent)
        self._session = session
        self._parts: Categories | None = None
        self._due = self.later(self._count)
        self.per = NarrowBox()
        self.per.tip = "Whose composition is shown: that of all cells, or of parts of them"
        self.tools.addWidget(QLabel("of"))
        self.tools.addWidget(self.per)
        self.tools.addStretch()
        bars = self.bars
        self.save = SaveFigure(lambda: bars.shown, bars.changed, "Composition")
        self.tools.addWidget(self.save)
        self.per.activated.connect(self._count)
        self.bars.clicked.connect(self._select)
        self.bars.hovered.connect(self._hover)
        events = session.events
        for signal in (events.table, events.clustering, events.groups, session.clusterings_changed):
            bind(self, signal, self._changed)
        bind(self, events.hovered_group, self._light)
        self._changed()

    def set_theme(self, theme: Theme) -> None:
        """Paint in the theme's colours."""
        self.bars.set_theme(theme)
        self._area.setStyleSheet(f"QScrollArea, QWidget {{ background: {theme.background} }}")

    def _changed(self) -> None:
        self._list_parts()
        if not self._session.groups:
            self._due.stop()
            self.bars.set_shown(None)
            self.say(self._session.words(EMPTY))
            return
        self._due.start()

    def _list_parts(self) -> None:
        """Offer what cells can be divided by, keeping what is chosen; first, by their images."""
        names = category_names(self._session)
        kept = self.per.currentData()
        if kept not in names:
            kept = _IMAGE if _IMAGE in names else None
        self.per.clear()
        self.per.addItem(self._session.words("all cells"), None)
        for name in names:
            self.per.addItem(f"each {in_words(name)}", name)
        self.per.setCurrentIndex(names.index(kept) + 1 if kept in names else 0)

    def _count(self) -> None:
        from napari_splicer.analysis.profiles import composition

        session, name = self._session, self.per.currentData()
        if session.table is None or session.clustering is None:
            return
        found = None if name is None else categories_of(session, name)
        groups = session.table.obs[session.clustering]
        whole = Categories(np.zeros(len(groups), np.int64), (session.words("all cells"),), ())
        codes, words, _ = whole if found is None else found
        parts = pd.Categorical.from_codes(codes, categories=pd.Index(words))
        counts = composition(groups, pd.Series(parts)).T
        counts.columns = pd.Index([group.name for group in session.groups])
        self._parts = found
        self.bars.unit = session.words("cells")
        colours = {group.name: group.colour for group in session.groups}
        self.bars.set_shown(Composition(counts, colours))
        self.show_content()

    def _hover(self, group: int | None) -> None:
        self._session.hovered_group = group

    def _light(self, group: int | None) -> None:
        self.bars.light(group)

    def _select(self, part: int, group: int) -> None:
        session = self._session
        chosen = session.codes() == group
        if self._parts is not None and len(self._parts.codes) == len(chosen):
            chosen &= self._parts.codes == part
        session.select(session.ids()[chosen])
