"""TrainingMonitor: loss and parts while a model learns, and a sentence about how it goes."""

from __future__ import annotations

import html
import time
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_splicer.analysis.palette import group_colours
from napari_splicer.gui.binding import bind
from napari_splicer.gui.component_colours import component_colours
from napari_splicer.gui.training_report import how_it_goes, pace, series
from napari_splicer.gui.widgets.curves import Curves
from napari_splicer.gui.widgets.theme import DARK
from napari_splicer.gui.widgets.training_view import TrainingView

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from qtpy.QtGui import QResizeEvent

    from napari_splicer.gui.session import Session
    from napari_splicer.gui.widgets.theme import Theme

_FEW = 3  # steps, each of which is drawn
_LEAST_PAUSE = 500  # ms between two drawings
_SHARE = 0.05  # of the time is spent on drawing at most
_ALL = "#999999"
_DASHES = "─&nbsp;─"
_KEPT_APART, _ACCENT = "cells kept apart", "#d55e00"


class TrainingMonitor(QWidget):
    """Seen as soon as there is something to see.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._theme = session, DARK
        self.sentence = QLabel()
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)  # names in it are no markup
        self.sentence.setWordWrap(True)
        self.loss = Curves(
            "Loss ↓ better",
            "How badly the model predicts each component; it falls while the model learns",
        )
        self.view = TrainingView()
        self.rank = self.view.rank
        self.held_out = Curves(
            "Loss on cells kept apart ↓ better",
            "How badly the model predicts cells that it is not trained on (training.patience); "
            "when it no longer falls, training stops",
        )
        self._key, self._held_out_key = _Key(), _Key()
        self._held_out_key.explain({_KEPT_APART: _ACCENT, "cells trained on": _ALL})
        plots = QHBoxLayout()
        plots.setSpacing(4)
        plots.addWidget(self.loss)
        plots.addWidget(self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.sentence)  # first: what is below may be out of sight
        layout.addWidget(self.view.choice)
        layout.addLayout(plots)
        layout.addWidget(self._key)
        layout.addWidget(self.held_out)
        layout.addWidget(self._held_out_key)
        # Drawing takes the interpreter from the training beside it, and more, the longer it is.
        self._due = QTimer(self, singleShot=True)
        self._due.timeout.connect(self._refresh)
        self._pause = self._drawn_at = 0.0
        self._drawn_in = (True, False)
        self.view.turned.connect(self._refresh)
        bind(self, session.events.metrics, self._ask)
        bind(self, session.events.colours, self._refresh)
        bind(self, session.events.job, self._follow)
        self._refresh()

    def show_theme(self, theme: Theme) -> None:
        """Draw in the theme's colours."""
        self._theme = theme
        self.loss.set_theme(theme)
        self.view.show_theme(theme)
        self.held_out.set_theme(theme)
        self._refresh()

    def _ask(self) -> None:
        """Draw at once what comes after a pause, together with the progress that came with it.

        What comes before is drawn with what follows it, or later by itself if nothing does.
        """
        left = self._pause - 1000 * (time.perf_counter() - self._drawn_at)
        if left <= 0 or len(self._session.metrics) < _FEW:
            self._refresh()
        elif not self._due.isActive():
            self._due.start(round(left) + _LEAST_PAUSE)

    def _refresh(self) -> None:
        began = time.perf_counter()
        self._due.stop()
        self._draw()
        self._drawn_at = time.perf_counter()
        took = 1000 * (self._drawn_at - began)
        self._pause = max(_LEAST_PAUSE, took / _SHARE) if self._session.metrics else 0.0

    def _draw(self) -> None:
        metrics = self._session.metrics
        self.setVisible(bool(metrics))
        if not metrics:
            return
        loss = series(metrics, "loss")
        names = [name for name in loss if name != "all"] or ["all"]
        components = self._session.components
        own = component_colours(components, self._session.colours)
        known = dict(zip((component.name for component in components), own, strict=True))
        if not known.keys() >= set(names):  # others by now than those that were trained
            known = dict(zip(names, group_colours(len(names)), strict=True))
        colours = {**{name: known[name] for name in names}, "all": _ALL}
        # The sum dwarfs its parts, so it is drawn only where there are none.
        parts = {name: line for name, line in loss.items() if name in names}
        self.loss.show_series(parts, colours)
        besides, dashed = self.view.draw(metrics, names, colours, self._theme.text)
        held_out = series(metrics, "held_out_loss")
        for widget in (self.held_out, self._held_out_key):
            widget.setVisible(bool(held_out))
        if held_out:
            both = {name: line for name, line in loss.items() if name == "all"}
            both[_KEPT_APART] = held_out["all"]
            self.held_out.show_series(both, {"all": _ALL, _KEPT_APART: _ACCENT})
        self._key.explain({**{name: colours[name] for name in names}, **besides}, dashed)
        self._judge()

    def _follow(self) -> None:
        """Draw the last steps, and judge them, when training ends, is paused, or goes on."""
        if self._state() != self._drawn_in:
            self._refresh()

    def _state(self) -> tuple[bool, bool]:
        """Return whether training is over, and whether it is paused."""
        job = self._session.job
        return job is None or job.stage != "train", job is not None and job.paused

    def _judge(self) -> None:
        metrics = self._session.metrics
        ended, paused = self._drawn_in = self._state()
        words = how_it_goes(metrics, ended=ended)
        self.sentence.setText(words if ended or paused else f"{words}\n{pace(metrics)}".strip())
        self.sentence.setVisible(bool(self.sentence.text()))


class _Key(QLabel):
    """What the colours of lines mean.

    It sees to its height by itself: a layout would ask for it whenever a line of the dock changes,
    and Qt draws rich text anew, and with it the window, for every such question.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)

    def explain(self, colours: Mapping[str, str], dashed: Collection[str] = ()) -> None:
        """Show what has which colour, "#rrggbb", and whose lines are dashed."""
        text = " &nbsp;".join(
            f'<span style="color:{colour}">{_DASHES if name in dashed else "■"}</span>'
            f"&nbsp;{html.escape(name)}"
            for name, colour in colours.items()
        )
        if text != self.text():
            self.setText(text)
            self._fit()

    def hasHeightForWidth(self) -> bool:
        """Keep layouts from asking."""
        return False

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Take as many lines as the width asks for."""
        super().resizeEvent(event)
        self._fit()

    def changeEvent(self, event: QEvent) -> None:
        """Take as much room as another font asks for."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def _fit(self) -> None:
        self.setMinimumHeight(0)  # or Qt would say as much again
        self.setFixedHeight(max(0, self.heightForWidth(self.width())))
