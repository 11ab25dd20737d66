from __future__ import annotations

import numpy as np
import pytest

from napari_splicer.errors import InvalidPanel, UnreadableFile
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.open import open_image
from napari_splicer.images.panel import read_panel

STEINBOCK = """channel,name,keep,ilastik
In113,HH3,1,1
La139,,0,
Pr141,SMA,1,2
Nd143,CD3,1,3
"""
MCMICRO = """channel_number,cycle_number,marker_name,Filter,remove
2,1,AF1,FITC,TRUE
1,1,DNA1,DAPI,
3,2,CD8,Cy5,
"""


def image(count, channels=None):
    planes = np.arange(count, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    return MultiplexImage.from_array(planes, channels, name="roi")


def panel(tmp_path, text):
    path = tmp_path / "panel.csv"
    path.write_text(text, encoding="utf-8-sig")
    return read_panel(path)


def planes(one):
    return one.read(0, 1, 0, 1).ravel().tolist()


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_steinbock_panel_by_order(tmp_path, separator):
    named = panel(tmp_path, STEINBOCK.replace(",", separator)).apply(image(4))
    assert named.channels == ("HH3", "SMA", "CD3")
    assert planes(named) == [0, 2, 3]


def test_steinbock_panel_for_an_image_that_holds_kept_channels_only(tmp_path):
    named = panel(tmp_path, STEINBOCK).apply(image(3))
    assert named.channels == ("HH3", "SMA", "CD3")
    assert planes(named) == [0, 1, 2]


def test_channels_are_matched_by_name_where_the_image_has_those(tmp_path):
    named = panel(tmp_path, STEINBOCK).apply(image(2, ["Nd143", "In113"]))
    assert named.channels == ("CD3", "HH3")
    assert planes(named) == [0, 1]


TOLD = ["DAPI", "CD45", "CD3", "Pan-CK"]


def test_names_that_share_little_with_those_that_the_image_has_are_doubted(tmp_path):
    other = panel(tmp_path, "name\nHH3\nSMA\nCD31\nVimentin\n")
    doubt = other.doubt(image(4, TOLD))
    assert "none of 4 is like" in doubt
    assert "(DAPI → HH3, CD45 → SMA, CD3 → CD31, …)" in doubt
    assert open_image(image(4, TOLD), panel=other).remarks[-1] == doubt
    mostly = panel(tmp_path, "name\nDAPI\nSMA\nCD31\nVimentin\n").doubt(image(4, TOLD))
    assert "only 1 of 4 is like" in mostly


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name\nDNA\nCD45\nCD3e\npan CK\n", TOLD),  # spelt otherwise
        ("name\nCD3\nPan-CK\nDAPI\nCD45\n", TOLD),  # by name
        ("channel,name\nIn113,HH3\nEr170,CD3\n", ["Er170", "In113"]),  # by channel
        ("name\nHH3\nSMA\nCD31\nVimentin\n", None),  # no name before
        ("name\nHH3\nSMA\nCD31\nVimentin\n", ["roi", "roi [1]", "roi [2]", "roi [3]"]),
        ("name\nHH3\nSMA\n", ["C0", "Channel:0:1"]),
    ],
)
def test_nothing_is_doubted_where_names_agree_or_were_none(tmp_path, text, names):
    found = panel(tmp_path, text)
    fields = image(len(found.markers), names)
    assert found.doubt(fields) == ""
    assert open_image(fields, panel=found).remarks == found.apply(fields).remarks


def test_mcmicro_markers_are_sorted_and_removed(tmp_path):
    named = panel(tmp_path, MCMICRO).apply(image(3))
    assert named.channels == ("DNA1", "CD8")
    assert planes(named) == [0, 2]


def test_markers_without_a_name_take_the_channels(tmp_path):
    text = "channel,name,keep\nIn113,,1\nLa139,CD3,1\n"
    assert panel(tmp_path, text).apply(image(2)).channels == ("In113", "CD3")


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (("1,2,DNA2", "2,2,CD8", "1,1,DNA1", "2,1,CD3"), ("DNA1", "CD3", "DNA2", "CD8")),
        (("1,,DNA1", "2,,CD3", "1,,DNA2", "2,,CD8"), ("DNA1", "CD3", "DNA2", "CD8")),
        (("1,1,DNA1", "2,1,CD3", "1,1,DNA2", "2,1,CD8"), ("DNA1", "CD3", "DNA2", "CD8")),
        (("4,1,CD8", "1,2,DNA1", "3,1,DNA2", "2,2,CD3"), ("DNA1", "CD3", "DNA2", "CD8")),
    ],
)
def test_numbers_of_channels_that_begin_anew_in_every_cycle_do_not_mix_the_cycles(
    tmp_path, rows, names
):
    text = "\n".join(("channel_number,cycle_number,marker_name", *rows))
    assert panel(tmp_path, text).apply(image(4)).channels == names


