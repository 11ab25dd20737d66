from __future__ import annotations

import gc
import pickle
import random
import re
import threading
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_splicer.errors import SplicerError, UnreadableFile, UnsupportedImage
from napari_splicer.images.open import open_image

PIXELS = np.random.default_rng(0).integers(0, 60_000, (5, 70, 90), dtype=np.uint16)
NAMES = ["DAPI", "CD3", "CD8", "PanCK", "Ki67"]


def ome(**pixels):
    return {"axes": "CYX", "Channel": {"Name": NAMES}, **pixels}


def write(path, pixels=PIXELS, **options):
    tifffile.imwrite(path, pixels, **{"photometric": "minisblack", **options})
    return path


def all_of(image):
    return image.read(0, image.shape[0], 0, image.shape[1])


LAYOUTS = {
    "one piece": {},
    "big-endian": {"byteorder": ">"},
    "whole-page strips": {"compression": "zlib", "rowsperstrip": 70},
    "strips of 8 rows": {"compression": "zlib", "rowsperstrip": 8, "predictor": True},
    "tiles": {"compression": "lzw", "tile": (32, 32)},
    "bigtiff": {"bigtiff": True, "tile": (16, 16)},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_ome_tiff_of_any_layout(tmp_path, layout):
    path = write(tmp_path / "roi.ome.tif", metadata=ome(), **LAYOUTS[layout])
    image = open_image(path)
    assert (image.name, image.source) == ("roi", str(path))
    assert image.channels == tuple(NAMES)
    np.testing.assert_array_equal(all_of(image), PIXELS)
    np.testing.assert_array_equal(image.read(30, 33, 60, 90, ["CD8"]), PIXELS[2:3, 30:33, 60:90])


def test_stored_tiles_are_the_chunks(tmp_path):
    image = open_image(write(tmp_path / "a.tif", tile=(32, 48), compression="zlib"))
    assert image.data.chunksize == (1, 32, 48)


def test_tiles_are_decoded_side_by_side(tmp_path, monkeypatch):
    path = write(tmp_path / "a.tif", tile=(32, 48), compression="zlib")
    decoders = tifffile.TIFF.DECOMPRESSORS
    decode = decoders[tifffile.COMPRESSION.ADOBE_DEFLATE]
    both = threading.Barrier(2, timeout=5)
    met = []

    def with_another(*args, **kwargs):
        with suppress(threading.BrokenBarrierError):
            both.wait()
            met.append(threading.get_ident())
        return decode(*args, **kwargs)

    monkeypatch.setitem(decoders._codecs, tifffile.COMPRESSION.ADOBE_DEFLATE, with_another)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    image = open_image(path)
    np.testing.assert_array_equal(image.read(0, 32, 0, 90), PIXELS[:, :32])
    assert len(met) == 5 * 2
    assert len(set(met)) > 1


def test_pages_that_are_not_tiled_are_decoded_once_per_channel(tmp_path):
    image = open_image(write(tmp_path / "a.tif", rowsperstrip=1, compression="zlib"))
    assert image.data.chunksize == (1, 70, 90)


def test_huge_pages_in_strips_are_cut_into_blocks_of_strips(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_splicer.images.tiff.PAGE_BYTES", 1000)
    monkeypatch.setattr("napari_splicer.images.tiff.BLOCK_BYTES", 90 * 2 * 25)
    image = open_image(write(tmp_path / "a.tif", rowsperstrip=8, compression="zlib"))
    assert image.data.chunksize == (1, 24, 90)
    np.testing.assert_array_equal(all_of(image), PIXELS)


@pytest.mark.parametrize(
    ("size", "unit", "expected"),
    [(0.325, "µm", 0.325), (325, "nm", 0.325), (0.000325, "mm", 0.325), (1, "pixel", None)],
)
def test_physical_size_becomes_micrometres(tmp_path, size, unit, expected):
    metadata = ome(
        PhysicalSizeX=size, PhysicalSizeXUnit=unit, PhysicalSizeY=2 * size, PhysicalSizeYUnit=unit
    )
    image = open_image(write(tmp_path / "a.ome.tif", metadata=metadata))
    assert image.pixel_size == (expected and (2 * expected, expected))
    assert any("pixel size is unknown" in remark for remark in image.remarks) == (expected is None)


def test_pyramids_in_subifds_become_levels(tmp_path):
    path = tmp_path / "pyramid.ome.tif"
    with tifffile.TiffWriter(path) as tif:
        options = {"photometric": "minisblack", "tile": (16, 16), "compression": "zlib"}
        tif.write(PIXELS, subifds=2, metadata=ome(), **options)
        tif.write(PIXELS[:, ::2, ::2], subfiletype=1, **options)
        tif.write(PIXELS[:, ::4, ::4], subfiletype=1, **options)
    image = open_image(path)
    assert [level.shape for level in image.levels] == [(5, 70, 90), (5, 35, 45), (5, 18, 23)]
    np.testing.assert_array_equal(image.levels[2].compute(), PIXELS[:, ::4, ::4])


def test_plain_pages_are_channels_without_names(tmp_path):
    image = open_image(write(tmp_path / "plain.tiff", metadata=None))
    np.testing.assert_array_equal(all_of(image), PIXELS)
    assert image.channels[0] == "Channel 1"
    assert "Channel names are missing; numbers stand in for them." in image.remarks


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_imagej_hyperstack_with_labels_and_microns(tmp_path, compression):
    path = tmp_path / "fiji.tif"
    tifffile.imwrite(
        path,
        PIXELS,
        imagej=True,
        compression=compression,
        resolution=(2.0, 4.0),
        metadata={"axes": "CYX", "Labels": NAMES, "unit": "micron"},
    )
    image = open_image(path)
    assert image.channels == tuple(NAMES)
    assert image.pixel_size == (0.25, 0.5)
    np.testing.assert_array_equal(all_of(image), PIXELS)


@pytest.mark.parametrize("tag", ["PageName", "description"])
def test_every_page_may_name_its_channel(tmp_path, tag):
    path = tmp_path / "imc.tiff"
    with tifffile.TiffWriter(path) as tif:
        for plane, name in zip(PIXELS, NAMES, strict=True):
            if tag == "PageName":
                extra = {"extratags": [(285, "s", 0, f"{name}(Ir191)", True)]}
            else:
                extra = {"description": f"{name}(Ir191)"}
            tif.write(plane, photometric="minisblack", metadata=None, contiguous=False, **extra)
    assert open_image(path).channels == tuple(f"{name}(Ir191)" for name in NAMES)


def test_resolution_of_a_microscope_is_believed_that_of_a_printer_is_not(tmp_path):
    options = {"metadata": None, "resolutionunit": "CENTIMETER"}
    fine = write(tmp_path / "fine.tif", resolution=(20_000, 20_000), **options)
    assert open_image(fine).pixel_size == (0.5, 0.5)
    printed = write(tmp_path / "dpi.tif", metadata=None, resolution=(72, 72), resolutionunit="INCH")
    assert open_image(printed).pixel_size is None


def test_colour_images_are_rgb(tmp_path):
    colours = np.moveaxis(PIXELS[:3], 0, -1).astype(np.uint8)
    image = open_image(write(tmp_path / "he.tif", colours, photometric="rgb", compression="zlib"))
    assert image.is_rgb
    assert image.channels == ("Red", "Green", "Blue")
    np.testing.assert_array_equal(all_of(image), np.moveaxis(colours, -1, 0))


def test_four_separate_planes_called_rgb_are_four_channels(tmp_path):
    path = write(tmp_path / "a.tif", PIXELS[:4], photometric="rgb", planarconfig="separate")
    image = open_image(path)
    assert not image.is_rgb
    np.testing.assert_array_equal(all_of(image), PIXELS[:4])


@pytest.mark.parametrize(("axes", "word"), [("ZYX", "5 Z planes"), ("TYX", "5 time points")])
def test_stacks_and_series_are_refused(tmp_path, axes, word):
    path = write(tmp_path / "a.ome.tif", metadata={"axes": axes})
    with pytest.raises(UnsupportedImage, match=f"a has too many axes: {word}.*Fiji"):
        open_image(path)


def test_names_that_do_not_fit_are_left_out_and_told(tmp_path):
    description = tifffile.tiffcomment(write(tmp_path / "a.ome.tif", metadata=ome()))
    fewer = re.sub(r"<Channel.*?</Channel>", "", description, count=1)
    path = write(tmp_path / "b.ome.tif", description=fewer, metadata=None)
    image = open_image(path)
    assert image.channels[0] == "Channel 1"
    assert "The file names 4 channels but holds 5: they are ignored." in image.remarks


def test_damaged_ome_xml_is_told(tmp_path):
    description = tifffile.tiffcomment(write(tmp_path / "a.ome.tif", metadata=ome()))
    broken = description.replace("</Channel>", "", 1)
    image = open_image(write(tmp_path / "b.ome.tif", description=broken, metadata=None))
    np.testing.assert_array_equal(all_of(image), PIXELS)
    assert "Its OME-XML is damaged and was left out." in image.remarks


def test_thumbnails_beside_the_image_are_told(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        tif.write(PIXELS, photometric="minisblack", metadata=None)
        tif.write(np.zeros((9, 9, 3), np.uint8), photometric="rgb", metadata=None)
    image = open_image(path)
    assert image.data.shape == PIXELS.shape
    assert any("holds 2 images of different kinds" in remark for remark in image.remarks)


@pytest.mark.parametrize("layout", ["one piece", "whole-page strips", "tiles"])
@pytest.mark.parametrize("kept", [0.3, 0.9])
def test_truncated_files_are_named_when_opened(tmp_path, layout, kept):
    path = write(tmp_path / "cut.ome.tif", metadata=ome(), **LAYOUTS[layout])
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(UnreadableFile, match=r"cut\.ome\.tif.*again"):
        open_image(path)


def test_a_truncated_imagej_file_is_not_taken_for_its_first_plane(tmp_path):
    description = "ImageJ=1.54f\nimages=5\nchannels=5\nhyperstack=true\n"
    path = write(tmp_path / "fiji.tif", PIXELS[0], description=description, metadata=None)
    with pytest.raises(UnreadableFile, match=r"fiji\.tif"):
        open_image(path)


def test_a_missing_file_of_a_set_is_told(tmp_path):
    description = tifffile.tiffcomment(write(tmp_path / "a.ome.tif", metadata=ome()))
    lost = description.replace('SizeC="5"', 'SizeC="6"').replace('PlaneCount="5"', 'PlaneCount="6"')
    path = write(tmp_path / "b.ome.tif", description=lost, metadata=None)
    with pytest.raises(UnreadableFile, match=r"b\.ome\.tif describes planes that are not there"):
        open_image(path)


@pytest.mark.parametrize("content", [b"", b"marker,value\nCD3,1\n", b"II*\0", b"\0" * 500])
def test_files_that_are_no_tiff_are_named(tmp_path, content):
    path = tmp_path / "notes.tif"
    path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"notes\.tif cannot be read as a TIFF"):
        open_image(path)


def test_damage_inside_a_file_is_named_when_it_is_read(tmp_path):
    path = write(tmp_path / "a.tif", compression="zlib")
    with tifffile.TiffFile(path) as tif:
        start, count = tif.pages[2].dataoffsets[0], tif.pages[2].databytecounts[0]
    content = bytearray(path.read_bytes())
    content[start : start + count] = bytes(count)
    path.write_bytes(content)
    image = open_image(path)
    np.testing.assert_array_equal(image.read(0, 70, 0, 90, ["Channel 2"]), PIXELS[1:2])
    with pytest.raises(UnreadableFile, match=r"A part of .*a\.tif cannot be read"):
        image.read(0, 70, 0, 90, ["Channel 3"])


@pytest.mark.parametrize("layout", ["one piece", "strips of 8 rows", "tiles"])
def test_random_damage_is_an_error_or_an_image_never_a_crash(tmp_path, layout):
    content = write(tmp_path / "a.ome.tif", metadata=ome(), **LAYOUTS[layout]).read_bytes()
    dice = random.Random(layout)
    path = tmp_path / "b.ome.tif"
    refused = 0
    for _ in range(25):
        damaged = bytearray(content)
        for _ in range(4):
            damaged[dice.randrange(1500)] = dice.randrange(256)
        path.write_bytes(damaged)
        try:
            image = open_image(path)
            image.read(0, min(70, image.shape[0]), 0, min(90, image.shape[1]))
        except SplicerError:
            refused += 1
    assert refused > 0


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to count open files")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_no_file_stays_open(tmp_path, layout):
    def opened():
        gc.collect()
        links = Path("/proc/self/fd").iterdir()
        return [link for link in links if link.exists() and link.resolve().parent == tmp_path]

    image = open_image(write(tmp_path / "a.tif", **LAYOUTS[layout]))
    assert opened() == []
    pixels = all_of(image)
    np.testing.assert_array_equal(pixels, PIXELS)
    assert opened() == []


@pytest.mark.parametrize("written", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
def test_an_open_file_can_be_handed_to_another_process(written, tmp_path):
    pixels = np.arange(2 * 40 * 60, dtype=np.uint16).reshape(2, 40, 60)
    path = tmp_path / "image.tif"
    tifffile.imwrite(path, pixels, metadata={"axes": "CYX"}, photometric="minisblack", **written)
    image = open_image(path)
    packed = pickle.dumps(image)
    assert len(packed) < pixels.nbytes
    again = pickle.loads(packed)
    np.testing.assert_array_equal(again.read(5, 35, 10, 50), pixels[:, 5:35, 10:50])
    np.testing.assert_array_equal(again.data.compute(), pixels)
