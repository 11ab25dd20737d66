"""SplicerWidget: the SpliCER dock, six steps of which one is open, and what happens next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from napari_splicer.gui.binding import bind
from napari_splicer.gui.closing import SaveOnClose
from napari_splicer.gui.docks import open_explorer
from napari_splicer.gui.jobs import runner_for
from napari_splicer.gui.keeper import keeper_for
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.project.folder import holds_project
from napari_splicer.gui.readiness import STEPS, resolve
from napari_splicer.gui.session import Session
from napari_splicer.gui.shortcuts import HELP
from napari_splicer.gui.steps.cluster_step import ClusterStep
from napari_splicer.gui.steps.components_step import ComponentsStep
from napari_splicer.gui.steps.embed_step import EmbedStep
from napari_splicer.gui.steps.export_step import ExportStep
from napari_splicer.gui.steps.image_step import ImageStep
from napari_splicer.gui.steps.mask_maker import MaskMaker
from napari_splicer.gui.steps.model_step import ModelStep
from napari_splicer.gui.steps.page import rule, text
from napari_splicer.gui.still import StillPicture
from napari_splicer.gui.theming import theme_of
from napari_splicer.gui.widgets.file_drop import FileDrop
from napari_splicer.gui.widgets.files_form import FilesForm
from napari_splicer.gui.widgets.focus_ring import FocusRing
from napari_splicer.gui.widgets.notice_line import NoticeLine
from napari_splicer.gui.widgets.opening_line import OpeningLine
from napari_splicer.gui.widgets.project_line import ProjectLine
from napari_splicer.gui.widgets.project_offer import ProjectOffer
from napari_splicer.gui.widgets.remembering import Remembering
from napari_splicer.gui.widgets.shortcut_page import ShortcutButton, show_shortcuts
from napari_splicer.gui.widgets.step_header import StepHeader
from napari_splicer.gui.widgets.undo_buttons import take_key

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtGui import QKeyEvent, QResizeEvent, QShowEvent

    from napari_splicer.gui.readiness import Readiness, StepName
    from napari_splicer.gui.steps.page import StepPage
    from napari_splicer.gui.widgets.theme import Theme

_WIDTH = 360
_DROP = "Let go to open this project."
_DECIDING = (
    "image",
    "cells",
    "regions",
    "facts",
    "components",
    "settings",
    "bundle",
    "table",
    "clustering",
    "groups",
    "job",
    "made_from",
)


class SplicerWidget(QWidget):
    """The dock *SpliCER*. It owns nothing: all state is in the viewer's session.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        napari fills it in by its name.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        link, runner = link_for(napari_viewer), runner_for(napari_viewer)
        self._link, self.session = link, link.session
        self.keeper = keeper_for(napari_viewer)
        self.project = ProjectLine(self.keeper)
        self.files_form = FilesForm(self.keeper)
        self._on_close: SaveOnClose | None = None
        self._ring = FocusRing(self)
        self._remembering = Remembering(self)
        self._remembering.size("SpliCER: width", Qt.Orientation.Horizontal)
        if self.session.opacity == Session.opacity:  # nobody has changed it
            opacity = self._remembering.memory.value("SpliCER: opacity", self.session.opacity)
            self.session.opacity = min(max(opacity, 0.0), 1.0)
        self.setMinimumWidth(_WIDTH)
        cluster_step = ClusterStep(runner)
        cluster_step.explorer_wanted.connect(self.open_explorer)
        cluster_step.opacity.valueChanged.connect(self._note_opacity)
        pages: list[StepPage] = [
            ImageStep(link, runner),
            ComponentsStep(self.session),
            ModelStep(runner),
            EmbedStep(runner),
            cluster_step,
            ExportStep(runner),
        ]
        self.pages: dict[StepName, StepPage] = {page.name: page for page in pages}
        offer = ProjectOffer(link, self.keeper, self.project.open)
        self.pages["image"].column.insertWidget(0, offer)
        self.drop = FileDrop(self, holds_project, _DROP, self.project.open)
        self.headers: dict[StepName, StepHeader] = {}
        self._next: StepName = "image"
        self._all_done = False
        self._area = QScrollArea()
        self._lay_out()
        self._theme: Theme | None = None
        self._follow_theme()
        self._due = QTimer(self)
        self._due.setSingleShot(True)
        self._due.timeout.connect(self._refresh)
        for name in _DECIDING:
            bind(self, self.session.events[name], self._ask_for_refresh)
        bind(self, self.session.events.job, self._follow)
        bind(self, self.keeper.opener.opened, self._show_work)
        self._open_as_left(self._refresh())

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.setSpacing(2)
        top = QHBoxLayout()
        top.addWidget(self.project, 1)
        top.addWidget(ShortcutButton())
        layout.addLayout(top)
        layout.addWidget(self.files_form)
        layout.addWidget(rule())
        group = QButtonGroup(self)
        for number, name in enumerate(STEPS, 1):
            page = self.pages[name]
            header = StepHeader(number, page.title, page.tip)
            header.clicked.connect(lambda _=False, step=name: self.open_step(step))
            group.addButton(header)
            layout.addWidget(header)
            self.headers[name] = header
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        content = QWidget()
        self._content = QVBoxLayout(content)
        self._content.setContentsMargins(0, 0, 0, 0)
        for page in self.pages.values():
            page.hide()
            self._content.addWidget(page)
        self._area.setWidget(content)
        self._area.viewport().installEventFilter(self)
        layout.addWidget(rule())
        layout.addWidget(self._area, 1)
        self.opening, self.notice = OpeningLine(self._link.opener), NoticeLine(self.session)
        layout.addWidget(self.opening)
        layout.addWidget(self.notice)
        layout.addWidget(rule())
        layout.addLayout(self._advice_line())

    def _advice_line(self) -> QHBoxLayout:
        self.advice = text()
        self.advice.setMinimumHeight(2 * self.fontMetrics().lineSpacing() + 6)
        self.advice.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
        self.forward = QPushButton("Go on")
        self.forward.clicked.connect(self._go_on)
        line = QHBoxLayout()
        line.setContentsMargins(6, 0, 6, 0)
        line.addWidget(self.advice, 1)
        line.addWidget(self.forward)
        return line

    def _open_as_left(self, readiness: Readiness) -> None:
        """Open the step and folds that were open last, or else what is to be done next."""
        memory, make_mask = self._remembering.memory, self.pages["image"].findChild(MaskMaker)
        left = memory.value("SpliCER: step", "")
        steps = [step for step in STEPS if step == left]
        there = bool(steps) and readiness.steps[steps[0]].status != "blocked"
        self.open_step(steps[0] if there else readiness.next_step)
        for page in self.pages.values():
            for fold in page.findChildren(QCollapsible):
                if fold.parent() is not make_mask:  # whether that is of use depends on the image
                    self._remembering.fold(f"SpliCER: {fold.text()}", fold)

    def open_step(self, name: StepName) -> None:
        """Show one step's page."""
        self._remembering.put("SpliCER: step", name)
        for step, page in self.pages.items():
            page.setVisible(step == name)
        self.headers[name].setChecked(True)
        self._area.verticalScrollBar().setValue(0)
        self._point_forward()

    def _show_work(self) -> None:
        """Open what a project that was just opened had come to: its groups, or its next step."""
        grouped = self.session.clustering is not None
        self.open_step("cluster" if grouped else self._refresh().next_step)
        if grouped:
            self.open_explorer()

    def open_explorer(self) -> None:
        """Open the Explorer dock under the image."""
        viewer = self._link.viewer
        if viewer is not None:
            open_explorer(viewer)

    def _note_opacity(self, percent: int) -> None:
        self._remembering.put("SpliCER: opacity", percent / 100)

    def _go_on(self) -> None:
        self.open_step(self._next)

    def _point_forward(self) -> None:
        """Offer the way to the step to turn to, unless it is open or all are done."""
        self.forward.setVisible(self.step != self._next and not self._all_done)
        self.forward.setToolTip(f"Open step {STEPS.index(self._next) + 1}")

    @property
    def step(self) -> StepName:
        """The open step."""
        opened = (name for name, header in self.headers.items() if header.isChecked())
        return next(opened, "image")

    def _ask_for_refresh(self) -> None:
        self._due.start()

    def _refresh(self) -> Readiness:
        readiness = resolve(self.session.snapshot())
        for name, header in self.headers.items():
            header.show_state(readiness.steps[name])
            self.pages[name].show_readiness(readiness)
        self.advice.setText(readiness.advice)
        self._next = readiness.next_step
        self._all_done = readiness.steps[self._next].status == "done"
        self._point_forward()
        return readiness

    def _follow(self) -> None:
        """Turn to the groups when they have been made; where a person works is left alone."""
        job = self.session.job
        if job is not None and job.stage == "cluster" and self.step in ("model", "embed"):
            self.open_step("cluster")

    def sizeHint(self) -> QSize:
        """Ask for the usual width: sentences that wrap ask for more, the longer they are."""
        return QSize(_WIDTH, super().sizeHint().height())

    def showEvent(self, event: QShowEvent) -> None:
        """Have the window save what was done when it is closed, from when it is known."""
        super().showEvent(event)
        if self._on_close is None:
            self._on_close = SaveOnClose(self.keeper, self.window())
            StillPicture(self.keeper, self.window())
        QTimer.singleShot(0, self._remembering.place)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Remember the width."""
        super().resizeEvent(event)
        self._remembering.resized()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep pages as narrow as the dock: nothing may stick out where no scroll bar leads."""
        if event.type() == QEvent.Type.Resize and watched is self._area.viewport():
            self._area.widget().setMaximumWidth(self._area.viewport().width())
        return bool(super().eventFilter(watched, event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Undo, redo and help, while this dock has the focus."""
        if HELP.matches(event):
            show_shortcuts(self)
        elif not take_key(event, self.pages[self.step].history):
            super().keyPressEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        """Follow napari's theme: it changes the style of the whole window."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange and hasattr(self, "_theme"):
            self._follow_theme()

    def _follow_theme(self) -> None:
        viewer = self._link.viewer
        theme = self._theme if viewer is None else theme_of(viewer)
        if theme is None or theme == self._theme:
            return
        self._theme = theme
        self._ring.set_theme(theme)
        self.drop.set_theme(theme)
        for header in self.headers.values():
            header.set_theme(theme)
        for page in self.pages.values():
            page.show_theme(theme)
