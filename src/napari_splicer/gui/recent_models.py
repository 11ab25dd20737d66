"""Models that were used or saved last on this computer."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from napari_splicer.errors import CannotWrite
from napari_splicer.files import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST = 5


@dataclass(frozen=True)
class RecentModel:
    """A model and what it says of itself.

    Attributes
    ----------
    source : str
        What finds it again: see :func:`napari_splicer.model.sources.find_model`.
    components, channels : tuple of str
        Their names.
    used : str
        When, in ISO 8601.
    """

    source: str
    components: tuple[str, ...]
    channels: tuple[str, ...]
    used: str

    @property
    def remote(self) -> bool:
        """Whether it came from an address or the hub; it then lies in the cache, or is fetched."""
        return self.source.startswith(("https://", "http://", "hf://"))

    @property
    def missing(self) -> bool:
        """Whether it is not where it was any more."""
        return not self.remote and not Path(self.source).exists()

    @property
    def name(self) -> str:
        """A short name, e.g. that of its folder.

        Examples
        --------
        >>> [RecentModel(source, (), (), "").name for source in (
        ...     "/data/tonsil.zip", "/data/my-run/model", "hf://lab/tonsil@0123456",
        ...     "https://example.org/files/tonsil.zip#sha256=01")]
        ['tonsil', 'my-run', 'lab/tonsil', 'tonsil']
        """
        if self.source.startswith("hf://"):
            return self.source.removeprefix("hf://").partition("@")[0]
        place = PurePosixPath(self.source.partition("#")[0].replace("\\", "/"))
        own = place.stem if place.suffix == ".zip" else place.name
        return place.parent.name if own == "model" and place.parent.name else own

    def about(self, now: datetime) -> str:
        """Say how much is in it, and when it was used last."""
        count = len(self.components)
        components = f"{count} component{'' if count == 1 else 's'}"
        return f"{components} · {len(self.channels)} ch · {self._when(now)}"

    def _when(self, now: datetime) -> str:
        used = datetime.fromisoformat(self.used).astimezone(now.tzinfo)
        if used.date() == now.date():
            return f"today {used:%H:%M}"
        return f"{used.day} {used:%b %Y}"


def list_file() -> Path:
    """Return where the list is kept."""
    from platformdirs import user_state_path

    return user_state_path("napari-splicer") / "recent-models.json"


def recent_models() -> tuple[RecentModel, ...]:
    """Return the models, the last one first; those that are missing, too."""
    try:
        listed = json.loads(list_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    found = [_read(item) for item in listed] if isinstance(listed, list) else []
    return tuple(model for model in found if model is not None)


def note_model(source: str, components: Sequence[str], channels: Sequence[str]) -> None:
    """Put a model first on the list; nothing happens where the list can't be written."""
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    model = RecentModel(source, tuple(components), tuple(channels), now)
    _write([model, *(other for other in recent_models() if other.source != source)])


def forget_model(source: str) -> None:
    """Take a model off the list; its files stay."""
    _write([model for model in recent_models() if model.source != source])


def _write(models: Sequence[RecentModel]) -> None:
    text = json.dumps([asdict(model) for model in models[:MOST]], indent=1)
    with suppress(CannotWrite, OSError):
        write_text(list_file(), text, overwrite=True)


def _read(item: Any) -> RecentModel | None:
    """Return what an entry of the file says; None where it says something else."""
    try:
        datetime.fromisoformat(item["used"])
        names = [tuple(map(str, item[key])) for key in ("components", "channels")]
        return RecentModel(str(item["source"]), names[0], names[1], item["used"])
    except (TypeError, KeyError, ValueError):
        return None