def test_a_marker_without_name_is_grouped_by_its_channel(tmp_path):
    text = "channel,name,group\nEr170,CD3,immune\nYb171,,immune\n"
    assert panel(tmp_path, text).groups == {"immune": ("CD3", "Yb171")}


def test_groups_of_kept_markers(tmp_path):
    text = "name,keep,group\nCD3,1,immune\nSMA,1,stroma\nCD8,1,immune\nCD4,0,immune\nDNA,1,\n"
    assert panel(tmp_path, text).groups == {"immune": ("CD3", "CD8"), "stroma": ("SMA",)}
    assert panel(tmp_path, STEINBOCK).groups == {}


def test_groups_name_channels_as_the_image_does(tmp_path):
    found = panel(tmp_path, "name,group\nDNA,nuclei\nDNA,nuclei\n,rest\nDNA,rest\n")
    named = found.apply(image(4)).channels
    assert found.groups == {"nuclei": named[:2], "rest": named[2:]}
    assert len(set(named)) == 4


def test_case_makes_no_group_and_a_missing_value_is_none(tmp_path):
    text = "name,group\nCD3,Immune\nCD8,immune\nSMA,NA\nCD31,nan\nDNA,None\n"
    assert panel(tmp_path, text).groups == {"Immune": ("CD3", "CD8")}


def test_counts_that_disagree_are_both_named(tmp_path):
    with pytest.raises(InvalidPanel, match=r"lists 4 markers \(3 of them kept\), but roi has 5 ch"):
        panel(tmp_path, STEINBOCK).apply(image(5))
    with pytest.raises(InvalidPanel, match=r"lists 2 markers, but roi has 3 channels"):
        panel(tmp_path, "marker_name\nCD3\nCD8\n").apply(image(3))


def test_a_panel_that_keeps_nothing_is_refused(tmp_path):
    with pytest.raises(InvalidPanel, match="keeps none"):
        panel(tmp_path, "name,keep\nCD3,0\nCD8,0\n").apply(image(2))


@pytest.mark.parametrize("text", ["", "channel,keep\nIn113,1\n", "just words"])
def test_a_file_without_names_is_refused(tmp_path, text):
    with pytest.raises(UnreadableFile, match=r"no column 'name' or 'marker_name'"):
        panel(tmp_path, text)


def test_a_panel_without_rows_is_refused(tmp_path):
    with pytest.raises(InvalidPanel, match="lists no marker"):
        panel(tmp_path, "channel,name,keep\n")


def test_missing_and_binary_files_are_refused(tmp_path):
    with pytest.raises(
        UnreadableFile, match=r"gone\.csv cannot be read \(No such file or directory\)"
    ):
        read_panel(tmp_path / "gone.csv")
    (tmp_path / "image.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(UnreadableFile, match=r"image\.csv is not a table in plain text"):
        read_panel(tmp_path / "image.csv")


def test_opening_with_a_panel(tmp_path):
    (tmp_path / "panel.csv").write_text(STEINBOCK)
    opened = open_image(np.zeros((4, 5, 5)), panel=tmp_path / "panel.csv", name="roi")
    assert opened.channels == ("HH3", "SMA", "CD3")


def test_markers_are_matched_by_name_where_the_image_has_their_names(tmp_path):
    text = "name,group,keep\nCD8,immune,1\nSMA,stroma,0\nCD3,immune,1\n"
    named = panel(tmp_path, text).apply(image(3, ["CD3", "CD8", "SMA"]))
    assert named.channels == ("CD3", "CD8")
    assert planes(named) == [0, 1]


def test_what_does_not_fit_is_named(tmp_path):
    many = panel(tmp_path, "marker_name\nCD3\n\nCD8\nCD4\n")
    with pytest.raises(InvalidPanel, match=r"From line 5 \(CD4\) on, there is no channel left"):
        many.apply(image(2))
    with pytest.raises(InvalidPanel, match=r"From channel 4 \(Channel 4\) on, there is no row"):
        many.apply(image(5))
    with pytest.raises(InvalidPanel, match=r"It has no row for CD20\."):
        many.apply(image(4, ["CD8", "CD4", "CD20", "CD3"]))


def test_short_rows_are_filled_and_long_ones_refused_by_line(tmp_path):
    assert panel(tmp_path, "channel,name\nIn113\nEr170,CD3\n").apply(image(2)).channels == (
        "In113",
        "CD3",
    )
    with pytest.raises(InvalidPanel, match=r"Line 3 of the panel file .*panel\.csv has more cells"):
        panel(tmp_path, "name,group\nCD3,immune\nHLA-A,B,C,all\n")
