"""Projects that were saved or opened last on this computer."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from napari_splicer.errors import CannotWrite
from napari_splicer.files import write_text
from napari_splicer.gui.project.record import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_splicer.gui.project.folder import ProjectFolder
    from napari_splicer.gui.project.record import ProjectRecord
    from napari_splicer.gui.project.state import State

MOST = 10


@dataclass(frozen=True)
class Recent:
    """A project that is still where it was.

    Attributes
    ----------
    path : Path
        Its folder.
    saved : datetime
        When it was last saved.
    """

    path: Path
    saved: datetime

    @property
    def name(self) -> str:
        """Its name, without the ending."""
        return self.path.stem

    def when(self, now: datetime) -> str:
        """Say when it was saved: the time of today, or the day."""
        if self.saved.date() == now.date():
            return f"today {self.saved:%H:%M}"
        return f"{self.saved.day} {self.saved:%B %Y}"


def list_file() -> Path:
    """Return where the list is kept."""
    from platformdirs import user_state_path

    return user_state_path("napari-splicer") / "recent-projects.json"


def recent_projects() -> tuple[Recent, ...]:
    """Return the projects that are still there, the last one first."""
    found = []
    for path in _listed():
        with suppress(OSError):
            saved = (path / RECORD).stat().st_mtime
            found.append(Recent(path, datetime.fromtimestamp(saved).astimezone()))
    return tuple(found)


def note_recent(path: Path) -> None:
    """Put a project first on the list; nothing happens where the list can't be written."""
    others = [other for other in _listed() if other != path]
    text = json.dumps([str(p) for p in (path, *others)][:MOST], indent=1)
    with suppress(CannotWrite, OSError):
        write_text(list_file(), text, overwrite=True)


def save_and_note(project: ProjectFolder, state: State) -> ProjectRecord:
    """Save a project; return what its window said of itself, which tells whether that changes."""
    project.save(state)
    note_recent(project.path)
    return state.record


def _listed() -> Iterable[Path]:
    try:
        data = json.loads(list_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    return [Path(item) for item in data if isinstance(item, str)] if isinstance(data, list) else ()
