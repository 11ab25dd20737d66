"""Short texts that tell whether images and masks are the same, or still as they were."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.errors import listed
from napari_splicer.images.image import MultiplexImage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from napari_splicer.images.masks import LabelMask, MaskedImage

_PLACES = (0.25, 0.5, 0.75)
_SIDE, _SIDE_ALONE = 32, 128
_WHOLE = 2**26  # pixels of a mask that are read, so that a single cell drawn anew is noticed
_BAND = 4096  # rows
_NAMED = 4  # images and masks in one sentence
_OF_CELLS = ("id", "y", "x", "y0", "x0", "y1", "x1", "area")


@dataclass(frozen=True)
class Seen:
    """What a run saw of one image or mask.

    Parameters
    ----------
    what : str
        In words, e.g. "the cell mask of slide 1".
    fingerprint : str
    file : str
        Where it lies now; empty for what is in memory alone.
    """

    what: str
    fingerprint: str
    file: str


def seen(
    fields: Iterable[MaskedImage],
    *,
    channels: Sequence[str] | None = None,
    regions: Sequence[str] = (),
    cells: bool = True,
) -> list[Seen]:
    """Return what a run sees of the images and of the masks that matter to it.

    Images with samples of every channel: one that was corrected alone is noticed. Cells by their
    table, which a run needs anyway, so that no mask of cells is read once more.

    Parameters
    ----------
    fields : iterable of MaskedImage
    channels : sequence of str, optional
        Those that matter, as far as an image has them; default all.
    regions : sequence of str
        Names of the further masks that matter.
    cells : bool
        Whether cells do.
    """
    found = []
    for field in fields:
        image = field.image
        if channels is not None:
            here = [name for name in channels if name in image.channels]
            image = image.select(here or image.channels)
        of_image = fingerprint(image, every_channel=True)
        found.append(Seen(f"the image {field.name}", of_image, image.source or ""))
        if cells and field.cells is not None:
            what = f"the cell mask of {field.name}"
            found.append(Seen(what, _of_cells(field.cells), field.cells.source or ""))
        for name in regions:
            if mask := field.regions.get(name):
                what = f"the mask {name} of {field.name}"
                found.append(Seen(what, fingerprint(mask), mask.source or ""))
    return found


def rewritten(before: Mapping[str, str], now: Iterable[Seen]) -> str:
    """Name what is not as it was, with its file; empty where everything is.

    Parameters
    ----------
    before : mapping of str to str
        Fingerprints by what they are of. Nothing speaks against what has none.
    now : iterable of Seen
    """
    other = [one for one in now if before.get(one.what, one.fingerprint) != one.fingerprint]
    named = [f"{one.what} ({one.file})" if one.file else one.what for one in other]
    verb = "are" if len(named) > 1 else "is"
    return f"{listed(named, _NAMED)} {verb} not as before" if named else ""


def _of_cells(mask: LabelMask) -> str:
    digest = hashlib.sha256()
    table = mask.cells()
    for column in _OF_CELLS:
        digest.update(np.ascontiguousarray(table[column].to_numpy()).tobytes())
    return digest.hexdigest()[:16]


def fingerprint(pixels: MultiplexImage | LabelMask, *, every_channel: bool = False) -> str:
    """Return a hash of shape, type, channel names and pixels.

    The same for the same pixels, however they are stored and chunked. A mask of up to 64 million
    pixels is read whole; of a larger one, and of an image, three boxes of 32 × 32 pixels on the
    diagonal, of at most three channels.

    Parameters
    ----------
    pixels : MultiplexImage or LabelMask
    every_channel : bool
        Whether all other channels count too, each by a box of 128 × 128 pixels in its middle. One
        box, as a whole page of the file may have to be decoded for it.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    channels = pixels.channels if isinstance(pixels, MultiplexImage) else ()
    dtype = np.dtype(pixels.data.dtype).name
    digest.update(json.dumps([pixels.shape, dtype, channels]).encode())
    sampled = tuple(
        dict.fromkeys((*channels[:1], *channels[len(channels) // 2 :][:1], *channels[-1:]))
    )
    height, width = pixels.shape
    if not isinstance(pixels, MultiplexImage) and height * width <= _WHOLE:
        for top in range(0, height, _BAND):
            band = pixels.read(top, min(top + _BAND, height), 0, width)
            digest.update(np.ascontiguousarray(band).tobytes())
        return digest.hexdigest()[:16]
    for place in _PLACES:
        y, x = int(place * height), int(place * width)
        box = (y, min(y + _SIDE, height), x, min(x + _SIDE, width))
        if isinstance(pixels, MultiplexImage):
            sample = pixels.read(*box, channels=sampled)
        else:
            sample = pixels.read(*box)
        digest.update(np.ascontiguousarray(sample).tobytes())
    others = [name for name in channels if name not in sampled]
    if isinstance(pixels, MultiplexImage) and every_channel and others:
        y, x = height // 2, width // 2
        box = (y, min(y + _SIDE_ALONE, height), x, min(x + _SIDE_ALONE, width))
        digest.update(np.ascontiguousarray(pixels.read(*box, channels=others)).tobytes())
    return digest.hexdigest()[:16]
