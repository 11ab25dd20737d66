"""TrainPanel: how long to train, what for, and how it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_splicer.gui import commands
from napari_splicer.gui.binding import bind
from napari_splicer.gui.jobs import Errand
from napari_splicer.gui.losses import offered_losses
from napari_splicer.gui.readiness import StepState, too_few_to_train
from napari_splicer.gui.steps.model_variation import VariationPanel
from napari_splicer.gui.steps.page import allow, fold, text
from napari_splicer.gui.widgets.choice_card import ChoiceCard
from napari_splicer.gui.widgets.progress_panel import ProgressPanel, duration
from napari_splicer.gui.widgets.settings_form import SettingsForm
from napari_splicer.gui.widgets.training_monitor import TrainingMonitor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_splicer.gui.jobs import JobRunner
    from napari_splicer.gui.readiness import Readiness

_PRESETS = {
    "quick": ("Quick", "A first look: enough to see whether the components make sense"),
    "standard": ("Standard", "What most questions need"),
    "thorough": ("Thorough", "For results to publish, and for models to keep"),
}
_OBJECTIVES = {
    "splicer": "SpliCER: every component gets its part",
    "je": "Joint embedding: the whole patch (to compare)",
    "sum-je": "Whole embedding, all components (to compare)",
    "concat": "A network per component (to compare)",
}


class TrainPanel(QWidget):
    """Presets, details behind a fold, one button; then curves.

    Parameters
    ----------
    runner : JobRunner
    """

    def __init__(self, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner, self._session = runner, runner.session
        self._unfinished = False
        self._looking = Errand(self, self._offer_to_resume)
        self._timing = Errand(self, self._show_estimates, self._show_no_estimates)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(self._presets())
        layout.addWidget(self._details())
        layout.addWidget(self._variation())
        self.button = QPushButton("Train")
        self.button.clicked.connect(self.train)
        self.resume_button = QPushButton("Go on with the stopped training")
        self.resume_button.clicked.connect(self.resume)
        layout.addWidget(self.button)
        layout.addWidget(self.resume_button)
        self.why = text()
        layout.addWidget(self.why)
        layout.addWidget(ProgressPanel(runner, "train", "The model keeps every step so far.", self))
        self.monitor = TrainingMonitor(self._session)
        layout.addWidget(self.monitor)
        for signal in (self._session.events.settings, self._session.events.components):
            bind(self, signal, self._ask_for_estimates)
        bind(self, self._session.events.settings, self._show_preset)
        bind(self, self._session.events.job, self._look_for_checkpoint)
        self._show_preset()

    def _presets(self) -> QHBoxLayout:
        self.presets: dict[str, ChoiceCard] = {}
        group = QButtonGroup(self)
        line = QHBoxLayout()
        for preset, (title, tip) in _PRESETS.items():
            card = ChoiceCard(title, "…", tip)
            card.clicked.connect(lambda _=False, name=preset: self._choose(name))
            group.addButton(card)
            line.addWidget(card)
            self.presets[preset] = card
        return line

    def _details(self) -> QWidget:
        form = SettingsForm(self._session)
        form.add_choice("model.objective", "Trained for", _OBJECTIVES)
        form.add_choice("model.loss", "Loss", offered_losses())
        form.add_number("training.epochs", "Epochs", (0, 10_000), unset="as the preset says")
        form.add_number("training.batch", "Batch", (4, 4096))
        form.add_real("training.learning_rate", "Learning rate", (1e-5, 1.0))
        form.add_number("patches.size", "Patch side (px)", (8, 512))
        form.add_number("model.embedding", "Embedding size", (8, 4096))
        widths = {"equal": "Equal", "automatic": "Automatic: a short trial first"}
        form.add_choice("model.widths", "Widths of the chunks", widths)
        form.add_choice("device", "Computed on", _devices())
        form.add_number("seed", "Seed", (0, 2**31 - 1))
        details = fold("Details for experts")
        details.setToolTip("What else decides the training; the defaults suit most images")
        details.addWidget(form)
        return details

    def _variation(self) -> QWidget:
        self.variation = VariationPanel(self._session)
        variation = fold("How cells are varied")
        variation.setToolTip("What the model learns to ignore (augmentation), with a preview")
        variation.addWidget(self.variation)
        return variation

    def _choose(self, preset: str) -> None:
        self._session.settings = self._session.settings.with_values(
            {"training.preset": preset, "training.epochs": None, "training.steps": None}
        )

    def _show_preset(self) -> None:
        training = self._session.settings.training
        own = training.epochs is not None or training.steps is not None
        for name, card in self.presets.items():
            card.setChecked(name == training.preset and not own)

    def train(self) -> None:
        """Start training."""
        self._runner.start(commands.train(self._session))

    def resume(self) -> None:
        """Go on with the training that was stopped."""
        self._runner.start(commands.train(self._session, resume=True))

    # estimates ---------------------------------------------------------------------------------

    def showEvent(self, event: Any) -> None:
        """Measure this computer when the panel is first seen."""
        super().showEvent(event)
        self._ask_for_estimates()
        self._look_for_checkpoint()

    def _look_for_checkpoint(self) -> None:
        if self._session.job is None:
            self._looking.ask(commands.can_resume, commands.run_folder(self._session))

    def _offer_to_resume(self, unfinished: bool) -> None:
        self._unfinished = unfinished
        self.resume_button.setVisible(unfinished and self._session.job is None)

    def _ask_for_estimates(self) -> None:
        now = self._session.snapshot()
        if self.isVisible() and now.facts is not None and now.facts.cells and now.job is None:
            self._timing.ask(commands.estimate, now.config, now.facts.cells)

    def _show_estimates(self, seconds: Mapping[str, float]) -> None:
        for preset, card in self.presets.items():
            card.set_note(f"about {duration(seconds[preset])}")

    def _show_no_estimates(self, error: Exception) -> None:
        """Leave the time open where the settings can't be trained with; the step says why."""
        for card in self.presets.values():
            card.set_note("time unknown")

    def show_readiness(self, readiness: Readiness) -> None:
        """Enable training, or say why not."""
        self.variation.show_readiness(readiness)
        state = readiness.steps["model"]
        few = too_few_to_train(self._session.snapshot())
        if few and state.allowed:
            state = StepState("blocked", few)
        allow(self.button, state, "Start; embedding and grouping follow by themselves")
        allow(self.resume_button, state, "Go on from the last checkpoint, with the same settings")
        self.resume_button.setVisible(self._unfinished and self._session.job is None)
        self.button.setText("Train again" if self._session.bundle is not None else "Train")
        self.why.setText(state.why if state.status in ("blocked", "stale") else "")
        self.why.setVisible(bool(self.why.text()))


def _devices() -> dict[str, str]:
    """Return devices to choose from; whether they are there is checked when training starts."""
    return {
        "auto": "the fastest that is there",
        "cpu": "CPU",
        "cuda": "NVIDIA GPU",
        "mps": "Apple GPU",
    }
