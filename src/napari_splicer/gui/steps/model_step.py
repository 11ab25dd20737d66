"""Step 3, Model: train on this image, or use a trained model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QButtonGroup, QFileDialog, QHBoxLayout, QPushButton

from napari_splicer.errors import SplicerError, WouldOverwrite
from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand, tell
from napari_splicer.gui.saving import save_model
from napari_splicer.gui.steps.model_load import LoadPanel
from napari_splicer.gui.steps.model_train import TrainPanel
from napari_splicer.gui.steps.page import StepPage, text
from napari_splicer.gui.widgets.choice_card import ChoiceCard
from napari_splicer.gui.widgets.wording import Wording
from napari_splicer.gui.words import count

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.jobs import JobRunner
    from napari_splicer.gui.readiness import Readiness, StepName
    from napari_splicer.gui.widgets.theme import Theme


_TRAIN, _TRAIN_ON_SEVERAL = "Train on this image", "Train on these images"
_LEARNS = "learns from the cells"
_LEARN = "Learn what the cells look like; needs a few hundred of them"
_SAVE = (
    "Keep the model in a folder, or in one file to pass on, to use it on other images, and beside "
    "it a report of what it learned"
)


class ModelStep(StepPage):
    """Two big choices, and below them what the chosen one needs.

    Parameters
    ----------
    runner : JobRunner
    """

    name: ClassVar[StepName] = "model"
    sets_up = True
    title = "Model"
    tip = "Let a network learn what cells look like, component by component."

    def __init__(self, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(runner.session, parent)
        self.train_card = ChoiceCard(
            _TRAIN,
            _LEARNS,
            _LEARN,
        )
        self.load_card = ChoiceCard(
            "Use a trained model",
            "file, address or hub",
            "Apply a model that was trained on images of the same markers",
        )
        self._wording = Wording(self, self.session)
        self._wording.put(self.train_card.set_note, _LEARNS)
        self._wording.put(self.train_card.setToolTip, _LEARN)
        self.train_card.setChecked(True)
        group = QButtonGroup(self)
        line = QHBoxLayout()
        for card in (self.train_card, self.load_card):
            group.addButton(card)
            line.addWidget(card)
        self.column.addLayout(line)
        self.train_panel = TrainPanel(runner, self)
        self.load_panel = LoadPanel(self.session, self)
        self.load_panel.hide()
        self.load_card.toggled.connect(self.load_panel.setVisible)
        self.train_card.toggled.connect(self.train_panel.setVisible)
        self.column.addWidget(self.train_panel)
        self.column.addWidget(self.load_panel)
        self.status = text()
        self.column.addWidget(self.status)
        self.save_button = QPushButton("Save the model …")
        self._allow_saving(True)
        self.save_button.clicked.connect(self._ask_where_to_save)
        self.column.addWidget(self.save_button)
        self.report_button = QPushButton("Open the report")
        self.report_button.setToolTip("What the model learned, as a page in the browser")
        self.report_button.clicked.connect(self._open_report)
        self._report = Path()
        self.column.addWidget(self.report_button)
        self.column.addStretch()
        self._saving = Errand(self, self._saved, self._not_saved)
        bind(self, self.session.events.bundle, self._describe)
        self._describe()

    def _describe(self) -> None:
        bundle = self.session.bundle
        self.save_button.setVisible(bundle is not None)
        self.report_button.hide()
        self.status.setVisible(bundle is not None)
        if bundle is not None:
            names = ", ".join(bundle.decomposition.names) or "none (the whole patch)"
            self.status.setText(
                f"Model in use: {count(len(bundle.channels), 'channel')}; components: {names}."
            )

    def _ask_where_to_save(self) -> None:
        kinds = {"One file to pass on (*.zip)": ".zip", "Folder (*)": ""}
        # A model is never replaced: it would be of no use to be asked whether it may be.
        unasked = QFileDialog.Option.DontConfirmOverwrite
        name, kind = QFileDialog.getSaveFileName(
            self, "Save the model", "splicer-model.zip", ";;".join(kinds), options=unasked
        )
        if name:
            self.save(name if Path(name).suffix else name + kinds.get(kind, ""))

    def save(self, name: str) -> None:
        """Write the model to a new folder or, called ``.zip``, to a file; its report beside it."""
        if self.session.bundle is not None:
            self._allow_saving(False)
            self._saving.ask(save_model, self.session.bundle, name)

    def _allow_saving(self, allowed: bool) -> None:
        self.save_button.setEnabled(allowed)
        self.save_button.setToolTip(_SAVE if allowed else "The model is being saved: one moment")

    def _saved(self, paths: tuple[Path, Path]) -> None:
        self._allow_saving(True)
        place, self._report = paths
        self.status.setText(
            f"Saved to {place}; what it learned stands beside it in {self._report.name}."
        )
        self.load_panel.recent.refresh()
        self.report_button.show()

    def _open_report(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._report.resolve())))

    def _not_saved(self, error: Exception) -> None:
        self._allow_saving(True)
        if isinstance(error, WouldOverwrite):
            error = WouldOverwrite(error.message, "Choose another name, or delete it.")
        if isinstance(error, SplicerError):
            self.status.setText(str(error))
        tell(error)

    def show_readiness(self, readiness: Readiness) -> None:
        """Enable what can be done now."""
        image = self.session.image
        several = image is not None and image.sheet is not None
        self.train_card.set_title(_TRAIN_ON_SEVERAL if several else _TRAIN)
        self.train_panel.show_readiness(readiness)

    def show_theme(self, theme: Theme) -> None:
        """Let the curves follow the theme."""
        self.train_panel.monitor.show_theme(theme)
