"""A small piece of the mask to come, to see whether the settings suit."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from napari_splicer.segmentation.light import NuclearLight
from napari_splicer.segmentation.segment import look_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.segmentation.segment import Box
    from napari_splicer.segmentation.settings import SegmentationSettings


class Preview(NamedTuple):
    """Cells of a piece of an image.

    Attributes
    ----------
    box : Box
        Half-open, in the image.
    labels : int32 (h, w)
        0 outside cells.
    cells : int
        How many have their centre in the box.
    channels : tuple of str
        That nuclei were found by.
    """

    box: Box
    labels: NDArray[np.int32]
    cells: int
    channels: tuple[str, ...]


def preview(image: MultiplexImage, settings: SegmentationSettings, box: Box) -> Preview:
    """Return what the mask of the whole image would show in ``box``.

    Parameters
    ----------
    image : MultiplexImage
    settings : SegmentationSettings
    box : Box
        Half-open, inside the image.

    Raises
    ------
    MissingChannels, UnusableChannel, InvalidSettings
        As :meth:`NuclearLight.of`.
    """
    light = _light(image, settings.model_copy(update={"sensitivity": 1.0}))
    found, (top, left) = look_at(light, settings.sensitivity, box)
    y0, y1, x0, x1 = box[0] - top, box[1] - top, box[2] - left, box[3] - left
    own = found.within(y0, y1, x0, x1)
    return Preview(box, found.labels[y0:y1, x0:x1].copy(), len(own.y), light.channels)


@lru_cache(maxsize=1)
def _light(image: MultiplexImage, settings: SegmentationSettings) -> NuclearLight:
    """Look at the windows of an image once for all sensitivities that are tried."""
    return NuclearLight.of(image, settings)
