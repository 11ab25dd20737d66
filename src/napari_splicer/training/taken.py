"""Which training writes into a checkpoint's folder: two would write the same files."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from napari_splicer.errors import WouldOverwrite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def taken(folder: Path | None) -> Iterator[None]:
    """Keep other trainings, of this computer and others, from writing into ``folder``.

    The system gives the lock back when the program ends, however it ends. It lies beside the
    folder, so that one that was left there looks like no checkpoint. Where files can't be locked,
    or not be written, as on some network drives, this does nothing.

    Raises
    ------
    WouldOverwrite
        If another training is writing there.
    """
    with ExitStack() as after:
        if folder is not None:
            _take(folder.resolve(), after)
        yield


def _take(folder: Path, after: ExitStack) -> None:
    from filelock import FileLock, Timeout

    place = folder.with_name(f".{folder.name}.in-use")
    made = [parent for parent in place.parents if not parent.exists()]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        after.callback(_remove_empty, made)
        lock = FileLock(place, timeout=0, thread_local=False)
        lock.acquire()
    except Timeout:
        raise WouldOverwrite(
            f"Another training is writing to {folder} at this moment.",
            "Wait until it has ended, or stop it; or choose another folder for this one.",
        ) from None
    except (OSError, RuntimeError):
        return
    after.callback(lock.release)
    after.callback(_unlink, place)  # while it is locked: afterwards it may be another's


def _unlink(place: Path) -> None:
    with suppress(OSError):  # Windows removes no file that is open; there the lock itself does
        place.unlink(missing_ok=True)


def _remove_empty(folders: list[Path]) -> None:
    with suppress(OSError):
        for folder in folders:  # from the innermost
            folder.rmdir()
