from __future__ import annotations

import dask.array as da
import numpy as np
import tifffile

from napari_splicer.images.fingerprint import fingerprint
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask
from napari_splicer.images.open import open_image

PIXELS = np.random.default_rng(0).integers(0, 999, (4, 90, 70), dtype=np.uint16)


def test_the_same_pixels_have_the_same_fingerprint_however_stored(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", PIXELS, photometric="minisblack", byteorder=">", compression="zlib"
    )
    expected = fingerprint(MultiplexImage.from_array(PIXELS))
    assert fingerprint(MultiplexImage.from_array(da.from_array(PIXELS, chunks=13))) == expected
    assert fingerprint(open_image(tmp_path / "a.tif")) == expected


def test_it_is_stable_between_versions():
    labels = np.arange(90 * 70, dtype=np.uint32).reshape(90, 70)
    assert fingerprint(LabelMask.from_array(labels)) == "590b291a93684436"


def test_pixels_names_type_and_shape_all_count():
    image = MultiplexImage.from_array(PIXELS)
    moved = MultiplexImage.from_array(np.roll(PIXELS, 1, axis=1))
    renamed = image.with_channels(list("abcd"))
    wider = MultiplexImage.from_array(PIXELS.astype(np.uint32))
    cut = MultiplexImage.from_array(PIXELS[:, :89])
    images = (image, moved, renamed, wider, cut)
    assert len({fingerprint(one) for one in images}) == 5


def test_with_every_channel_one_that_was_corrected_alone_counts():
    image = MultiplexImage.from_array(PIXELS)
    corrected = PIXELS.copy()
    corrected[1] += 1
    other = MultiplexImage.from_array(corrected)
    assert fingerprint(other) == fingerprint(image)  # the first, the middle and the last are seen
    assert fingerprint(other, every_channel=True) != fingerprint(image, every_channel=True)


def test_tiny_images_have_one_too():
    assert fingerprint(MultiplexImage.from_array(np.ones((1, 1, 1)))) != fingerprint(
        MultiplexImage.from_array(np.zeros((1, 1, 1)))
    )
