"""TrustLine: how far groupings depend on chance, on the image, and on its border."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_splicer.analysis.trust import keep_trust, note_trust, trust_of, trusting
from napari_splicer.errors import SplicerError
from napari_splicer.gui.binding import bind
from napari_splicer.gui.failures import in_words as said_of
from napari_splicer.gui.jobs import tell
from napari_splicer.gui.numbering import shown_images
from napari_splicer.gui.snapshot import detached
from napari_splicer.gui.widgets.work_line import WorkLine

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_splicer.analysis.trust import Trust
    from napari_splicer.gui.session import Session
    from napari_splicer.shares import Shares

_TIP = (
    "For every grouping in the list that it is not known of: groups the cells three times more, "
    "each time from another start, and measures how alike the groups are; and whether they follow "
    "the image, or lying at its border, more than the biology."
)
_BUSY = "It is being measured: Cancel stops it"
_STABLE, _LITTLE = 0.8, 0.1


class TrustLine(QWidget):
    """A button, and afterwards a sentence about the active groups; the list says it of all.

    What is found is noted in the table, and stays true for these groups, whatever they are called.

    Parameters
    ----------
    session : Session
        Its table is written.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._measured: tuple[AnnData, str] | None = None  # as the table was when it was asked
        self._waiting: list[str] = []
        self._asked = 0
        self.button = QPushButton("How sure?")
        self.button.clicked.connect(self._ask)
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.work = WorkLine(self._take, self._refuse, parent=self)
        self.work.stopped.connect(self._refresh)
        line = QHBoxLayout()
        line.addWidget(self.button)
        line.addWidget(self.work, 1)
        line.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(line)
        layout.addWidget(self.words)
        bind(self, session.events.table, self._table_changed)
        for signal in (session.events.clustering, session.events.groups):
            bind(self, signal, self._refresh)
        self._refresh()

    def _table_changed(self) -> None:
        table = self._session.table
        if self._measured is not None and (
            table is None or not table.obs_names.equals(self._measured[0].obs_names)
        ):
            self.work.forget()
        self._refresh()

    def _refresh(self) -> None:
        session, busy = self._session, self.work.asked
        self.button.setEnabled(not busy)
        self.button.setToolTip(_BUSY if busy else session.words(_TIP))
        if busy and self._measured is not None:
            count = self._asked - len(self._waiting)
            which = f" ({count} of {self._asked})" if self._asked > 1 else ""
            self._say(
                session.words("Grouping the cells three times more")
                + f", as {self._measured[1]}{which} …"
            )
            return
        found = None
        if session.table is not None and session.clustering is not None:
            found = trust_of(session.table, session.clustering)
        self._say("" if found is None else in_words(found))

    def _say(self, words: str) -> None:
        self.words.setText(words)
        self.words.setVisible(bool(words))

    def _ask(self) -> None:
        table, active = self._session.table, self._session.clustering
        if table is None or active is None:
            return
        names = sorted(self._session.clusterings, key=lambda name: name != active)
        unknown = [name for name in names if trust_of(table, name) is None]
        self._waiting = unknown or [active]
        self._asked = len(self._waiting)
        self._next()

    def _next(self) -> None:
        session, table = self._session, self._session.table
        if table is not None and self._waiting:
            name = self._waiting.pop(0)
            images = shown_images(session.image) if session.table_fits else ()
            shapes = {image.name: image.shape for image in images}
            if name not in session.clusterings:  # it was renamed or removed meanwhile
                self._next()
                return
            self._measured = detached(table), name
            self.work.ask(_measuring, *self._measured, shapes)
        self._refresh()

    def _take(self, found: Trust) -> None:
        table = self._session.table
        if table is not None and self._measured is not None:
            before, name = self._measured
            note_trust(before, name, found)
            keep_trust(table, before)
            self._session.trust_noted.emit()
        self._next()

    def _refuse(self, error: Exception) -> None:
        self._waiting = []
        self._refresh()
        self._say(said_of(error))
        if not isinstance(error, SplicerError):
            tell(error)


def in_words(found: Trust) -> str:
    """Say what was measured, in sentences."""
    said = []
    if found.stability is None:
        said.append(f"Whether they are chance can't be told: {found.untold}.")
    else:
        verdict = "stable" if found.stability >= _STABLE else "partly chance"
        said.append(
            f"{verdict.capitalize()}: grouped anew, groups are alike to {found.stability:.2f} (1: "
            "the same, 0: no more than by chance)."
        )
    for value, what in ((found.image, "the image"), (found.border, "the image's border")):
        if value is not None:
            verdict = "hardly follow" if value < _LITTLE else "follow"
            said.append(f"They {verdict} {what} ({max(value, 0):.2f} of 1).")
    return " ".join(said)


def in_short(found: Trust) -> str:
    """Say the same in a few words, for a list; nothing where there is nothing to say."""
    said = []
    if found.stability is not None:
        verdict = "stable" if found.stability >= _STABLE else "partly chance"
        said.append(f"{verdict} {found.stability:.2f}")
    for value, what in ((found.image, "image"), (found.border, "border")):
        if value is not None and value >= _LITTLE:
            said.append(f"follows {what} {value:.2f}")
    return " · ".join(said)


def _measuring(
    table: AnnData, clustering: str, shapes: dict[str, tuple[int, int]]
) -> Shares[Trust]:
    found = yield from trusting(table, clustering, shapes=shapes)
    return found
