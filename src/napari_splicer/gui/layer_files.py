"""What the file says that a layer comes from, opened once for all layers that come from it."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from napari_splicer.errors import SplicerError

if TYPE_CHECKING:
    from napari_splicer.images.image import MultiplexImage

_MOST = 16
"""Files that are remembered; nothing of their pixels is."""

_State: TypeAlias = tuple[tuple[str, int, int], ...]


def image_in(path: str | Path) -> MultiplexImage | None:
    """Return the image in a file or folder, as :func:`open_image` opens it; None where it can't.

    Layers come one by one, and with each, all layers of its image are looked at again: of 60
    channels in one file, that would be 1,830 openings. A file that has changed is opened anew.
    """
    try:
        return _opened(str(path), _state(Path(path)))
    except SplicerError:
        return None


@lru_cache(_MOST)
def _opened(path: str, state: _State) -> MultiplexImage:
    from napari_splicer.images.open import open_image

    del state  # tells one version of the file from the next
    return open_image(path)


def _state(path: Path) -> _State:
    """Return when a file, or what lies in a folder, was changed, and how large it is."""
    try:
        if path.is_dir():
            with os.scandir(path) as entries:
                found = sorted((entry.name, entry.stat()) for entry in entries)
        else:
            found = [("", path.stat())]
    except OSError:
        return ()  # that it can't be opened either is not remembered
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in found)
