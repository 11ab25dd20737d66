"""LoadPanel: choose a trained model, and see how its channels lie in this image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_splicer.components.matching import match_channels
from napari_splicer.errors import SplicerError
from napari_splicer.gui.binding import bind
from napari_splicer.gui.composing import take_model
from napari_splicer.gui.jobs import Errand, tell
from napari_splicer.gui.loading import load_from
from napari_splicer.gui.panels import take_names
from napari_splicer.gui.steps.page import text
from napari_splicer.gui.widgets.match_table import MatchTable
from napari_splicer.gui.widgets.recent_models_list import RecentModels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.gui.session import Session
    from napari_splicer.model.bundle import Bundle


_NOTHING_YET = "A model brings its own components and channels."


class LoadPanel(QWidget):
    """Loads a model in a thread, from wherever it is, and puts it on the session.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._loading = Errand(self, self._take, self._refuse, self._show_share)
        self.recent = RecentModels(self.load)
        self.message = text(_NOTHING_YET)
        self.table = MatchTable()
        self.rename = QPushButton("These are the same: rename the channels here")
        self.table.changed.connect(self._allow_renaming)
        self.rename.clicked.connect(self.accept_names)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.recent)
        layout.addLayout(self._files())
        layout.addLayout(self._address())
        layout.addWidget(self._progress())
        for widget in (self.message, self.table, self.rename):
            layout.addWidget(widget)
        bind(self, session.events.bundle, self._refresh)
        bind(self, session.events.image, self._refresh)
        self._refresh()

    def _files(self) -> QHBoxLayout:
        folder, file = QPushButton("Open a folder …"), QPushButton("Open a zip file …")
        folder.setToolTip("The folder that 'Save the model' or the command line has written")
        file.setToolTip("A model in one file, as others pass it on")
        folder.clicked.connect(self._ask_for_folder)
        file.clicked.connect(self._ask_for_file)
        line = QHBoxLayout()
        line.addWidget(folder)
        line.addWidget(file)
        return line

    def _address(self) -> QHBoxLayout:
        self.address = QLineEdit()
        self.address.setPlaceholderText("https://… or owner/name")
        self.address.setToolTip(
            "Address of a model's zip file, or its name on the Hugging Face hub (owner/name). "
            "With #sha256=… at its end, only the very file that was meant is taken"
        )
        self.address.textChanged.connect(self._allow_fetching)
        self.address.returnPressed.connect(self._fetch)
        self.fetch_button = QPushButton("Fetch")
        self.fetch_button.clicked.connect(self._fetch)
        line = QHBoxLayout()
        line.addWidget(self.address, 1)
        line.addWidget(self.fetch_button)
        self._allow_fetching()
        return line

    def _progress(self) -> QWidget:
        self.bar = QProgressBar()
        self.stop_button = QPushButton("Cancel")
        self.stop_button.setToolTip("Stop the download; nothing of it is kept")
        self.stop_button.clicked.connect(self.stop)
        self._under_way = QWidget()
        line = QHBoxLayout(self._under_way)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.bar, 1)
        line.addWidget(self.stop_button)
        self._under_way.hide()
        return self._under_way

    def showEvent(self, event: Any) -> None:
        """Look which recent models there are, and which are still where they were."""
        super().showEvent(event)
        self.recent.refresh()

    def _ask_for_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "The model's folder")
        if folder:
            self.load(folder)

    def _ask_for_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(
            self, "The model's file", "", "Models (*.zip bundle.json)"
        )
        if file:
            self.load(file)

    def _allow_fetching(self) -> None:
        there = bool(self.address.text().strip())
        self.fetch_button.setEnabled(there)
        self.fetch_button.setToolTip(
            "Download the model, or find it where it was downloaded before"
            if there
            else "Type an address or a name of the Hugging Face hub first"
        )

    def _fetch(self) -> None:
        if words := self.address.text().strip():
            self.load(words)

    def load(self, source: str) -> None:
        """Load the model that ``source`` names: a folder, a file, an address, a name of the hub."""
        self.message.setText("Loading …")
        self.bar.setRange(0, 0)
        self._under_way.show()
        self._loading.ask(load_from, source)

    def stop(self) -> None:
        """Stop what is being loaded."""
        self._loading.forget()
        self._under_way.hide()
        self.message.setText("Stopped. The model in use is the one from before.")
        if self._session.bundle is None:
            self.message.setText(f"Stopped. {_NOTHING_YET}")

    def _show_share(self, share: float) -> None:
        self.bar.setRange(0, 1000 if share else 0)
        self.bar.setValue(round(1000 * share))
        self.message.setText("Downloading …")

    def _take(self, loaded: tuple[Bundle, str]) -> None:
        bundle, source = loaded
        self._under_way.hide()
        self.recent.refresh()
        take_model(self._session, bundle)
        if source.startswith("hf://"):
            self.message.setText(f"{self.message.text()} It is {source}.")

    def _refuse(self, error: Exception) -> None:
        self._under_way.hide()
        self.recent.refresh()
        if isinstance(error, SplicerError):
            self.message.setText(str(error))
        tell(error)

    def accept_names(self) -> None:
        """Rename the channels that are chosen in the table to what the model calls them."""
        image, chosen = self._session.image, self.table.chosen
        if image is None or not chosen or self.table.twice:
            return
        known_as = {here: name for name, here in chosen.items()}
        named = image.with_channels([known_as.get(n, n) for n in image.channels])
        with self._session.set_up.step("Rename channels as the model calls them"):
            take_names(self._session, named)

    def _allow_renaming(self) -> None:
        chosen, twice = self.table.chosen, self.table.twice
        self.rename.setEnabled(bool(chosen) and not twice)
        if twice:
            self.rename.setToolTip(f"{twice} is chosen for several channels: choose it for one")
        elif chosen:
            names = ", ".join(f"{here} becomes {name}" for name, here in chosen.items())
            self.rename.setToolTip(f"Give them the names that the model knows: {names}")
        else:
            self.rename.setToolTip("Choose in the table which channel is which first")

    def _refresh(self) -> None:
        bundle, image = self._session.bundle, self._session.image
        self.table.setVisible(bundle is not None and image is not None)
        self.rename.hide()
        if bundle is None and not self._loading.asked:
            self.message.setText(_NOTHING_YET)
        if bundle is None:
            return
        if image is None:
            self.message.setText("The model is loaded. Choose an image in step ① to use it on.")
            return
        match = match_channels(bundle.channels, image.channels)
        self.table.show_match(bundle.channels, match)
        self.rename.setVisible(bool(self.table.boxes))
        self._allow_renaming()
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
