"""FileOpener: files become layers while the window lives on.

What has to be read is read in a thread. Each layer costs napari about 0.1 s, so they are added a
few at a time.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_splicer.errors import SplicerError
from napari_splicer.gui.display import (
    choose_opened,
    image_layers,
    mask_layer,
    selection_kept,
)
from napari_splicer.gui.jobs import Errand, tell
from napari_splicer.gui.mask_layers import lay_mask
from napari_splicer.gui.snapshot import Notice
from napari_splicer.images.image import Affine2D

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_splicer.gui.display import LayerData
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.images.image import MultiplexImage

    # The layers of an image, or what a mask becomes one of: it lies where the image does by then.
    Read = list[Layer] | LayerData

_TURN = 0.1  # s for which layers are added before the window is heard again


@dataclass(frozen=True)
class _Asked:
    """What is to be opened, and which layer it takes the place of."""

    title: str
    read: Callable[[], Read]
    instead: Layer | None = None


class FileOpener:
    """Opens images and masks in one window, one file after the other.

    Parameters
    ----------
    link : ViewerLink
    """

    def __init__(self, link: ViewerLink) -> None:
        self._link, self._session = link, link.session
        self._waiting: deque[_Asked] = deque()
        self._now: _Asked | None = None
        self._coming: deque[Layer] = deque()
        self._opened: list[Layer] = []
        self._said: Notice | None = None
        self._before: Notice | None = None
        self._turn = QTimer(singleShot=True)
        self._turn.timeout.connect(self._add_some)
        self._reading = Errand(self._turn, self._take, self._refuse)

    @property
    def busy(self) -> bool:
        """Whether a file is being opened."""
        return self._now is not None

    def open_image(self, path: str) -> None:
        """Open an image as one layer per channel, and choose it; a notice says what went wrong."""
        self._ask(_Asked(Path(path).name, partial(_read_image, path)))

    def open_mask(self, path: str) -> None:
        """Open a mask where the image lies, and choose it; a notice says what went wrong."""
        self._ask(_Asked(Path(path).name, partial(_read_mask, path)))

    def take_apart(self) -> None:
        """Put one layer per channel in the place of the one with all channels, the chosen image."""
        image, layers = self._session.image, self._link.image_layers
        if image is not None and len(layers) == 1 and not self.busy:  # clicked twice, it is one
            self._ask(_Asked(image.name, partial(_layers_of, image), instead=layers[0]))

    def end(self) -> None:
        """Open nothing more: the window is gone."""
        self._waiting.clear()
        self._coming.clear()
        self._reading.forget()
        self._turn.stop()

    def _ask(self, asked: _Asked) -> None:
        self._waiting.append(asked)
        if self._now is None:
            self._next()

    def _next(self) -> None:
        self._now = self._waiting.popleft() if self._waiting else None
        if self._now is not None:
            notice = self._session.notice
            about_files = notice is not None and notice.stage == "open"
            self._before = None if about_files else notice
            self._say("")
            self._reading.ask(self._now.read)

    def _say(self, progress: str) -> None:
        title = "" if self._now is None else self._now.title
        words = f"Opening {title} …{progress}"
        self._said = self._session.notice = Notice("info", words, "open")

    def _unsay(self) -> None:
        if self._session.notice is self._said:
            self._session.notice = self._before

    def _refuse(self, error: Exception) -> None:
        self._unsay()
        if isinstance(error, SplicerError):
            self._session.notice = Notice("error", str(error), "open")
        else:
            tell(error)
        self._next()

    def _take(self, read: Read) -> None:
        if isinstance(read, tuple):
            self._unsay()
            lay_mask(self._link, read)
            self._next()
            return
        self._coming, self._opened = deque(read), []
        self._add_some()

    def _add_some(self) -> None:
        layers = set(self._link.layers)
        if not layers.issuperset(self._opened):
            # Taken away, or a project was opened: no more of it is wanted.
            self._coming.clear()
            self._opened = [layer for layer in self._opened if layer in layers]
        end = time.monotonic() + _TURN
        with self._link.holding(quietly=True), selection_kept(self._link.viewer):
            while self._coming:
                self._opened.append(self._coming.popleft())
                self._link.add_layer(self._opened[-1])
                if time.monotonic() > end:
                    break
        if self._coming:
            done = len(self._opened)
            self._say(f" {done} of {done + len(self._coming)} channels")
            self._turn.start(0)
            return
        self._unsay()
        opened, self._opened = self._opened, []
        if opened:
            self._choose(opened, None if self._now is None else self._now.instead)
        self._next()

    def _choose(self, opened: list[Layer], instead: Layer | None) -> None:
        mask, groups = self._link.mask_layer, self._session.panel_groups
        choose_opened(self._link, opened)
        if instead is not None:
            with self._link.holding():
                self._link.remove_layer(instead)
            self._link.use_mask(mask)
            self._session.panel_groups = groups
            if self._link.viewer is not None:
                self._link.viewer.layers.selection.active = opened[0]


def _read_image(path: str) -> list[Layer]:
    from napari_splicer.images.open import open_image

    return _layers_of(open_image(path))


def _layers_of(image: MultiplexImage) -> list[Layer]:
    return [Layer.create(*described) for described in image_layers(image)]


def _read_mask(path: str) -> LayerData:
    from napari_splicer.images.open import open_mask

    return mask_layer(open_mask(path), Affine2D())
