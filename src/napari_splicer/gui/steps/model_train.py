"""TrainPanel: how long to train, what for, and how it goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QPushButton, QSpinBox, QVBoxLayout, QWidget

from napari_splicer.gui import commands
from napari_splicer.gui.binding import bind
from napari_splicer.gui.earlier import Earlier, look
from napari_splicer.gui.fitness import too_few_to_train
from napari_splicer.gui.jobs import Errand
from napari_splicer.gui.readiness import StepState, resolve
from napari_splicer.gui.steps.model_details import add_detail_rows
from napari_splicer.gui.steps.model_experts import add_expert_rows
from napari_splicer.gui.steps.model_variation import VariationPanel
from napari_splicer.gui.steps.page import allow, fold, text
from napari_splicer.gui.widgets.choice_card import ChoiceCard
from napari_splicer.gui.widgets.progress_panel import ProgressPanel, duration
from napari_splicer.gui.widgets.settings_form import SettingsForm
from napari_splicer.gui.widgets.training_monitor import TrainingMonitor
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_splicer.gui.jobs import JobRunner
    from napari_splicer.gui.readiness import Readiness

_PRESETS = {
    "quick": ("Quick", "A first look: enough to see whether the components make sense"),
    "standard": ("Standard", "What most questions need"),
    "thorough": ("Thorough", "For results to publish, and for models to keep"),
}
_UNKNOWN = "time unknown"
_TRAIN_ON = (
    "The model goes on learning from where it ended. The learning rate rises and falls once more "
    "over these steps, so the loss may rise a little before it falls further. Run files say so, "
    "and train the same model in one go"
)


class TrainPanel(QWidget):
    """Presets, details behind a fold, one button; then curves.

    Parameters
    ----------
    runner : JobRunner
    """

    def __init__(self, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._runner, self._session = runner, runner.session
        self._wording = Wording(self, self._session)
        self._earlier = Earlier()
        self._looking = Errand(self, self._offer_to_go_on)
        self._timing = Errand(self, self._show_estimates, self._show_no_estimates)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._preset_line = self._presets()
        layout.addWidget(self._preset_line)
        layout.addWidget(self._details())
        layout.addWidget(self._variation())
        self.button = QPushButton("Train")
        self.button.clicked.connect(self.train)
        self.resume_button = QPushButton("Go on with the stopped training")
        self.resume_button.clicked.connect(self.resume)
        layout.addWidget(self.button)
        layout.addWidget(self.resume_button)
        self.stopped = text(small=True)
        layout.addWidget(self.stopped)
        layout.addWidget(self._more_steps())
        self.why = text()
        layout.addWidget(self.why)
        keeps = "The model keeps every step so far."
        layout.addWidget(ProgressPanel(runner, "train", keeps, self, pausable=True))
        self.monitor = TrainingMonitor(self._session)
        layout.addWidget(self.monitor)
        events = self._session.events
        for signal in (events.settings, events.components, events.facts, events.tiles):
            bind(self, signal, self._ask_for_estimates)  # facts, tiles: how many there are
        bind(self, events.settings, self._show_preset)
        for signal in (events.job, events.bundle):
            bind(self, signal, self._look_for_checkpoint)
        self._show_preset()

    def _presets(self) -> QWidget:
        self.presets: dict[str, ChoiceCard] = {}
        group = QButtonGroup(self)
        presets = QWidget()
        line = QHBoxLayout(presets)
        line.setContentsMargins(0, 0, 0, 0)
        for preset, (title, tip) in _PRESETS.items():
            card = ChoiceCard(title, _UNKNOWN, tip)
            card.clicked.connect(lambda _=False, name=preset: self._choose(name))
            group.addButton(card)
            line.addWidget(card)
            self.presets[preset] = card
        return presets

    def _details(self) -> QWidget:
        form = SettingsForm(self._session, named=True)
        add_detail_rows(form)
        add_expert_rows(form)
        tip = "What else decides the training; the defaults suit most images"
        details = fold("Details for experts", tip)
        details.addWidget(form)
        return details

    def _more_steps(self) -> QWidget:
        self.more = QSpinBox()
        self.more.setRange(10, 1_000_000)
        self.more.setSingleStep(100)
        self.more.setValue(500)
        self.more.setSuffix(" more steps")
        self.more.setToolTip("How much longer the model learns")
        self.more_button = QPushButton("Train on")
        self.more_button.clicked.connect(self.train_on)
        self._more_line = QWidget()
        line = QHBoxLayout(self._more_line)
        line.setContentsMargins(0, 0, 0, 0)
        line.addWidget(self.more, 1)
        line.addWidget(self.more_button)
        return self._more_line

    def _variation(self) -> QWidget:
        self.variation = VariationPanel(self._session)
        tip = "What the model learns to ignore (augmentation), with a preview"
        variation = fold("How cells are varied", tip)
        self._wording.put(variation.setText, variation.text())
        variation.addWidget(self.variation)
        return variation

    def _choose(self, preset: str) -> None:
        unset = {"training.epochs": None, "training.steps": None, "training.restarts": ()}
        self._session.settings = self._session.settings.with_values(
            {"training.preset": preset, **unset}
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
        self._runner.start(commands.train(self._session, resume=self._earlier))

    def train_on(self) -> None:
        """Give the training that has ended more steps."""
        more = self.more.value()
        self._runner.start(commands.train(self._session, resume=self._earlier, more=more))

    # estimates ---------------------------------------------------------------------------------

    def showEvent(self, event: Any) -> None:
        """Measure this computer when the panel is first seen."""
        super().showEvent(event)
        self._ask_for_estimates()
        self._look_for_checkpoint()

    def _look_for_checkpoint(self) -> None:
        if self._session.job is None:
            folder = commands.run_folder(self._session)
            self._looking.ask(look, folder, self._session.bundle)

    def _offer_to_go_on(self, earlier: Earlier) -> None:
        self._earlier = earlier
        self.show_readiness(resolve(self._session.snapshot()))

    def _ask_for_estimates(self) -> None:
        now = self._session.snapshot()
        if self.isVisible() and now.count and now.job is None:
            for card in self.presets.values():
                if card.note == _UNKNOWN:
                    card.set_note("measuring …")
            channels = now.image.channels if now.image is not None else ()
            self._timing.ask(commands.estimate, now.config, now.count, channels)

    def _show_estimates(self, seconds: Mapping[str, float]) -> None:
        for preset, card in self.presets.items():
            card.set_note(f"about {duration(seconds[preset])}")

    def _show_no_estimates(self, error: Exception) -> None:
        """Leave the time open where the settings can't be trained with; the step says why."""
        for card in self.presets.values():
            card.set_note(_UNKNOWN)

    def show_readiness(self, readiness: Readiness) -> None:
        """Enable training, or say why not."""
        self.variation.show_readiness(readiness)
        state = readiness.steps["model"]
        parts = readiness.steps["components"]
        unfit = parts.why if parts.status == "ready" else ""
        why_not = unfit or too_few_to_train(self._session.snapshot())
        if why_not and state.allowed:
            state = StepState("blocked", why_not)
        allow(self.button, state, "Start; embedding and grouping follow by themselves")
        allow(self.resume_button, state, "Go on from the last checkpoint, with the same settings")
        job = self._session.job
        idle = job is None
        # What is to be trained is decided by then, and how it goes has to be in sight.
        for widget in (self._preset_line, self.button):
            widget.setVisible(job is None or job.stage != "train")
        self.resume_button.setVisible(self._earlier.unfinished and idle)
        self.stopped.setText(self._earlier.stopped)
        self.stopped.setVisible(self._earlier.unfinished and idle)
        trained_here = "train" in self._session.made_from and self._session.bundle is not None
        self._more_line.setVisible(trained_here and idle and not self._earlier.unfinished)
        never = bool(self._earlier.why_not) and state.allowed
        more = StepState("blocked", self._earlier.why_not) if never else state
        allow(self.more_button, more, _TRAIN_ON)
        self.button.setText("Train again" if self._session.bundle is not None else "Train")
        self.why.setText(state.why if state.status in ("blocked", "stale") else "")
        self.why.setVisible(bool(self.why.text()))
