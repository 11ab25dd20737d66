"""Keeper: saves the work of a window by itself.

A state is taken hold of in the GUI thread, which copies nothing large, and written in a worker.
"""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
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
from napari_splicer.gui.project.provenance import Provenance
from napari_splicer.gui.project.recent import save_and_note
from napari_splicer.gui.project.state import KEPT_FIELDS
from napari_splicer.gui.project_opener import ProjectOpener
from napari_splicer.gui.reading import is_own
from napari_splicer.gui.session import unwrapped
from napari_splicer.gui.snapshot import Notice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from napari.viewer import Viewer

    from napari_splicer.gui.project.record import ProjectRecord
    from napari_splicer.gui.project.state import State

WAIT = 2.0  # seconds after a change, in which more are awaited
_PATIENCE = 5  # times as long as the last save took are waited before the next,
_LONGEST = 30.0  # but never more seconds: a computer that stops then takes them along


class Keeper:
    """Saves the work of one viewer; see :func:`keeper_for`.

    Nothing is written before there is something worth keeping. Its signal ``changed`` follows a
    change of what it, or its opener, says of itself.

    Attributes
    ----------
    project : ProjectFolder or None
        Where the work is saved; None until there is something to save.
    problem : str
        Why the last save failed, as a sentence; empty where it did not.
    saving : bool
        Whether a save is under way.
    opener : ProjectOpener
        Opens other projects in the window.
    left_out : tuple of str
        Layers that lie in no file and are no part of the project, unless ``keep_images`` is set.
    """

    changed = Signal()

    def __init__(self, viewer: Viewer) -> None:
        self._link = link_for(viewer)
        self._runner = runner_for(viewer)
        self._provenance = Provenance(viewer)
        self.session = self._link.session
        self.project: ProjectFolder | None = None
        self.in_use = InUse()
        self.problem = ""
        self.saving = self.keep_images = False
        self.opener = ProjectOpener(self, self._link, self._runner)
        self.left_out: tuple[str, ...] = ()
        self._timer = QTimer(singleShot=True)
        self._timer.timeout.connect(self._save_if_any)
        self._saving = Errand(self._timer, self._on_saved, self._on_not_saved)
        self._written: ProjectRecord | None = None  # what was asked to be written, and is
        self._asked: State | None = None
        self._restoring = self._removing = self._emptied = self._ended = False
        self._begun, self._took = 0.0, 0.0
        for name in KEPT_FIELDS:
            self.session.events[name].connect(self._on_change)
        own = (self._link.changed, self._provenance.changed, self._runner.begun)
        noted = (self.session.trust_noted, self.session.map_made)
        for signal in (self.session.history.changed, *noted, *own):
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
        if self._ended or self._restoring:
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
        """Save and open no more, and let others open the project: the window is gone."""
        self._ended = True
        self.opener.end()
        self._link.opener.end()
        self._saving.forget()
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

    # another project ---------------------------------------------------------------------------

    @property
    def would_replace(self) -> bool:
        """Whether there is anything in the window that opening a project would take away."""
        return any(not is_own(layer) for layer in self._link.layers)

    def save_unsaved(self) -> None:
        """Save now, in a worker, if anything is not saved yet; :attr:`saving` tells."""
        begun = self.project is not None or self._timer.isActive()
        if not begun or not self.would_replace:  # what an empty window held, may_leave saves
            return
        pending = self._timer.isActive() or self.saving or self.problem
        if pending or self.state().record != self._written:
            self.save()

    def may_leave(self) -> bool:
        """Save what is to give way to a project; False, with :attr:`problem`, if that fails."""
        try:
            self.finish()
        except SplicerError as error:
            self._on_not_saved(error)
            return False
        return True

    @contextmanager
    def giving_way(self, folder: Path) -> Iterator[None]:
        """While the project in ``folder`` comes into the window, save nothing.

        Whatever becomes of the window, it is saved over neither that nor the project before.
        """
        self.in_use.take(folder)
        self._restoring = True
        self.project, self.problem, self._written = None, "", None
        try:
            yield
        finally:
            self._restoring = False

    def go_on_with(self, project: ProjectFolder | None) -> None:
        """Save to ``project`` what is in the window, as soon as it changes; None for a new one."""
        self._written, self._emptied = self.state().record, False
        self.project = project


_KEEPERS: WeakKeyDictionary[Any, Keeper] = WeakKeyDictionary()


def keeper_for(viewer: Viewer) -> Keeper:
    """Return the viewer's keeper, made when first asked for; it lives as long as the viewer."""
    viewer = unwrapped(viewer)
    if viewer not in _KEEPERS:
        _KEEPERS[viewer] = Keeper(viewer)
    return _KEEPERS[viewer]
