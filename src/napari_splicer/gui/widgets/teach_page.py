"""TeachPage: a few example cells of each type, and every other cell is told by them."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QLabel,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_splicer.analysis.palette import UNASSIGNED
from napari_splicer.analysis.teaching import FEWEST, teaching
from napari_splicer.gui import lessons, similar
from napari_splicer.gui.binding import bind
from napari_splicer.gui.failures import in_words
from napari_splicer.gui.jobs import Errand
from napari_splicer.gui.numbering import called
from napari_splicer.gui.shortcuts import SHOW_AS_TYPE, WindowKeys
from napari_splicer.gui.snapshot import detached
from napari_splicer.gui.widgets.example_gallery import ExampleGallery
from napari_splicer.gui.widgets.example_tools import OTHER_IMAGE, ExampleTools
from napari_splicer.gui.widgets.lesson_sources import LessonSources
from napari_splicer.gui.widgets.panel import Panel
from napari_splicer.gui.widgets.type_table import TypeTable
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from qtpy.QtGui import QHideEvent, QKeyEvent

    from napari_splicer.analysis.teaching import Taught
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.theme import Theme

EMPTY = (
    "Here you show a few cells of each type, and all others are told by them. Step ④ Embed "
    "describes the cells first."
)
HOW = (
    "<b>1.</b> Press <b>New type</b> twice and name the types. <b>2.</b> Press <b>Paint</b> and "
    "draw over cells of one type in the image; or click a cell, and <b>Add</b> it. <b>3.</b> With "
    "examples of two types, every cell gets its type."
)
ANOTHER = (
    "Now show cells of <b>another type</b>, too: with examples of two, every cell gets its type."
)
LEARNING = "Learning from the examples …"
_HARDLY = 0.1  # of what is between guessing and all right
_BLOCKING = ("cluster", "export")  # stages during which the table must stay as it is


class TeachPage(Panel):
    """Teaches the session's lesson as it changes, and keeps what was learned in the table.

    Parameters
    ----------
    session : Session
        Read and written.
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        self._session = session
        self._taught: Taught | None = None
        self._to_be_seen = False  # whether a person has taught something since it was kept
        self._kept = True  # whether the table holds what was learned
        self._asked = -1  # which of the proposed cells was flown to
        self.types = TypeTable(session)
        self.example_tools = ExampleTools(session, self.types)
        self.gallery = ExampleGallery(session, self.types)
        self.says = QLabel()
        super().__init__("Teach", self._lay_out(), parent)
        self._errand = Errand(self, self._take, self._refuse, self._say_share)
        self._dress()
        self._keys = WindowKeys(self, SHOW_AS_TYPE, self.example_tools.add_picked)
        events = session.events
        bind(self, events.table, self._table_changed)
        bind(self, events.lesson, self._lesson_changed)
        bind(self, events.job, self._job_changed)
        bind(self, events.colour_by, self._colour_changed)
        for signal in (events.picked, events.cells, events.tiles):
            bind(self, signal, self._say)
        self._table_changed()

    def _lay_out(self) -> QWidget:
        left, right = QWidget(), QWidget()
        for side, parts in (
            (left, ((self.types, 1), (self.example_tools, 0))),
            (right, ((self.says, 0), (self.gallery, 1))),
        ):
            column = QVBoxLayout(side)
            column.setContentsMargins(0, 0, 0, 0)
            column.setSpacing(4)
            for part, stretch in parts:
                column.addWidget(part, stretch)
        content = QSplitter()
        content.addWidget(left)
        content.addWidget(right)
        content.setSizes([320, 400])
        self.says.setWordWrap(True)
        self.says.setAlignment(Qt.AlignmentFlag.AlignTop)
        return content

    def _dress(self) -> None:
        self.sources = LessonSources(self._session)
        self._wording = Wording(self, self._session)
        self.next = QPushButton()
        self._wording.put(self.next.setText, "Next uncertain cell")
        self.unsure = QCheckBox("show uncertainty")
        self.unsure.setToolTip("Colour map and image by how unsure each cell's type is")
        self.next.clicked.connect(self.fly_to_next)
        self.unsure.toggled.connect(self._colour)
        self.tools.addWidget(QLabel("by"))
        self.tools.addWidget(self.sources)
        self.tools.addStretch()
        self.tools.addWidget(self.unsure)
        self.tools.addWidget(self.next)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take the keys 1 to 9 also where the page is in a window of its own."""
        place = SHOW_AS_TYPE.place(event)
        if place is None:
            super().keyPressEvent(event)
        else:
            self.example_tools.add_picked(place)

    def hideEvent(self, event: QHideEvent) -> None:
        """Put the brush down: without the page nothing shows that it is taken up."""
        if not event.spontaneous():  # as when the window is made an icon
            self._session.brush = None
        super().hideEvent(event)

    def set_theme(self, theme: Theme) -> None:
        """Put the pictures on the theme's background."""
        self.gallery.set_theme(theme)

    # what is asked -----------------------------------------------------------------------------

    def _table_changed(self) -> None:
        if self._session.table is None:
            self._errand.forget()
            self.say(self._session.words(EMPTY))
            return
        self.show_content()
        seen = self._to_be_seen
        lessons.resume(self._session)
        self._to_be_seen = seen  # what a table brings with it, no person has taught now
        self._teach()

    def _lesson_changed(self) -> None:
        self._to_be_seen = self._session.table is not None
        self._teach()

    def _teach(self) -> None:
        session = self._session
        self._keys.allow(len(session.lesson.types))
        self._taught, self._asked = None, -1
        self.gallery.doubt(np.empty(0, np.int64))
        if session.table is None:
            return
        if self._shown < 2:
            self._errand.forget()
        else:
            lessons.take_free_name(session)
            self._errand.ask(teaching, detached(session.table), session.lesson)
        self._say()

    @property
    def _shown(self) -> int:
        """How many types have examples in the table."""
        types = range(len(self._session.lesson.types))
        return sum(len(lessons.examples(self._session, i)) > 0 for i in types)

    # what comes --------------------------------------------------------------------------------

    def _say_share(self, share: float) -> None:
        words = f"Telling {len(self._session.ids()):,} cells: {share:.0%}"
        self.says.setText(self._session.words(words))

    def _refuse(self, error: Exception) -> None:
        self.says.setText(in_words(error))

    def _take(self, taught: Taught) -> None:
        self._taught, self._kept = taught, lessons.is_kept(self._session)
        self._to_be_seen &= not self._kept
        self.gallery.doubt(similar.cells_at(self._session, taught.doubtful))
        self._job_changed()
        self._say()

    def _job_changed(self) -> None:
        """Keep what was learned as soon as nobody else reads or groups the table."""
        job = self._session.job
        if self._taught is None or self._kept or (job is not None and job.stage in _BLOCKING):
            return
        self._kept = True
        # Taught anew of a new table, types wait behind the groups that were just made.
        lessons.keep(self._session, self._taught, show=self._to_be_seen)
        self._to_be_seen = False

    def _say(self) -> None:
        said = self._session.words
        self.gallery.setVisible(self._shown > 0)  # before, all room is for advice
        taught, few = self._taught, said("Show cells of at least two types first")
        there = taught is not None
        proposed = taught is not None and len(taught.proposed) > 0
        self.next.setEnabled(proposed and self._session.table_fits)
        if self.next.isEnabled():
            why = "Fly to a cell whose type is unsure: say what it is, and others become surer"
        elif proposed:
            why = OTHER_IMAGE
        else:
            why = "No cell is unsure enough to be asked about" if there else few
        self.next.setToolTip(said(why))
        self.unsure.setEnabled(there)
        self.unsure.setToolTip(
            "Colour map and image by how unsure each cell's type is: 0 is sure, at 1 two types are "
            "equally likely"
            if there
            else few
        )
        if taught is None:
            advice = said(ANOTHER if self._shown else HOW)
            self.says.setText(LEARNING if self._errand.asked else advice)
            return
        parts = [_how_well(taught), *taught.clustering.remarks, self._of_picked(taught)]
        self.says.setText(said(" ".join(part for part in parts if part)))

    def _of_picked(self, taught: Taught) -> str:
        picked = self._session.picked
        rows = np.flatnonzero(self._session.ids() == picked)
        if picked is None or not len(rows):
            return ""
        name = escape(taught.clustering.names[taught.clustering.codes[rows[0]]])
        which = escape(called(self._session, picked)).replace("cell", "Cell", 1)
        if len(lessons.examples_among(self._session, [picked])):
            return f"{which} is an example of <b>{name}</b>."
        return f"{which} is taken for <b>{name}</b>, uncertainty {taught.uncertainty[rows[0]]:.2f}."

    # what follows from it ----------------------------------------------------------------------

    def fly_to_next(self) -> None:
        """Fly to the next of the cells that are worth showing."""
        if self._taught is not None and len(self._taught.proposed):
            self._asked = (self._asked + 1) % len(self._taught.proposed)
            row = self._taught.proposed[self._asked : self._asked + 1]
            self._session.cell_requested.emit(int(similar.cells_at(self._session, row)[0]))

    def _colour(self, wanted: bool) -> None:
        name = lessons.uncertainty_measure(self._session)
        if wanted and name in self._session.measures:
            self._session.colour_by = name
        elif self._session.colour_by == name:
            self._session.colour_by = None

    def _colour_changed(self) -> None:
        self.unsure.blockSignals(True)
        now = self._session.colour_by == lessons.uncertainty_measure(self._session)
        self.unsure.setChecked(now)
        self.unsure.blockSignals(False)


def _how_well(taught: Taught) -> str:
    types = len(set(taught.clustering.names) - {UNASSIGNED})
    if taught.crowded:
        names = ", ".join(f"<b>{escape(name)}</b>" for name in taught.crowded)
        return (
            f"How well types are told can't be said yet: examples of {names} lie so close together "
            "that their patches overlap. Show some from elsewhere too."
        )
    if taught.accuracy is None:
        return f"When every type has {FEWEST} examples, it will say here how well they are told."
    guessed = 1 / types
    told = (
        f"Of examples kept aside, with all that is near them, {taught.accuracy:.0%} are told "
        f"rightly (guessing: {guessed:.0%})."
    )
    if taught.accuracy <= guessed + (1 - guessed) * _HARDLY:
        told += (
            " That is hardly better than guessing: show more examples, or let other numbers have "
            "a say (<i>by</i>, above)."
        )
    return told
