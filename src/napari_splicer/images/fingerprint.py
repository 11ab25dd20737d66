"""A short text that tells whether two images, or two masks, are the same."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from napari_splicer.images.image import MultiplexImage

if TYPE_CHECKING:
    from napari_splicer.images.masks import LabelMask

_PLACES = (0.25, 0.5, 0.75)
_SIDE = 32
_WHOLE = 2**26  # pixels of a mask that are read, so that a single cell drawn anew is noticed
_BAND = 4096  # rows


def fingerprint(pixels: MultiplexImage | LabelMask) -> str:
    """Return a hash of shape, type, channel names and pixels.

    The same for the same pixels, however they are stored and chunked. A mask of up to 64 million
    pixels is read whole; of a larger one, and of an image, three boxes of 32 × 32 pixels on the
    diagonal, of at most three channels.

    Parameters
    ----------
    pixels : MultiplexImage or LabelMask

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
    return digest.hexdigest()[:16]
