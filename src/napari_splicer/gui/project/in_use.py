"""Which projects a window has open: nobody else may change or remove what it reads from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.errors import WouldOverwrite

if TYPE_CHECKING:
    from pathlib import Path

    from filelock import BaseFileLock

_NAME = ".in-use"


class InUse:
    """The projects of one window, each locked against other windows on this and other computers.

    The system gives a lock back when the program ends, however it ends. Where files can't be
    locked, or not be written, as on some network drives, all of this does nothing.
    """

    def __init__(self) -> None:
        self._locks: dict[Path, BaseFileLock] = {}

    def take(self, folder: Path) -> None:
        """Lock a project; nothing happens where this window has done so already.

        Raises
        ------
        WouldOverwrite
            If another window has it open.
        """
        from filelock import FileLock, Timeout

        folder = folder.resolve()
        if folder in self._locks:
            return
        lock = FileLock(folder / _NAME, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            raise WouldOverwrite(
                f"The project {folder.name} is open in another window.",
                "Close it there first, or open a copy of its folder.",
            ) from None
        except (OSError, RuntimeError):
            return
        self._locks[folder] = lock

    def keep_only(self, folder: Path | None = None) -> None:
        """Give all others back."""
        kept = None if folder is None else folder.resolve()
        for other in [path for path in self._locks if path != kept]:
            self._locks.pop(other).release()
