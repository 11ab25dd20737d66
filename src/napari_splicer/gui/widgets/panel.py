"""Panel: a title, a line of controls, and the content, or a sentence about what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSize, QTimer
from qtpy.QtWidgets import QHBoxLayout, QSizePolicy, QStackedLayout, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_splicer.errors import SplicerError
from napari_splicer.gui.failures import in_words
from napari_splicer.gui.jobs import tell
from napari_splicer.gui.widgets.message_page import MessagePage
from napari_splicer.gui.widgets.work_line import WorkLine

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_LETTERS, _PADDING = 5, 8  # of a heading; px
_LATER = 100  # ms; map and image are drawn by then, unless there are millions of cells


class Panel(QWidget):
    """A part of the Explorer.

    Parameters
    ----------
    title : str
        In bold, left of the controls.
    content : QWidget
        What fills the rest.
    """

    def __init__(self, title: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._message = MessagePage()
        self.again = self._message.again
        self._stack = QStackedLayout()
        self._stack.addWidget(content)
        self._stack.addWidget(self._message)

        self.heading = _Heading(title)
        font = self.heading.font()
        font.setBold(True)
        self.heading.setFont(font)
        self.tools = QHBoxLayout()
        self.tools.setSpacing(6)
        line = QHBoxLayout()
        line.addWidget(self.heading)
        line.addLayout(self.tools)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 4)
        layout.setSpacing(4)
        layout.addLayout(line)
        layout.addLayout(self._stack, stretch=1)
        self._layout = layout
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)

    def working(
        self,
        done: Callable[[Any], None],
        again: Callable[[], None],
        progress: Callable[[float], None] | None = None,
    ) -> WorkLine:
        """Return a line, at the bottom, for work that makes the content.

        Where it fails or is stopped, that is said instead of the content, and a button does
        ``again``.
        """
        line = WorkLine(done, self._failed, progress, self)
        line.stopped.connect(lambda: self._offer("Stopped before it was done."))
        self.again.clicked.connect(lambda: again())
        self._layout.addWidget(line)
        return line

    def _failed(self, error: Exception) -> None:
        if not isinstance(error, SplicerError):
            tell(error)  # with its details
        self._offer(in_words(error))

    def _offer(self, sentence: str) -> None:
        self._message.say(sentence, again=True)
        self._stack.setCurrentIndex(1)

    @property
    def message(self) -> str:
        """The sentence shown instead of the content, or nothing."""
        return self._message.sentence if self._stack.currentIndex() == 1 else ""

    def later(self, action: Callable[[], None]) -> QTimer:
        """Return a timer: started, it does ``action`` once map and image had time to follow.

        What counts a million cells in a thread would keep them waiting.
        """
        timer = QTimer(self, singleShot=True, interval=_LATER)
        timer.timeout.connect(action)
        return timer

    def say(self, sentence: str) -> None:
        """Show a sentence instead of the content."""
        self._message.say(sentence)
        self._stack.setCurrentIndex(1)

    def show_content(self) -> None:
        """Show the content again."""
        self._stack.setCurrentIndex(0)


class _Heading(QElidingLabel):
    """Gives way to the controls beside it down to a few letters, and comes back with the room."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def sizeHint(self) -> QSize:
        """Ask for room for the whole: the label itself knows only what it shows by now."""
        return QSize(self._width_of(self.text()), super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:
        """Keep a few letters."""
        least = min(self._width_of("M" * _LETTERS), self.sizeHint().width())
        return QSize(least, super().minimumSizeHint().height())

    def _width_of(self, words: str) -> int:
        return int(self.fontMetrics().horizontalAdvance(words)) + _PADDING
