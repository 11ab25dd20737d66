"""LoadPanel: choose a trained model, and see how its channels lie in this image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QPushButton, QVBoxLayout, QWidget

from napari_splicer.errors import SplicerError
from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand, tell
from napari_splicer.gui.steps.page import text
from napari_splicer.gui.widgets.match_table import MatchTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.gui.session import Session
    from napari_splicer.model.bundle import Bundle


class LoadPanel(QWidget):
    """Loads a bundle in a thread, and puts it on the session.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._loading = Errand(self, self._take, self._refuse)
        choose = QPushButton("Choose a model's folder …")
        choose.setToolTip("The folder that 'Save the model' or the command line has written")
        choose.clicked.connect(self._ask)
        self.message = text("A model brings its own components and channels.")
        self.table = MatchTable()
        self.rename = QPushButton("These are the same: rename the channels here")
        self.rename.setToolTip("Give the channels marked with ? the names that the model knows")
        self.rename.clicked.connect(self.accept_names)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (choose, self.message, self.table, self.rename):
            layout.addWidget(widget)
        bind(self, session.events.bundle, self._refresh)
        bind(self, session.events.image, self._refresh)
        self._refresh()

    def _ask(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "The model's folder")
        if folder:
            self.load(folder)

    def load(self, folder: str) -> None:
        """Load the bundle in ``folder``."""
        from napari_splicer.model.bundle import load_bundle

        self.message.setText("Loading …")
        self._loading.ask(load_bundle, folder)

    def _take(self, bundle: Bundle) -> None:
        made = dict(self._session.made_from)
        made.pop("train", None)
        self._session.made_from = made
        self._session.bundle = bundle
        self._session.components = bundle.decomposition.components

    def _refuse(self, error: Exception) -> None:
        if isinstance(error, SplicerError):
            self.message.setText(str(error))
        tell(error)

    def accept_names(self) -> None:
        """Rename the image's channels to what the model calls them."""
        image, bundle = self._session.image, self._session.bundle
        if image is None or bundle is None:
            return
        guesses = bundle.decomposition.match(image.channels).renamed
        known_as = {here: name for name, here in guesses.items()}
        named = image.with_channels([known_as.get(n, n) for n in image.channels])
        self._session.rename_channels(named)

    def _refresh(self) -> None:
        bundle, image = self._session.bundle, self._session.image
        self.table.setVisible(bundle is not None and image is not None)
        self.rename.hide()
        if bundle is None or image is None:
            return
        match = bundle.decomposition.match(image.channels)
        self.table.show_match(bundle.channels, match)
        self.rename.setVisible(bool(match.renamed))
        if match.complete:
            self.message.setText("All of the model's channels are in this image.")
        else:
            self.message.setText(_said_of_missing(bundle, image.channels, match.missing))


def _said_of_missing(bundle: Bundle, channels: Sequence[str], missing: Sequence[str]) -> str:
    """Say what an image lacks, and what of the model is lost by that."""
    said = f"Not found in this image: {', '.join(missing)}."
    absent = bundle.decomposition.without(channels)
    if not bundle.can_do_without or absent == bundle.decomposition.names:
        return said
    several = "components" if len(absent) > 1 else "component"
    return f"{said} The model does without the {several} {', '.join(absent)} here."
