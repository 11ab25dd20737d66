"""ProjectOpener: a project takes the place of what is in a window, which is saved before."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_splicer.gui.failures import in_words
from napari_splicer.gui.incoming import Cancelled, Opening
from napari_splicer.gui.jobs import tell
from napari_splicer.gui.project.opening import Question, open_project
from napari_splicer.gui.project.recent import note_recent
from napari_splicer.gui.project.restore import restore
from napari_splicer.gui.snapshot import Notice

if TYPE_CHECKING:
    from pathlib import Path

    from napari_splicer.gui.jobs import JobRunner
    from napari_splicer.gui.keeper import Keeper
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.gui.project.opening import Opened, Wanted
    from napari_splicer.shares import Shares

_BUSY = "A project can be opened when the work that runs is done, or cancelled."


class ProjectOpener:
    """Opens projects in the window of a keeper, whose ``changed`` tells of what changes here.

    Its signal ``opened`` follows when a project was put into the window.

    Parameters
    ----------
    keeper : Keeper
    link : ViewerLink
    runner : JobRunner

    Attributes
    ----------
    question : Question or None
        What is asked of the files of the project that is to be opened.
    putting : bool
        Whether layers of a project are on their way into the window.
    """

    opened = Signal()

    def __init__(self, keeper: Keeper, link: ViewerLink, runner: JobRunner) -> None:
        self._keeper, self._link, self._runner = keeper, link, runner
        self.question: Question | None = None
        self.putting = False
        self._now: Opening | None = None
        self._wanted: Wanted | None = None  # as soon as what is open now is saved
        keeper.changed.connect(self._begin)

    @property
    def busy(self) -> bool:
        """Whether the opening of a project is under way."""
        return self._now is not None or self._wanted is not None

    def open(self, wanted: Wanted) -> None:
        """Open a project instead of what is in the window, which is saved before.

        Files that are missing or have changed are asked for in :attr:`question`.
        """
        self.question = self._wanted = None
        if self._runner.busy:
            self._link.session.notice = Notice("error", _BUSY)
        else:
            if self._now is not None:
                self._link.opener.withdraw(self._now)
            self._keeper.save_unsaved()
            self._wanted = wanted
        self._keeper.changed.emit()

    def _begin(self) -> None:
        """Read what is wanted, once what is open now is saved: they may be one and the same."""
        wanted = self._wanted
        if wanted is None or self._keeper.saving:
            return
        self._wanted = None
        if self._keeper.problem:
            self._say_why_not(wanted.folder)
        else:
            read, name = partial(open_project, wanted), wanted.folder.name
            self._now = Opening(name, read, self._put, self._refuse, self._stay)
            self._link.opener.ask(self._now)
        self._keeper.changed.emit()

    def do_not_open(self) -> None:
        """Leave the window as it is, after a question."""
        self.question = None
        self._keeper.changed.emit()

    def end(self) -> None:
        """Expect no project any more: the window is gone."""
        self._now = self._wanted = None

    def _put(self, result: Opened | Question) -> Shares[None]:
        if isinstance(result, Question):
            self.question = result
        elif self._runner.busy:  # begun meanwhile
            self._link.session.notice = Notice("error", _BUSY)
        elif not self._keeper.may_leave():
            self._say_why_not(result.wanted.folder)
        else:
            now = self._keeper.project
            if now is None or now.path != result.wanted.folder or now.saves == _saves(result):
                yield from self._take(result)
            else:  # it is the one that was just saved, and was read before
                self._now = None
                self.open(result.wanted)
                return
        self._stay()

    def _take(self, opened: Opened) -> Shares[None]:
        """Put a project into the window, where everything is saved by now."""
        wanted, keeper, before = opened.wanted, self._keeper, self._keeper.project
        with keeper.giving_way(wanted.folder):
            try:
                self.putting = True
                keeper.changed.emit()
                whole = yield from restore(self._link, opened)
            except Cancelled:
                if before is not None:
                    words = _words_of_leaving(wanted.folder.stem, before.path.stem)
                    self._link.session.notice = Notice("info", words, "open")
                raise
        keeper.go_on_with(opened.contents.folder if whole else None)
        keeper.in_use.keep_only(wanted.folder)
        note_recent(wanted.folder)
        if whole and (wanted.moved or wanted.as_they_are):
            keeper.save()  # where its files lie, and what they are, now
        self.opened.emit()

    def _refuse(self, error: Exception) -> None:
        self._stay()
        self._link.session.notice = Notice("error", in_words(error), "open")
        tell(error)

    def _say_why_not(self, folder: Path) -> None:
        why = f"is not opened: what is open now could not be saved. {self._keeper.problem}"
        self._link.session.notice = Notice("error", f"{folder.name} {why}")

    def _stay(self) -> None:
        """Go on with what is in the window: the project, what was there before, or nothing."""
        self._now, self.putting, project = None, False, self._keeper.project
        self._keeper.in_use.keep_only(None if project is None else project.path)
        self._keeper.changed.emit()


def _saves(opened: Opened) -> int:
    return opened.contents.record.saves


def _words_of_leaving(name: str, before: str) -> str:
    return (
        f"{name} was not opened. What was open before is saved: go on with {before} by the menu "
        "at the top."
    )
