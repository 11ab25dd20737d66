"""Decompositions are checked, shared out, matched by name and kept exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.components.matching import match_channels
from napari_splicer.config import Component, Rectangle, Region, Ring
from napari_splicer.errors import InvalidComponent
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage

CHANNELS = ("CD3", "CD20", "PanKRT")


def part(name="part", channels=("CD3",), kind="whole", mask=None, width=None):
    return Component(name=name, channels=channels, region=Region(kind=kind, mask=mask), width=width)


def make_field(cells=True):
    image = MultiplexImage.from_array(np.zeros((3, 9, 9)), CHANNELS, name="liver", axes="CYX")
    mask = LabelMask.from_array(np.eye(9, dtype=np.uint8))
    return MaskedImage(image, mask if cells else None, {"tumour": mask})


def test_names_channels_and_masks_in_order_of_first_use():
    parts = (
        part("a", ("CD20", "CD3"), "inside", "tumour"),
        part("b", ("PanKRT", "CD20"), "outside", "nuclei"),
        part("c", ("CD3",), "outside", "tumour"),
    )
    decomposition = Decomposition(parts)
    assert decomposition.names == ("a", "b", "c")
    assert decomposition.channels == ("CD20", "CD3", "PanKRT")
    assert decomposition.regions == ("tumour", "nuclei")


def test_a_good_decomposition_is_accepted():
    parts = [part(kind, kind=kind) for kind in ("cell", "surroundings", "other_cells")]
    parts += [part("in", kind="inside", mask="tumour"), part("out", kind="background")]
    Decomposition(tuple(parts)).validate(make_field())


@pytest.mark.parametrize(
    ("components", "words"),
    [
        ((), ["no component", "Add"]),
        ((part("empty", ()),), ["'empty'", "no channel"]),
        ((part(channels=("PanKrt",)),), ["'part'", "PanKrt", "Did you mean PanKRT?"]),
        ((part(channels=("Zebra",)),), ["Zebra, which the image liver does", "CD3, CD20, PanKRT"]),
        ((part(channels=("CD3", "CD3")),), ["lists channel CD3 twice"]),
        ((part(), part()), ["Two components", "'part'"]),
        ((part(channels=("cd3",)),), ["'part'", "Did you mean CD3?"]),
        ((part(kind="inside", mask="tumor"),), ["no mask 'tumor'", "Did you mean tumour? Masks"]),
    ],
)
def test_what_is_wrong_is_named(components, words):
    with pytest.raises(InvalidComponent) as caught:
        Decomposition(components).validate(make_field())
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("kind", ["cell", "surroundings", "other_cells", "background"])
def test_regions_made_of_cells_need_a_mask(kind):
    with pytest.raises(InvalidComponent, match="no cell mask"):
        Decomposition((part(kind=kind),)).validate(make_field(cells=False))


@pytest.mark.parametrize("kind", ["cell", "surroundings", "other_cells"])
def test_tiles_have_no_own_cell(kind):
    with pytest.raises(InvalidComponent, match="tiles of a grid"):
        Decomposition((part(kind=kind),)).validate(make_field(), sites="grid")
    Decomposition((part(kind="background"),)).validate(make_field(), sites="grid")


@given(
    widths=st.lists(st.none() | st.integers(1, 50), min_size=1, max_size=9),
    total=st.integers(1, 300),
)
def test_widths_fill_the_embedding_or_are_refused(widths, total):
    parts = tuple(part(str(i), width=width) for i, width in enumerate(widths))
    given_ = sum(width or 0 for width in widths)
    open_ = widths.count(None)
    fits = total - given_ >= open_ if open_ else total == given_
    if not fits:
        with pytest.raises(InvalidComponent, match=str(total)):
            Decomposition(parts).widths(total)
        return
    shares = Decomposition(parts).widths(total)
    assert sum(shares) == total
    assert all(share == width for share, width in zip(shares, widths, strict=True) if width)
    free = [share for share, width in zip(shares, widths, strict=True) if width is None]
    assert not free or max(free) - min(free) <= 1


def test_per_channel():
    decomposition = Decomposition.per_channel(CHANNELS)
    assert decomposition.names == CHANNELS
    assert [c.channels for c in decomposition.components] == [(name,) for name in CHANNELS]


regions = st.one_of(
    st.sampled_from(["whole", "cell", "surroundings", "other_cells", "background"]).map(
        lambda kind: Region(kind=kind)
    ),
    st.builds(Region, kind=st.sampled_from(["inside", "outside"]), mask=st.text()),
    st.builds(
        Region,
        kind=st.just("section"),
        section=st.one_of(
            st.floats(0, 0.9).map(lambda edge: Rectangle(top=edge, left=edge)),
            st.floats(0, 3).map(lambda inner: Ring(inner=inner, outer=inner + 0.5)),
        ),
    ),
)
components = st.builds(
    Component,
    name=st.text(min_size=1),
    channels=st.lists(st.text()).map(tuple),
    region=regions,
    width=st.none() | st.integers(1, 99),
    weight=st.floats(0, 10),
)


@given(st.lists(components).map(tuple))
def test_json_is_exact(parts):
    decomposition = Decomposition(parts)
    assert Decomposition.from_json(decomposition.to_json()) == decomposition


@pytest.mark.parametrize("text", ["", "{", "[1]", '[{"name": "a"}]', '[{"nam": "a"}]'])
def test_other_json_is_refused(text):
    with pytest.raises(InvalidComponent, match="no components"):
        Decomposition.from_json(text)


def test_channels_are_found_by_name_in_any_order():
    match = Decomposition.per_channel(CHANNELS).match(("DAPI", "PanKRT", "CD3", "CD20"))
    assert match.order == (2, 3, 1)
    assert match.complete
    assert (match.missing, match.extra, match.renamed) == ((), ("DAPI",), {})


def test_other_spellings_are_suggested_and_count_once_confirmed():
    decomposition = Decomposition.per_channel(("CD45", "PanKRT", "HLA-DR", "FOXP3"))
    image = ("cd-45", "pan_krt", "HLA DR", "DAPI")
    match = decomposition.match(image)
    assert match.order is None
    assert match.missing == ("CD45", "PanKRT", "HLA-DR", "FOXP3")
    assert match.renamed == {"CD45": "cd-45", "PanKRT": "pan_krt", "HLA-DR": "HLA DR"}
    confirmed = decomposition.match(image, match.renamed)
    assert (confirmed.missing, confirmed.extra) == (("FOXP3",), ("DAPI",))
    complete = decomposition.match(image, {**match.renamed, "FOXP3": "DAPI"})
    assert complete.order == (0, 1, 2, 3)


@pytest.mark.parametrize(
    ("wanted", "there", "guess"),
    [
        ("PanKeratin", "PanKeratins", True),
        ("CD8", "CD8a", True),
        ("CD3", "CD8", False),
        ("CD4", "CD45", False),
        ("CD20", "CD2", False),
        ("Ki67", "DAPI", False),
    ],
)
def test_another_number_is_another_marker(wanted, there, guess):
    assert match_channels([wanted], [there]).renamed == ({wanted: there} if guess else {})


def test_a_channel_is_suggested_only_once():
    match = match_channels(["CD45", "cd45"], ["CD-45"])
    assert match.renamed == {"CD45": "CD-45"}


def test_renaming_changes_channels_and_nothing_else():
    decomposition = Decomposition((part("a", ("CD3", "CD20"), "cell"),))
    renamed = decomposition.rename_channels({"CD3": "CD3e"})
    assert renamed == Decomposition((part("a", ("CD3e", "CD20"), "cell"),))
