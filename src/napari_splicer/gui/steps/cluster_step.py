"""Step 5, Cluster: groups of alike cells, side by side, with their legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QSpinBox,
)

from napari_splicer.analysis.clustering import clusterings
from napari_splicer.analysis.groups import earlier_model, edits_of
from napari_splicer.analysis_settings import sources_in
from napari_splicer.config import ClusteringSettings
from napari_splicer.embedding.table import holds_tiles
from napari_splicer.gui import commands
from napari_splicer.gui.binding import bind
from napari_splicer.gui.groupings import grouping_name
from napari_splicer.gui.naming import offered_sources
from napari_splicer.gui.steps.page import StepPage, allow, heading, narrow_form, text
from napari_splicer.gui.widgets.group_tools import GroupTools
from napari_splicer.gui.widgets.grouping_list import GroupingList
from napari_splicer.gui.widgets.legend import Legend
from napari_splicer.gui.widgets.likeness_tick import LikenessTick
from napari_splicer.gui.widgets.progress_panel import ProgressPanel
from napari_splicer.gui.widgets.source_choice import SourceChoice
from napari_splicer.gui.widgets.trust_line import TrustLine
from napari_splicer.gui.widgets.wording import Wording

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_splicer.gui.jobs import JobRunner
    from napari_splicer.gui.readiness import Readiness, StepName

_STILL = 600  # ms without a key or a turn of the wheel, after which the slider stays
_METHODS = {"leiden": "Leiden (finds how many)", "kmeans": "k-means (you say how many)"}
_EMPTY = (
    "The groups will be listed here, each with its colour, name and number of cells, and painted "
    "on the image. A first grouping is made by itself when the cells are embedded."
)
_NONE_LEFT = "There is no grouping. Make one below, or bring back with ↶ one that you removed."


class ClusterStep(StepPage):
    """A default clustering appears by itself after embedding. Emits ``explorer_wanted``.

    Parameters
    ----------
    runner : JobRunner
    """

    explorer_wanted = Signal()
    name: ClassVar[StepName] = "cluster"
    title = "Cluster"
    tip = "Group alike cells; name the groups, colour them, show and hide them."

    def __init__(self, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(runner.session, parent)
        self._runner = runner
        self._wording = Wording(self, self.session)
        self.empty = text()
        self.column.addWidget(self.empty)
        self.groupings = GroupingList(self.session)
        self.column.addWidget(self.groupings)
        self.legend = Legend(self.session)
        self.legend.setMinimumHeight(170)
        self.column.addWidget(self.legend, 1)
        self.tools = GroupTools(self.session, self.legend)
        self.tools.split_wanted.connect(self.split)
        self.column.addWidget(self.tools)
        self.trust = TrustLine(self.session)
        self.column.addWidget(self.trust)
        self.column.addLayout(self._opacity())
        self.likeness = LikenessTick(self.session)
        self.column.addWidget(self.likeness)
        self.column.addWidget(ProgressPanel(runner, "cluster", "The groups stay as they are."))
        self.column.addWidget(heading("Group in another way"))
        self.column.addLayout(self._form())
        self.button = QPushButton("Add this grouping")
        self.button.clicked.connect(self.add)
        self.why = text()
        self.column.addWidget(self.button)
        self.column.addWidget(self.why)
        self.column.addStretch()  # takes the room while there is no legend
        events = self.session.events
        for signal in (events.table, events.clustering, self.session.clusterings_changed):
            bind(self, signal, self._refresh)
        bind(self, events.groups, self._count)
        bind(self, events.opacity, self._show_opacity)
        self._refresh()

    def _opacity(self) -> QHBoxLayout:
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(0, 100)
        slider.setValue(round(self.session.opacity * 100))
        slider.setToolTip("How strongly the groups cover the image")
        slider.valueChanged.connect(self._set_opacity)
        self.opacity = slider
        self.explorer = QPushButton("Open the Explorer")
        self._wording.put(
            self.explorer.setToolTip, "Map of the cells, groups × markers, and pictures of cells"
        )
        self.explorer.clicked.connect(self.explorer_wanted)
        line = QHBoxLayout()
        line.addWidget(QLabel("Opacity"))
        line.addWidget(slider, 1)
        line.addWidget(self.explorer)
        return line

    def _form(self) -> QFormLayout:
        self.source = SourceChoice(self._offered())
        self._wording.put(self.source.explain, "What must be alike for two cells to be grouped")
        self.method = QComboBox()
        self.method.setToolTip("How groups are found")
        for method, words in _METHODS.items():
            self.method.addItem(words, method)
        self.method.currentIndexChanged.connect(self._show_method)
        self.resolution = QSlider(Qt.Orientation.Horizontal)
        self.resolution.setRange(1, 40)
        self.resolution.setValue(10)
        self._wording.put(
            self.resolution.setToolTip,
            "Further right: more, smaller groups. Let go to group the cells anew.",
        )
        self.resolution.valueChanged.connect(self._count)
        self.resolution.sliderReleased.connect(self.update_resolution)
        # Keys and the wheel press nothing that could be let go of.
        self._still = QTimer(self)
        self._still.setSingleShot(True)
        self._still.setInterval(_STILL)
        self._still.timeout.connect(self._update_unless_held)
        self.resolution.actionTriggered.connect(lambda _: self._still.start())
        self.count = QLabel()
        self.count.setMinimumWidth(self.fontMetrics().horizontalAdvance("0.0 · 00 groups"))
        slider = QHBoxLayout()
        slider.addWidget(self.resolution, 1)
        slider.addWidget(self.count)
        self.number = QSpinBox()
        self.number.setRange(2, 100)
        self.number.setValue(8)
        self.number.setToolTip("How many groups k-means makes")
        form = narrow_form()
        form.addRow("By", self.source)
        form.addRow("Method", self.method)
        form.addRow("Resolution", slider)
        form.addRow("Groups", self.number)
        self._rows = form
        self._show_method()
        return form

    def _show_method(self) -> None:
        leiden = self.method.currentData() == "leiden"
        self._rows.setRowVisible(2, leiden)
        self._rows.setRowVisible(3, not leiden)

    # what happens ------------------------------------------------------------------------------

    def wanted(self) -> ClusteringSettings:
        """Return what the form asks for."""
        sources, method = self.source.sources, self.method.currentData()
        return ClusteringSettings(
            name=grouping_name(sources, method),
            source=sources,
            method=method,
            resolution=self.resolution.value() / 10,
            clusters=self.number.value(),
        )

    def add(self) -> None:
        """Add the wanted grouping to the list."""
        self._runner.start(commands.cluster(self.session, self.wanted()))

    def split(self, group: int) -> None:
        """Divide one group in the wanted way."""
        self._runner.start(commands.split(self.session, group, self.wanted()))

    def update_resolution(self) -> None:
        """Make the active grouping anew; a second one if it was made otherwise, or is edited."""
        self._still.stop()
        wanted, active = self.wanted(), self._made_by()
        if self.session.table is None or self._runner.busy:
            return
        by = {*sources_in(active.get("source", ()))}
        alike = by == {*wanted.sources} and active.get("method") == wanted.method
        table, name = self.session.table, self.session.clustering
        own = name is not None and not earlier_model(table, name) and not edits_of(table, name)
        if name is not None and alike and own:
            named = wanted.model_copy(update={"name": name})
            self._runner.start(commands.recluster(self.session, named))
        else:
            self.add()

    def _update_unless_held(self) -> None:
        made, wanted = self._made_by(), self.wanted()
        if not self.resolution.isSliderDown() and made.get("resolution") != wanted.resolution:
            self.update_resolution()

    def _made_by(self) -> dict[str, Any]:
        """Return the settings of the active clustering."""
        table, name = self.session.table, self.session.clustering
        if table is None or name is None:
            return {}
        return clusterings(table)[name]

    def _show_opacity(self) -> None:
        self.opacity.blockSignals(True)
        self.opacity.setValue(round(self.session.opacity * 100))
        self.opacity.blockSignals(False)

    def _set_opacity(self, percent: int) -> None:
        self.session.opacity = percent / 100

    def _refresh(self) -> None:
        self._show_parts()
        self.source.offer(self._offered())
        self._show_settings()
        self._count()

    def _show_parts(self) -> None:
        """Show what is about groups where there are some, and else what will be here."""
        there = bool(self.session.clusterings)
        for widget in (self.groupings, self.legend, self.trust):
            widget.setVisible(there)
        removed = not there and self.session.history.next_undo is not None
        self.tools.setVisible(there or removed)
        self.empty.setText(self.session.words(_NONE_LEFT if removed else _EMPTY))
        self.likeness.setVisible(there and holds_tiles(self.session.table))
        self.empty.setVisible(not there)

    def _offered(self) -> tuple[str, ...]:
        table = self.session.table
        return ("combined",) if table is None else offered_sources(table)

    def _show_settings(self) -> None:
        """Put the form where the active grouping was made, so that the slider continues there."""
        made = self._made_by()
        if made.get("method") in _METHODS:
            self.source.choose(sources_in(made["source"]))
            self.method.setCurrentIndex(self.method.findData(made["method"]))
            self.resolution.setValue(round(made["resolution"] * 10))
            self.number.setValue(made["clusters"])

    def _count(self) -> None:
        made = self._made_by()
        resolution = self.resolution.value() / 10
        groups = ""
        if made.get("method") == "leiden":
            known = abs(made["resolution"] - resolution) < 0.05
            groups = f" · {len(self.session.groups)} groups" if known else " · …"
        self.count.setText(f"{resolution:.1f}{groups}")

    def show_readiness(self, readiness: Readiness) -> None:
        """Enable what can be done now."""
        state = readiness.steps["cluster"]
        tip = self.session.words("Group the cells in this way too; the others stay")
        allow(self.button, state, tip)
        self.resolution.setEnabled(state.allowed)
        self.why.setText(state.why)
        self.why.setVisible(bool(state.why))
