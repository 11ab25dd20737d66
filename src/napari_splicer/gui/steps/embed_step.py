"""Step 4, Embed: the model turns every cell into numbers that can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from qtpy.QtWidgets import QPushButton

from napari_splicer.embedding.table import holds_tiles
from napari_splicer.gui import commands
from napari_splicer.gui.binding import bind
from napari_splicer.gui.readiness import StepState
from napari_splicer.gui.steps.page import StepPage, allow, heading, text
from napari_splicer.gui.widgets.likeness_tick import LikenessTick
from napari_splicer.gui.widgets.progress_panel import ProgressPanel
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.jobs import JobRunner
    from napari_splicer.gui.readiness import Readiness, StepName


_ABOUT = (
    "Every cell, with what lies around it, is sent through the model, which describes it by "
    "numbers: cells that look alike get like numbers. The mean intensity of every marker is "
    "measured along the way."
)


class EmbedStep(StepPage):
    """Runs by itself after training.

    Parameters
    ----------
    runner : JobRunner
    """

    name: ClassVar[StepName] = "embed"
    title = "Embed"
    tip = "Send every cell through the model, so that alike cells come to lie together."

    def __init__(self, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(runner.session, parent)
        self._runner = runner
        self._wording = Wording(self, self.session)
        self.about = text(small=True)
        self._wording.put(self.about.setText, _ABOUT)
        self.column.addWidget(self.about)
        self.button = QPushButton()
        self._wording.put(self.button.setText, "Embed all cells")
        self.button.clicked.connect(self.embed)
        self.column.addWidget(self.button)
        self.why = text()
        self.column.addWidget(self.why)
        self.column.addWidget(
            ProgressPanel(
                runner,
                "embed",
                "The table stays as it was before; embedding goes on later from where it is.",
                self,
            )
        )
        self.result = text()
        self.column.addWidget(self.result)
        self.likeness = LikenessTick(self.session)
        self.column.addWidget(self.likeness)
        self.column.addStretch()
        self.column.addWidget(heading("Without a model"))
        without = text(small=True)
        self._wording.put(
            without.setText,
            "With few cells, or to compare: take the mean intensity of each marker only.",
        )
        self.column.addWidget(without)
        self.plain = QPushButton("Use mean intensities only")
        self.plain.clicked.connect(self.embed_plainly)
        self.column.addWidget(self.plain)
        for signal in (self.session.events.table, self.session.events.bundle):
            bind(self, signal, self._describe)
        self._describe()

    def embed(self) -> None:
        """Start embedding with the session's model."""
        self._runner.start(commands.embed(self.session))

    def embed_plainly(self) -> None:
        """Start measuring mean intensities."""
        self._runner.start(commands.embed(self.session, with_model=False))

    def _describe(self) -> None:
        table = self.session.table
        self.likeness.hide()
        if table is None:
            self.result.clear()
            return
        if "X_splicer" not in table.obsm:
            words = (
                f"{table.n_obs:,} cells, each with the mean intensity of {table.n_vars} channels."
            )
            if self.session.bundle is not None:
                words += " Embed all cells to describe them by the model's numbers, too."
            self.result.setText(self.session.words(words))
            return
        numbers = table.obsm["X_splicer"].shape[1]
        words = (
            f"{table.n_obs:,} cells, each described by {numbers} numbers, and the mean intensity "
            f"of {table.n_vars} channels."
        )
        self.result.setText(self.session.words(words))
        self.likeness.setVisible(holds_tiles(table))

    def show_readiness(self, readiness: Readiness) -> None:
        """Enable what can be done now."""
        state = readiness.steps["embed"]
        allow(self.button, state, self.session.words("Describe every cell by the model's numbers"))
        why = state.why if state.status in ("blocked", "stale") else ""
        now, stopped = self.session.snapshot(), self.session.stopped
        if stopped is not None and state.allowed and stopped.is_of(now):
            why = f"{why} {self.session.words(stopped.words(now))}".strip()
        self.why.setText(why)
        self.why.setVisible(bool(self.why.text()))
        running = self.session.job is not None
        image = readiness.steps["image"]
        plain = (
            StepState("blocked", state.why)
            if running
            else StepState("ready")
            if image.status == "done"
            else StepState("blocked", image.why)
        )
        allow(
            self.plain,
            plain,
            self.session.words("Group cells by marker intensity alone, as most tools do"),
        )
