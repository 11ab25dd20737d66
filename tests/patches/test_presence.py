"""What images have of the components, and what is left out where they lack something."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, Region
from napari_splicer.errors import InvalidComponent
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.patches.presence import (
    Presence,
    absent_components,
    blanked,
    in_place_of_absent,
    said_of_absent,
)

CHANNELS = ("CD3", "CD8", "PanCK", "DNA")
PARTS = Decomposition(
    (
        Component(name="T cell", channels=("CD3", "CD8")),
        Component(name="tumour", channels=("PanCK",)),
        Component(name="nucleus", channels=("DNA",), region=Region(kind="inside", mask="nuclei")),
        Component(name="all", channels=("CD3", "PanCK")),
    )
)


def field(name, channels=CHANNELS, *, nuclei=True):
    image = MultiplexImage.from_array(
        np.zeros((len(channels), 8, 8), np.uint16), channels, name=name
    )
    mask = LabelMask.from_array(np.ones((8, 8), np.uint8), name="nuclei")
    return MaskedImage(image, regions={"nuclei": mask} if nuclei else {})


FIELDS = [
    field("whole"),
    field("no CD8", ("CD3", "PanCK", "DNA")),
    field("no nuclei", nuclei=False),
    field("only tumour", ("PanCK",)),
]


def test_a_component_is_there_where_its_channels_and_mask_are():
    seen = Presence(FIELDS, PARTS, CHANNELS).of(torch.tensor([0, 1, 2, 3]))
    assert seen.components_BN.tolist() == [
        [True, True, True, True],
        [False, True, True, True],
        [True, True, False, True],
        [False, True, False, False],
    ]


def test_the_primary_sees_what_belongs_to_a_component_that_is_there():
    seen = Presence(FIELDS, PARTS, CHANNELS).of(torch.tensor([0, 1, 2, 3]))
    assert seen.channels_BC.tolist() == [
        [True, True, True, True],
        [True, False, True, True],  # CD3 belongs to "all", too
        [True, True, True, True],  # a mask is nothing that the primary sees
        [False, False, True, False],
    ]
    without = Presence(FIELDS[1:2], Decomposition(PARTS.components[:3]), CHANNELS)
    assert without.of(torch.tensor([0])).channels_BC.tolist() == [[False, False, True, True]]


def test_masks_do_not_count_where_only_the_primary_looks():
    absent = ((), ("T cell",), ("nucleus",), ("T cell", "nucleus", "all"))
    assert absent_components(FIELDS, PARTS) == absent
    without = [PARTS.without(each.image.channels) for each in FIELDS]
    assert without == [(), ("T cell",), (), ("T cell", "nucleus", "all")]
    assert Presence(FIELDS[2:3], PARTS, CHANNELS, masks=False).complete
    assert not Presence(FIELDS[2:3], PARTS, CHANNELS).complete


def test_what_is_absent_is_said():
    assert [*said_of_absent(FIELDS, PARTS)] == [
        "no CD8 lacks the channel CD8: the component T cell is left out there.",
        "no nuclei lacks the mask nuclei: the component nucleus is left out there.",
        "only tumour lacks the channels CD3, CD8, DNA: the components T cell, nucleus, all are "
        "left out there.",
    ]


def test_an_image_without_any_component_is_refused():
    with pytest.raises(InvalidComponent, match="lacks something in empty: the channels CD3, CD8"):
        Presence([*FIELDS, field("empty", ("DAPI",))], PARTS, CHANNELS)


@given(st.floats(0.05, 0.95), st.integers(0, 2**31))
def test_dropping_looks_like_a_smaller_panel(chance, seed):
    presence = Presence(FIELDS, PARTS, CHANNELS)
    field_B = torch.arange(4).repeat(16)
    there = presence.of(field_B)
    seen = presence.dropped(field_B, chance, torch.Generator().manual_seed(seed))
    assert not (seen.channels_BC & ~there.channels_BC).any()
    assert not (seen.components_BN & ~there.components_BN).any()
    assert seen.channels_BC.any(dim=1).all()
    for index, component in enumerate(PARTS.components):
        used = torch.tensor([name in component.channels for name in CHANNELS])
        present = seen.channels_BC[seen.components_BN[:, index]]
        assert present[:, used].all()  # all of a present component is seen


def test_components_are_dropped_as_often_as_asked():
    parts = Decomposition.per_channel(CHANNELS)
    presence = Presence(FIELDS[:1], parts, CHANNELS)
    field_B = torch.zeros(20_000, dtype=torch.int64)
    seen = presence.dropped(field_B, 0.4, torch.Generator().manual_seed(0))
    assert seen.components_BN.float().mean(dim=0).tolist() == pytest.approx([0.9] * 4, abs=0.01)
    assert torch.equal(seen.components_BN, seen.channels_BC)
    assert (~seen.components_BN).sum(dim=1).max() == 1


def test_a_component_of_all_channels_beside_many_single_ones_is_mostly_kept():
    parts = Decomposition(
        (*Decomposition.per_channel(CHANNELS).components, Component(name="all", channels=CHANNELS))
    )
    presence = Presence(FIELDS[:1], parts, CHANNELS)
    field_B = torch.zeros(5_000, dtype=torch.int64)
    seen = presence.dropped(field_B, 0.1, torch.Generator().manual_seed(0))
    assert seen.components_BN[:, 4].float().mean() == pytest.approx(0.92, abs=0.01)


def test_blanked_is_zero_where_not_seen_and_itself_elsewhere():
    x_BCHW = torch.rand(2, 3, 4, 4) + 1
    seen_BC = torch.tensor([[True, False, True], [True, True, True]])
    out_BCHW = blanked(x_BCHW, seen_BC)
    assert torch.equal(out_BCHW[seen_BC], x_BCHW[seen_BC])
    assert not out_BCHW[~seen_BC].any()
    assert blanked(x_BCHW, torch.ones_like(seen_BC)) is x_BCHW


def test_patches_that_lack_a_component_are_replaced_by_some_that_have_it():
    rows_B = in_place_of_absent(torch.tensor([False, True, False, True, False]))
    assert rows_B is not None
    assert rows_B.tolist() == [1, 1, 3, 3, 1]
    assert in_place_of_absent(torch.ones(3, dtype=torch.bool)) is None
    assert in_place_of_absent(torch.zeros(3, dtype=torch.bool)) is None


def test_without_components_all_channels_must_be_there():
    presence = Presence(FIELDS[:1], Decomposition(()), CHANNELS)
    assert presence.complete
    assert replace(PARTS, components=()).names == ()
    assert absent_components(FIELDS, Decomposition(())) == ((),) * 4
