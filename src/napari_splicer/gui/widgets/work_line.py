"""WorkLine: work for a widget, with a line that shows how far it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal

from napari_splicer.gui.jobs import Errand, tell
from napari_splicer.gui.widgets.progress_line import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget


class WorkLine(ProgressLine):
    """An :class:`~napari_splicer.gui.jobs.Errand` that is seen, while it takes longer than a blink.

    Its signal ``stopped`` follows a press on *Cancel*; nothing comes of the work then.

    Parameters
    ----------
    done, failed : callable
        As an errand has them.
    progress : callable, optional
        Takes the share that is done, beside the bar.

    Attributes
    ----------
    asked : bool
        Whether a result is waited for.
    """

    stopped = Signal()

    def __init__(
        self,
        done: Callable[[Any], None],
        failed: Callable[[Exception], None] = tell,
        progress: Callable[[float], None] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(self.stop, "Stop this; nothing else is lost", parent)
        self._done, self._failed, self._progress = done, failed, progress
        self.errand = Errand(self, self._on_done, self._on_failed, self._on_share)
        self.asked = False

    def ask(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Run ``work(*arguments)``; forget older asks."""
        self.asked = True
        self.begin()
        self.errand.ask(work, *arguments)

    def forget(self) -> None:
        """Drop what was asked for."""
        self.errand.forget()
        self.end()

    def stop(self) -> None:
        """Do as *Cancel* does."""
        self.forget()
        self.stopped.emit()

    def end(self) -> None:
        """Wait for nothing, and hide."""
        self.asked = False
        super().end()

    def _on_share(self, share: float) -> None:
        self.show_share(share)
        if self._progress is not None:
            self._progress(share)

    def _on_done(self, result: Any) -> None:
        self.end()
        self._done(result)

    def _on_failed(self, error: Exception) -> None:
        self.end()
        self._failed(error)
