"""FileOpener: what lies in files comes into a window while that lives on.

What has to be read is read in a thread. Each layer costs napari about 0.1 s, so they are put there
a few at a time. Images, masks, run files (:mod:`~napari_splicer.gui.run_files`) and projects
(:mod:`~napari_splicer.gui.keeper`) are opened here, one after the other.
"""

from __future__ import annotations

import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_splicer.config import ImageInput
from napari_splicer.errors import UNFORESEEN, SplicerError
from napari_splicer.gui.display import choose_opened, mask_layer
from napari_splicer.gui.incoming import Cancelled, Opening, add_layers, layers_of
from napari_splicer.gui.jobs import Errand, tell
from napari_splicer.gui.mask_layers import hide_preview, lay_mask
from napari_splicer.gui.snapshot import Notice, same_pixels
from napari_splicer.images.image import Affine2D
from napari_splicer.images.patterns import with_usual_masks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari.layers import Layer

    from napari_splicer.gui.display import LayerData
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import LabelMask
    from napari_splicer.shares import Shares

_TURN = 0.1  # s for which something is put into the window before that is heard again; longer
_LONGEST = 0.4  # where drawing the window takes longer, but no longer than this
_READING = 0.5  # of the whole: reading is about half of what opening takes


_ENDS: tuple[type[Exception], ...] = (StopIteration, Cancelled, *UNFORESEEN)


