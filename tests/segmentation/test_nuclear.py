from __future__ import annotations

import pytest

from napari_splicer.errors import MissingChannels
from napari_splicer.segmentation.nuclear import chosen_channels, nuclear_channel


@pytest.mark.parametrize(
    "name",
    [
        "DNA",
        "DNA_1",
        "dsDNA_89Y",
        "DAPI",
        "DAPI (2)",
        "Hoechst33342",
        "191Ir_DNA1",
        "Ir191",
        "193Ir",
        "HH3",
        "H3",
        "Histone H3",
        "DRAQ5",
        "nuclei",
        "Nuc",
        "H3K27Ac",
    ],
)
def test_names_of_nuclear_stains_are_known(name: str) -> None:
    assert nuclear_channel(["CD3", "Ki67", name, "FOXP3"]) == name


@pytest.mark.parametrize(
    "name", ["CD3", "DNase1", "DNA-PK", "B7-H3", "Ki67", "Nucleolin", "Background", "Irf4"]
)
def test_names_of_other_markers_are_not(name: str) -> None:
    assert nuclear_channel([name]) is None


def test_dna_is_trusted_more_than_histones() -> None:
    assert nuclear_channel(["Nuc", "H3K27Ac", "HH3", "DAPI", "DNA1"]) == "DNA1"


def test_channels_that_are_not_there_are_named(tissue) -> None:
    assert chosen_channels(tissue.image, ()) == ("DNA",)
    assert chosen_channels(tissue.image, ("CD3",)) == ("CD3",)
    with pytest.raises(MissingChannels, match="no channel DAPI"):
        chosen_channels(tissue.image, ("DAPI",))
    with pytest.raises(MissingChannels, match="Say which one is: CD3, CD8"):
        chosen_channels(tissue.image.select(["CD3", "CD8"]), ())
