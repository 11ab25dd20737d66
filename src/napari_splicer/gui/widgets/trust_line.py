"""TrustLine: how far the active groups depend on chance, on the image, and on its border."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand
from napari_splicer.gui.snapshot import detached

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_splicer.analysis.agreement import Trust
    from napari_splicer.gui.session import Session

_TIP = (
    "Groups the cells three times more, each time from another start, and measures how alike the "
    "groups are; and whether they follow the image, or lying at its border, more than the biology."
)
_STABLE, _LITTLE = 0.8, 0.1


class TrustLine(QWidget):
    """A button, and afterwards a sentence.

    Parameters
    ----------
    session : Session
        Read only.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._errand = Errand(self, self._show)
        self.button = QPushButton("How sure?")
        self.button.setToolTip(_TIP)
        self.button.clicked.connect(self._ask)
        self.words = QLabel()
        self.words.setWordWrap(True)
        line = QHBoxLayout(self)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.button)
        line.addWidget(self.words, 1)
        for signal in (session.events.table, session.events.clustering, session.events.groups):
            bind(self, signal, self._forget)
        self._forget()

    def _forget(self) -> None:
        self._errand.forget()
        self.words.clear()
        self.button.setEnabled(True)

    def _ask(self) -> None:
        session = self._session
        if session.table is None or session.clustering is None:
            return
        self.button.setEnabled(False)
        self.words.setText("Grouping the cells three times more …")
        image = session.image
        shapes = {image.name: image.shape} if image is not None and session.table_fits else {}
        self._errand.ask(_measure, detached(session.table), session.clustering, shapes)

    def _show(self, found: Trust) -> None:
        self.button.setEnabled(True)
        self.words.setText(in_words(found))


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


def _measure(table: AnnData, clustering: str, shapes: dict[str, tuple[int, int]]) -> Trust:
    from napari_splicer.analysis.agreement import trust

    return trust(table, clustering, shapes=shapes)
