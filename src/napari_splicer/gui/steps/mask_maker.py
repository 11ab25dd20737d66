"""MaskMaker: where no mask fits, one is made from a channel that stains nuclei."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_splicer.errors import SplicerError
from napari_splicer.gui.binding import bind, when_destroyed
from napari_splicer.gui.jobs import Errand, tell
from napari_splicer.gui.mask_layers import LARGEST, box_in_sight, hide_preview, show_preview
from napari_splicer.gui.segmenting import in_full, segment
from napari_splicer.gui.steps.page import fold, narrow_form, text
from napari_splicer.gui.widgets.narrow_box import NarrowBox
from napari_splicer.gui.widgets.progress_panel import ProgressPanel
from napari_splicer.segmentation.nuclear import nuclear_channel
from napari_splicer.segmentation.settings import BETTER

if TYPE_CHECKING:
    from napari_splicer.gui.jobs import JobRunner
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.segmentation.preview import Preview

_TITLE = "Make a mask of nuclei"
_TIP = "No mask of the cells yet? Have the cells found by their bright nuclei"
_WORD = (
    "This way is simple: it looks for bright nuclei, divides those that touch, and lets each grow "
    f"into a cell. {BETTER} If you can, use one of them, and open its mask above."
)
_NO_CHANNEL = "Choose the channel that stains nuclei."
_EXACTLY = Qt.MatchFlag.MatchExactly | Qt.MatchFlag.MatchCaseSensitive
_WAIT = 400  # ms that the view must rest before the preview follows it


class MaskMaker(QWidget):
    """A fold that is open as long as there is an image without a mask.

    Parameters
    ----------
    link : ViewerLink
    runner : JobRunner
    """

    def __init__(self, link: ViewerLink, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link, self._runner, self._session = link, runner, link.session
        self._looking = Errand(self, self._show, self._refuse)
        self._still = QTimer(self)
        self._still.setSingleShot(True)
        self._still.setInterval(_WAIT)
        self._still.timeout.connect(self._look)
        self._unit = ""
        self.fold = fold(_TITLE, _TIP)
        self.fold.addWidget(self._content())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        # Beside the fold, which would give lines that wrap too little height.
        self.said, self.word = text(small=True), text(_WORD, small=True)
        for part in (self.fold, self.said, self.word):
            layout.addWidget(part)
        layout.addWidget(
            ProgressPanel(runner, "segment", "Nothing is kept of a mask that is not whole.", self)
        )
        events = self._session.events
        bind(self, events.image, self._on_image)
        bind(self, events.cells, self._open_or_close)
        bind(self, events.tiles, self._open_or_close)
        bind(self, events.segmentation, self._on_settings)
        bind(self, events.job, self._allow)
        self.fold.toggled.connect(self._on_fold)
        when_destroyed(self, partial(_let_go, link, WeakMethod(self._on_view)))
        self._say("")
        self._on_image()

    # parts -------------------------------------------------------------------------------------

    def _content(self) -> QWidget:
        self.channel_box = NarrowBox()
        self.channel_box.tip = "The channel in which every nucleus is bright, whatever its cell is"
        self.channel_box.setPlaceholderText("choose …")
        self.channel_box.activated.connect(self._choose_channel)
        self.diameter = self._length(
            "diameter",
            1,
            "How wide most nuclei are. Too large, and "
            "neighbours become one cell; too small, and one becomes two",
        )
        self.expansion = self._length(
            "expansion",
            0,
            "How far a cell reaches beyond its nucleus. Cells never grow into each other",
        )
        self.sensitivity = QDoubleSpinBox()
        self.sensitivity.setRange(0.1, 10)
        self.sensitivity.setSingleStep(0.1)
        self.sensitivity.setKeyboardTracking(False)
        self.sensitivity.setToolTip("Above 1 takes dimmer pixels for nuclei, below 1 fewer")
        self.sensitivity.valueChanged.connect(lambda value: self._set("sensitivity", value))
        form = narrow_form()
        form.addRow("Nuclei are in", self.channel_box)
        form.addRow("Their width", self.diameter)
        form.addRow("Cells reach further by", self.expansion)
        form.addRow("Sensitivity", self.sensitivity)
        self.preview = QPushButton("Preview")
        self.preview.setCheckable(True)
        self.preview.toggled.connect(self._on_preview)
        self.make = QPushButton("Make the mask")
        self.make.clicked.connect(self._make)
        buttons = QHBoxLayout()
        buttons.addWidget(self.preview)
        buttons.addWidget(self.make)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(form)
        column.addLayout(buttons)
        return content

    def _length(self, name: str, least: float, tip: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(least, 500)
        box.setDecimals(1)
        box.setSingleStep(0.5)
        box.setKeyboardTracking(False)
        box.setToolTip(tip)
        box.valueChanged.connect(lambda value: self._set(name, value))
        return box

    # what happens ------------------------------------------------------------------------------

    def _set(self, name: str, value: Any) -> None:
        self._session.segmentation = self._session.segmentation.model_copy(update={name: value})

    def _choose_channel(self, index: int) -> None:
        self._set("channels", (self.channel_box.itemText(index),))

    def _on_image(self) -> None:
        """List its channels, and forget what was chosen for an image of another kind."""
        image, settings = self._session.image, self._session.segmentation
        self.preview.setChecked(False)
        channels = () if image is None else image.channels
        unit = "px" if image is None or image.pixel_size is None else "µm"
        if not set(settings.channels) <= set(channels):
            settings = settings.model_copy(update={"channels": ()})
        if self._unit not in (unit, ""):
            settings = settings.model_copy(update={"diameter": None, "expansion": None})
        self._unit = unit
        self.channel_box.clear()
        self.channel_box.addItems(channels)
        self._session.segmentation = settings
        self._on_settings()
        self._open_or_close()

    def _open_or_close(self) -> None:
        session = self._session
        if session.cells is None and session.image is not None and not session.of_tiles:
            self.fold.expand(animate=False)
        else:
            self.fold.collapse(animate=False)

    def _on_settings(self) -> None:
        """Show the settings, with what is usual where nothing was chosen."""
        settings = in_full(self._session.segmentation, self._session.image)
        image = self._session.image
        channels = () if image is None else image.channels
        guess = settings.channels[:1] or (nuclear_channel(channels),)
        self.channel_box.setCurrentIndex(self.channel_box.findText(guess[0] or "", _EXACTLY))
        for box, value in (
            (self.diameter, settings.diameter),
            (self.expansion, settings.expansion),
            (self.sensitivity, settings.sensitivity),
        ):
            with QSignalBlocker(box):
                box.setValue(value)
        for box in (self.diameter, self.expansion):
            box.setSuffix(f" {self._unit}")
        self._allow()
        if self.preview.isChecked():
            self._look()

    def _allow(self) -> None:
        why = "" if self.channel_box.currentIndex() >= 0 else _NO_CHANNEL
        self.preview.setEnabled(not why)
        self.preview.setToolTip(
            why or f"Outline the cells in up to {LARGEST} × {LARGEST} px of what you look at"
        )
        busy = "" if self._session.job is None else "Wait until what is running is done."
        self.make.setEnabled(not (why or busy))
        self.make.setToolTip(why or busy or "Find the cells of the whole image, and use them")

    def _make(self) -> None:
        self._runner.start(segment(self._session))

    # the preview -------------------------------------------------------------------------------

    def _on_fold(self, opened: bool) -> None:
        self.word.setVisible(opened)
        if not opened:
            self.preview.setChecked(False)

    def _on_preview(self, on: bool) -> None:
        self._follow_view(on)
        if on:
            self._look()
            return
        self._looking.forget()
        self._say("")
        hide_preview(self._link)

    def _follow_view(self, on: bool) -> None:
        for event in _moves(self._link):
            if on:
                event.connect(self._on_view)
            else:
                event.disconnect(self._on_view)

    def _on_view(self, event: Any) -> None:
        self._still.start()

    def _look(self) -> None:
        from napari_splicer.segmentation.preview import preview

        image = self._session.image
        if image is None or not self.preview.isChecked():
            return
        self._say("Looking for nuclei …")
        settings = in_full(self._session.segmentation, image)
        self._looking.ask(preview, image, settings, box_in_sight(self._link))

    def _show(self, shown: Preview) -> None:
        image = self._session.image
        if image is None:
            return
        show_preview(self._link, image, shown)
        y0, y1, x0, x1 = shown.box
        part = "" if (y1 - y0, x1 - x0) == image.shape else f" in {y1 - y0} × {x1 - x0} px"
        found = f"{shown.cells:,} cells{part}, by {' and '.join(shown.channels)}."
        advice = (
            "Zoom in to see whether their outlines suit you."
            if shown.cells
            else "Is it a stain of nuclei? Try another width, or more sensitivity."
        )
        self._say(f"{found} {advice}")

    def _say(self, words: str) -> None:
        self.said.setText(words)
        self.said.setVisible(bool(words))

    def _refuse(self, error: Exception) -> None:
        self._say(str(error))
        hide_preview(self._link)
        if not isinstance(error, SplicerError):
            tell(error)


def _moves(link: ViewerLink) -> tuple[Any, ...]:
    """Return the signals of the view: it is moved, or zoomed."""
    viewer = link.viewer
    if viewer is None:
        return ()
    events = getattr(viewer, "scene", viewer).camera.events  # moved into the scene by napari 0.9
    return (events.center, events.zoom)


def _let_go(link: ViewerLink, slot: WeakMethod[Any]) -> None:
    """Leave nothing behind of a widget that is gone."""
    living = slot()
    if living is not None:
        for event in _moves(link):
            event.disconnect(living)
    hide_preview(link)
