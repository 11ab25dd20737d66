"""Keeper: saves the work of a window by itself, and opens projects in it.

A state is taken hold of in the GUI thread, which copies nothing large, and written in a worker.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_splicer.errors import UNFORESEEN, CannotWrite, SplicerError
from napari_splicer.gui.failures import in_words
from napari_splicer.gui.jobs import Errand, runner_for, tell
from napari_splicer.gui.layers import link_for
from napari_splicer.gui.project.capture import capture, worth_keeping
from napari_splicer.gui.project.folder import ProjectFolder, free_folder, new_folder
from napari_splicer.gui.project.in_use import InUse
from napari_splicer.gui.project.opening import Question, Wanted, open_project
from napari_splicer.gui.project.provenance import Provenance
from napari_splicer.gui.project.recent import note_recent, save_and_note
from napari_splicer.gui.project.restore import restore
from napari_splicer.gui.project.state import KEPT_FIELDS
from napari_splicer.gui.reading import is_own
from napari_splicer.gui.session import unwrapped
from napari_splicer.gui.snapshot import Notice

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from napari.viewer import Viewer

    from napari_splicer.gui.project.opening import Opened
    from napari_splicer.gui.project.record import ProjectRecord
    from napari_splicer.gui.project.state import State

WAIT = 2.0  # seconds after a change, in which more are awaited
_BUSY = "A project can be opened when the work that runs is done, or cancelled."
_PATIENCE = 5  # times as long as the last save took are waited before the next,
_LONGEST = 30.0  # but never more seconds: a computer that stops then takes them along


class Keeper:
    """Saves and opens the work of one viewer; see :func:`keeper_for`.

    Nothing is written before there is something worth keeping. Its signal ``changed`` follows a
    change of what it says of itself, ``opened`` that a project was put into the window.

    Attributes
    ----------
    project : ProjectFolder or None
        Where the work is saved; None until there is something to save.
    problem : str
        Why the last save failed, as a sentence; empty where it did not.
    saving, opening : bool
        Whether a save, or the opening of a project, is under way.
    question : Question or None
        What is asked of the files of the project that is to be opened.
    left_out : tuple of str
        Layers that lie in no file and are no part of the project, unless ``keep_images`` is set.
    """

    changed = Signal()
    opened = Signal()

    def __init__(self, viewer: Viewer) -> None:
        self._link = link_for(viewer)
        self._runner = runner_for(viewer)
        self._provenance = Provenance(viewer)
        self.session = self._link.session
        self.project: ProjectFolder | None = None
        self.in_use = InUse()
        self.problem = ""
        self.saving = self.opening = self.keep_images = False
        self.question: Question | None = None
        self.left_out: tuple[str, ...] = ()
        self._timer = QTimer(singleShot=True)
        self._timer.timeout.connect(self._save_if_any)
        self._saving = Errand(self._timer, self._on_saved, self._on_not_saved)
        self._opening = Errand(self._timer, self._on_opened, self._on_not_opened)
        self._written: ProjectRecord | None = None  # what was asked to be written, and is
        self._asked: State | None = None
        self._restoring = self._removing = self._emptied = self._ended = False
        self._begun, self._took = 0.0, 0.0
        for name in KEPT_FIELDS:
            self.session.events[name].connect(self._on_change)
        own = (self._link.changed, self._provenance.changed, self._runner.begun)
        for signal in (self.session.history.changed, self.session.trust_noted, *own):
            signal.connect(self._on_change)
        viewer.layers.events.removing.connect(self._on_removing)

    # saving ------------------------------------------------------------------------------------

    @property
    def saved(self) -> datetime | None:
        """When the work was last saved."""
        return None if self.project is None else self.project.saved

    def _on_removing(self) -> None:
        """Take hold of the work while it is whole: closing a viewer first removes its layers."""
        if self._removing or self._restoring:
            return
        self._removing = True
        QTimer.singleShot(0, self._removed)
        if self._timer.isActive():
            self.save()
        elif self.project is not None:
            self.state()

    def _removed(self) -> None:
        self._removing = False

    def _on_change(self) -> None:
        if self._restoring or self._ended:
            return
        if not self.would_replace:
            self._emptied = True  # that is no work, and does not undo what was saved of it
            return
        if self._emptied:  # what comes into an empty window is another work
            self._emptied, self.project, self.problem, self._written = False, None, "", None
            self.in_use.keep_only()
        if self.project is None and not worth_keeping(self.session):
            return
        if not self._timer.isActive():
            self._timer.start(round(1000 * max(WAIT, min(_PATIENCE * self._took, _LONGEST))))

    def _save_if_any(self) -> None:
        if self.would_replace:
            self.save()

    def save(self) -> None:
        """Save now, in a worker."""
        self._timer.stop()
        if self._ended:
            return
        try:
            project, state = self._project_now(), self.state()
        except UNFORESEEN as error:
            self._on_not_saved(error)
            return
        self.saving, self._begun = True, time.monotonic()
        self._saving.ask(save_and_note, project, state)
        self.changed.emit()

    def save_as(self, path: Path) -> None:
        """Go on in another folder, which holds all of the work at once.

        Raises as :func:`~napari_splicer.gui.project.folder.new_folder`; the project stays then.
        """
        self.project = new_folder(path)
        self.save()

    def finish(self) -> None:
        """Save what is not saved yet, and wait for that; raises as :meth:`ProjectFolder.save`."""
        pending = self._timer.isActive() or self.saving
        self._timer.stop()
        self._saving.forget()  # one that waits is older than what is saved here
        if self.project is None and not pending:
            return
        self._begun = time.monotonic()
        try:
            state = self.state() if self.would_replace else self._asked
            if state is not None and (pending or self.problem or state.record != self._written):
                self._on_saved(save_and_note(self._project_now(), state))
        except SplicerError:
            raise
        except UNFORESEEN as error:
            raise CannotWrite(in_words(error), "Save it under another name.") from error
        finally:
            self.saving = False

    def end(self) -> None:
        """Save no more, and let others open the project: the window is gone."""
        self._ended, self.opening = True, False
        self._saving.forget()
        self._opening.forget()
        self.in_use.keep_only()

    def _project_now(self) -> ProjectFolder:
        if self.project is None:
            self.project = ProjectFolder(free_folder(self.session))
        return self.project

    def state(self) -> State:
        """Take hold of all that is in the window, as it is now."""
        state = capture(self._link, self._provenance, keep_images=self.keep_images)
        self._asked, self.left_out = state, state.record.left_out
        return state

    def _on_saved(self, written: ProjectRecord) -> None:
        self.saving, self.problem, self._written = False, "", written
        self._took = time.monotonic() - self._begun
        if self.project is not None:
            with suppress(SplicerError):  # it was new, and opened elsewhere at once
                self.in_use.take(self.project.path)
        self.changed.emit()

    def _on_not_saved(self, error: Exception) -> None:
        """Say once what is wrong; the next change tries again."""
        said, self.saving = in_words(error), False
        if said != self.problem:
            self.problem = said
            self.session.notice = Notice("error", f"The project is not saved. {said}")
            tell(error)
        self.changed.emit()

    # opening -----------------------------------------------------------------------------------

    @property
    def would_replace(self) -> bool:
        """Whether there is anything in the window that opening a project would take away."""
        return any(not is_own(layer) for layer in self._link.layers)

    def open(self, wanted: Wanted) -> None:
        """Open a project instead of what is in the window, which is saved before.

        Files that are missing or have changed are asked for in :attr:`question`.
        """
        self.question = None
        if self._runner.busy:
            self.session.notice = Notice("error", _BUSY)
        elif self._may_leave(wanted):
            self.opening = True
            self._opening.ask(open_project, wanted)
        self.changed.emit()

    def _may_leave(self, wanted: Wanted) -> bool:
        """Save what is in the window, which is to give way; False, and why, if that fails."""
        try:
            self.finish()
        except SplicerError as error:
            self._on_not_saved(error)
            why = "is not opened: what is open now could not be saved."
            self.session.notice = Notice("error", f"{wanted.folder.name} {why} {error}")
            return False
        return True

    def do_not_open(self) -> None:
        """Leave the window as it is, after a question."""
        self.question = None
        self.changed.emit()

    def _on_opened(self, result: Opened | Question) -> None:
        self.opening = False
        if isinstance(result, Question):
            self.question = result
        elif self._runner.busy:  # begun meanwhile
            self.session.notice = Notice("error", _BUSY)
        elif self._may_leave(result.wanted):
            self._take(result)
        self.changed.emit()

    def _take(self, opened: Opened) -> None:
        """Put a project into the window, where everything is saved by now."""
        wanted, record, now = opened.wanted, opened.contents.record, self.project
        if now is not None and now.path == wanted.folder and now.saves != record.saves:
            self.open(wanted)  # it is the one that was just saved, and was read before
            return
        self._restoring = True
        try:
            self.in_use.take(wanted.folder)
            # Whatever becomes of the window, it is not to be saved over either project.
            self.project, self.problem, self._written = None, "", None
            whole = restore(self._link, opened)
        except UNFORESEEN as error:
            self.in_use.keep_only(None if self.project is None else self.project.path)
            self._on_not_opened(error)
            return
        finally:
            self._restoring = False
        self._written, self._emptied = self.state().record, False
        self.project = opened.contents.folder if whole else None
        self.in_use.keep_only(wanted.folder)
        note_recent(wanted.folder)
        if whole and (wanted.moved or wanted.as_they_are):
            self.save()  # where its files lie, and what they are, now
        self.opened.emit()

    def _on_not_opened(self, error: Exception) -> None:
        self.opening = False
        self.session.notice = Notice("error", in_words(error), "open")
        tell(error)
        self.changed.emit()


_KEEPERS: WeakKeyDictionary[Any, Keeper] = WeakKeyDictionary()


def keeper_for(viewer: Viewer) -> Keeper:
    """Return the viewer's keeper, made when first asked for; it lives as long as the viewer."""
    viewer = unwrapped(viewer)
    if viewer not in _KEEPERS:
        _KEEPERS[viewer] = Keeper(viewer)
    return _KEEPERS[viewer]