class FileOpener:
    """Opens what it is asked for in one window, one thing after the other.

    Its signal ``changed`` follows a change of what is being opened, or of how far that is.

    Parameters
    ----------
    link : ViewerLink
    """

    changed = Signal()

    def __init__(self, link: ViewerLink) -> None:
        self._link = link
        self._waiting: deque[Opening] = deque()
        self._now: Opening | None = None
        self._putting: Shares[None] | None = None
        self._share = self._heard = 0.0
        self._turn = QTimer(singleShot=True)
        self._turn.timeout.connect(self._put_some)
        self._reading = Errand(self._turn, self._take, self._refuse, self._on_read)

    @property
    def busy(self) -> bool:
        """Whether something is being opened."""
        return self._now is not None

    @property
    def title(self) -> str:
        """What is being opened; empty where nothing is."""
        return "" if self._now is None else self._now.title

    @property
    def share(self) -> float:
        """How much of that is done, 0 to 1."""
        return self._share

    def ask(self, opening: Opening) -> None:
        """Open something, as soon as what was asked for before is there."""
        self._waiting.append(opening)
        if self._now is None:
            notice = self._link.session.notice
            if notice is not None and notice.stage == "open":
                self._link.session.notice = None  # it is about a file before
            self._next()

    def cancel(self) -> None:
        """Open nothing of what was asked for; what is half there is taken out again."""
        waiting = list(self._waiting)
        self._waiting.clear()
        for opening in waiting:
            opening.cancelled()
        if self._now is not None:
            self.withdraw(self._now)

    def withdraw(self, opening: Opening) -> None:
        """Do not open this, or no more of it; nothing happens where it was not asked for."""
        if opening in self._waiting:
            self._waiting.remove(opening)
            opening.cancelled()
        elif opening is self._now:
            self._turn.stop()
            self._reading.forget()
            putting, self._putting = self._putting, None
            if putting is not None:
                _take_out(putting)
            opening.cancelled()
            self._next()

    def end(self) -> None:
        """Open nothing more: the window is gone."""
        self._waiting.clear()
        self._reading.forget()
        self._now, putting = None, self._putting  # the timer, if it is still there, finds nothing
        self._putting = None
        if putting is not None:
            putting.close()

    def _next(self) -> None:
        self._now = self._waiting.popleft() if self._waiting else None
        self._share = 0.0
        if self._now is not None:
            self._reading.ask(self._now.read)
        self.changed.emit()

    def _on_read(self, share: float) -> None:
        self._tell(share * _READING)

    def _tell(self, share: float) -> None:
        self._share = share
        self.changed.emit()

    def _refuse(self, error: Exception) -> None:
        opening = self._now
        if opening is not None:
            opening.refused(error)
        self._next()

    def _take(self, read: Any) -> None:
        if self._now is not None:
            self._putting, self._heard = self._now.put(read), time.monotonic()
            self._put_some()

    def _put_some(self) -> None:
        if self._putting is None:
            return
        begun = time.monotonic()
        end = begun + min(max(_TURN, begun - self._heard), _LONGEST)
        try:
            with self._link.holding(quietly=True):
                share = next(self._putting)
                while time.monotonic() < end:
                    share = next(self._putting)
        except _ENDS as error:
            self._ended(error)
            return
        self._tell(_READING + share * (1 - _READING))
        self._turn.start(0)
        self._heard = time.monotonic()

    def _ended(self, how: Exception) -> None:
        self._putting, opening = None, self._now
        if isinstance(how, Cancelled) and opening is not None:
            opening.cancelled()
        elif not isinstance(how, StopIteration) and opening is not None:
            opening.refused(how)
        self._next()

    # images and masks --------------------------------------------------------------------------

    def open_image(self, path: str) -> None:
        """Open an image as one layer per channel, and choose it; a notice says what went wrong."""
        self._ask_for(Path(path).name, partial(_read_image, path), self._put_image)

    def open_with_mask(self, path: str) -> None:
        """Open an image as :meth:`open_image`, and the mask that lies where masks usually lie."""
        self._ask_for(Path(path).name, partial(_read_with_mask, path), self._put_with_mask)

    def open_mask(self, path: str) -> None:
        """Open a mask where the image lies, and choose it; a notice says what went wrong."""
        self._ask_for(Path(path).name, partial(_read_mask, path), self._put_mask)

    def bring_made_mask(self, mask: LabelMask) -> None:
        """Show a mask made of the chosen image in place of the piece that was shown before.

        Where another image is chosen before it is there, the mask stays in its file.
        """
        image = self._link.session.image
        if image is not None:
            put = partial(self._put_made_mask, image)
            self._ask_for(mask.name, partial(_layer_of, mask), put)

    def take_apart(self) -> None:
        """Put one layer per channel in the place of the one with all channels, the chosen image."""
        image, layers = self._link.session.image, self._link.image_layers
        if image is not None and len(layers) == 1 and not self.busy:  # clicked twice, it is one
            put = partial(self._put_image, instead=layers[0])
            self._ask_for(image.name, partial(layers_of, image), put)

    def _ask_for(
        self, title: str, read: Callable[[], Shares[Any]], put: Callable[[Any], Shares[None]]
    ) -> None:
        self.ask(Opening(title, read, put, self._say_why))

    def _say_why(self, error: Exception) -> None:
        if isinstance(error, SplicerError):
            self._link.session.notice = Notice("error", str(error), "open")
        else:
            tell(error)

    def _put_image(self, layers: Sequence[Layer], instead: Layer | None = None) -> Shares[None]:
        link = self._link
        opened = yield from add_layers(link, layers)
        if not opened:
            return
        mask, groups = link.mask_layer, link.session.panel_groups
        choose_opened(link, opened)
        if instead is not None:
            link.remove_layer(instead)
            link.use_mask(mask)
            link.session.panel_groups = groups
            if link.viewer is not None:
                link.viewer.layers.selection.active = opened[0]

    def _put_with_mask(self, read: tuple[list[Layer], LayerData | None]) -> Shares[None]:
        layers, mask = read
        yield from self._put_image(layers)
        link = self._link
        if mask is None or not set(layers) <= set(link.image_layers):
            return
        lay_mask(link, mask)
        words = f"{mask[1]['name']}, which lies beside the image, is its cell mask now."
        link.session.notice = Notice("info", f"{words} Step 1 can open another.", "open")

    def _put_mask(self, described: LayerData) -> Shares[None]:
        yield 0.0
        lay_mask(self._link, described)

    def _put_made_mask(self, image: MultiplexImage, described: LayerData) -> Shares[None]:
        yield 0.0
        hide_preview(self._link)
        now = self._link.session.image
        if now is not None and same_pixels(image, now):
            lay_mask(self._link, described, outlined=True)


def _take_out(putting: Shares[None]) -> None:
    try:
        putting.throw(Cancelled())
    except (Cancelled, StopIteration):
        return


def _read_image(path: str) -> Shares[list[Layer]]:
    from napari_splicer.images.open import open_image

    return (yield from layers_of(open_image(path)))


def _read_with_mask(path: str) -> Shares[tuple[list[Layer], LayerData | None]]:
    from napari_splicer.images.open import open_image, open_mask

    image = open_image(path)
    layers = yield from layers_of(image)
    try:
        (found,) = with_usual_masks([ImageInput(image=path)], Path())
        mask = open_mask(str(found.mask))
    except SplicerError:  # there is none, or none that can only be meant: it is left to choose
        return layers, None
    return layers, mask_layer(mask, Affine2D()) if mask.shape == image.shape else None


def _read_mask(path: str) -> Shares[LayerData]:
    from napari_splicer.images.open import open_mask

    return (yield from _layer_of(open_mask(path)))


def _layer_of(mask: LabelMask) -> Shares[LayerData]:
    yield 0.0
    return mask_layer(mask, Affine2D())
