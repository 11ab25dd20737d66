"""What a person set about the window and not about the data, kept between starts. No Qt."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from napari_splicer.errors import CannotWrite
from napari_splicer.files import write_text

if TYPE_CHECKING:
    from pathlib import Path

Value: TypeAlias = "str | int | float | bool | list[int]"
T = TypeVar("T", str, int, float, bool)

_LARGEST = 2**20  # bytes
_KNOWN: dict[Path, Remembered] = {}


class Remembered:
    """Small values by name, in a file that any window of this program may write.

    A file that is missing, damaged or of other values is as good as none: it is only for comfort.

    Parameters
    ----------
    path : Path
        JSON.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values = self._read()
        self._new: dict[str, Value] = {}

    def value(self, name: str, default: T) -> T:
        """Return what is remembered under a name, if it is of the kind of ``default``."""
        value = self._values.get(name)
        return value if type(value) is type(default) else default

    def numbers(self, name: str, count: int) -> list[int]:
        """Return ``count`` whole numbers, none negative; empty where they are not remembered."""
        value = self._values.get(name)
        if not isinstance(value, list) or len(value) != count:
            return []
        return list(value) if all(type(v) is int and v >= 0 for v in value) else []

    def put(self, name: str, value: Value) -> bool:
        """Remember a value; return whether that is new. :meth:`write` puts it into the file."""
        if self._values.get(name) == value:
            return False
        self._values[name] = self._new[name] = value
        return True

    def write(self) -> None:
        """Write what is new beside what others wrote; nothing happens where that can't be."""
        if self._new:
            text = json.dumps({**self._read(), **self._new}, indent=1, sort_keys=True)
            with suppress(CannotWrite, OSError):
                write_text(self._path, text, overwrite=True)
            self._new = {}

    def _read(self) -> dict[str, Value]:
        try:
            if self._path.stat().st_size > _LARGEST:
                return {}
            data = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return data if isinstance(data, dict) else {}


def settings_file() -> Path:
    """Return where the settings of the window are kept."""
    from platformdirs import user_config_path

    return user_config_path("napari-splicer") / "window.json"


def remembered() -> Remembered:
    """Return the settings of the window, the same for all viewers of this program."""
    path = settings_file()
    if path not in _KNOWN:
        _KNOWN[path] = Remembered(path)
    return _KNOWN[path]
