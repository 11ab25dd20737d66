"""What could cost a person their work: odd names, missing files, examples by the thousand."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import zarr
from anndata.io import write_elem
from opening import show_image_file, show_mask_file

from napari_splicer.analysis.teaching import taught_settings, teach
from napari_splicer.errors import CannotWrite
from napari_splicer.gui import commands, editing, lessons
from napari_splicer.gui.naming import rename_channels
from napari_splicer.gui.project import record
from napari_splicer.gui.project.opening import Wanted, open_project
from napari_splicer.gui.project.record import RECORD, read_record
from napari_splicer.shares import finish


@pytest.fixture
def plain(window):
    """A window with groups by mean intensity."""
    window.run(commands.embed(window.session, with_model=False))
    window.run(commands.cluster(window.session))
    return window


@pytest.fixture
def taught(plain):
    """The same, with two types taught, and a third that has no examples."""
    session = plain.session
    for name in ("A", "B", "C"):
        lessons.add_type(session, name)
    lessons.show(session, 0, session.ids()[:4])
    lessons.show(session, 1, session.ids()[4:8])
    lessons.choose_sources(session, ["intensity"])
    lessons.keep(session, teach(session.table, session.lesson))
    return plain


@pytest.mark.parametrize(
    "name", ["+CD3", "10 µm²", "½", "日本 ☃", "x" * 300, "組織" * 60, "..", " "]
)
def test_a_painted_mask_of_any_name_comes_back(window, tmp_path, open_again, name) -> None:
    layer = window.link.mask_layer
    layer.name, layer.data = name, np.asarray(layer.data) + 1
    window.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    np.testing.assert_array_equal(again.link.mask_layer.data, layer.data)
    again.save(tmp_path / "a.splicer")


def test_an_image_of_an_odd_name_is_saved(window, images, tmp_path, open_again) -> None:
    name = "+10 µm² 日本" + "組" * 60
    shutil.copy(images / "left.ome.tif", images / f"{name}.ome.tif")
    show_image_file(window.link, str(images / f"{name}.ome.tif"))
    show_mask_file(window.link, str(images / "left_mask.tif"))
    window.run(commands.embed(window.session, with_model=False))
    window.save(tmp_path / "a b" / f"{name[:40]}.splicer")
    again = open_again(tmp_path / "a b" / f"{name[:40]}.splicer")
    assert again.session.table is not None
    assert again.session.image.name == name


def test_a_table_stays_whose_image_was_taken_away(plain, tmp_path, open_again) -> None:
    for layer in plain.link.image_layers:
        plain.viewer.layers.remove(layer)
    plain.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    again.session.select(again.session.ids()[:2])
    again.save(tmp_path / "a.splicer")
    once_more = open_again(tmp_path / "a.splicer")
    assert once_more.session.groups == plain.session.groups
    assert len(once_more.session.selection) == 2


def test_results_of_an_image_that_changed_stay_when_another_is_chosen(
    plain, images, tmp_path, open_again, field
) -> None:
    field(images, "right", seed=1)
    image = plain.session.image
    rename_channels(plain.session, image.with_channels([f"{c} x" for c in image.channels]))
    plain.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    show_image_file(again.link, str(images / "right.ome.tif"))
    show_mask_file(again.link, str(images / "right_mask.tif"))
    again.run(commands.embed(again.session, with_model=False))
    again.save(tmp_path / "a.splicer")
    assert [f.table is None for f in read_record(tmp_path / "a.splicer").fields] == [False, False]


def test_a_project_is_known_to_be_opened_in_part(plain, images, tmp_path, new_window) -> None:
    plain.save(tmp_path / "a.splicer")
    window = new_window()
    assert window.restore(finish(open_project(Wanted(tmp_path / "a.splicer"))))
    (images / "left.ome.tif").unlink()
    window = new_window()
    assert not window.restore(
        finish(open_project(Wanted(tmp_path / "a.splicer", as_they_are=True)))
    )
    said = "and 1 more could not be opened again. The project stays as it is"
    assert said in window.session.notice.text


def test_a_window_is_emptied_where_a_project_cannot_be_put_into_it(
    plain, tmp_path, new_window, monkeypatch
) -> None:
    plain.save(tmp_path / "a.splicer")
    window = new_window()
    opened = finish(open_project(Wanted(tmp_path / "a.splicer")))

    def fail(*_: object) -> None:
        raise RuntimeError("no such thing")

    monkeypatch.setattr("napari_splicer.gui.project.restore._take_up_work", fail)
    with pytest.raises(RuntimeError):
        window.restore(opened)
    assert list(window.viewer.layers) == []
    assert window.session.table is None
    window.viewer.add_image(np.zeros((9, 9)), name="DAPI")
    assert window.session.image.channels == ("DAPI",)


def test_a_record_that_could_not_be_read_again_replaces_nothing(
    plain, tmp_path, monkeypatch
) -> None:
    path = tmp_path / "a.splicer"
    plain.save(path)
    before = (path / RECORD).read_bytes()
    tables = sorted((path / "tables").iterdir())
    editing.rename(plain.session, 0, "immune")
    monkeypatch.setattr(record, "_LARGEST", len(before))
    with pytest.raises(CannotWrite, match="could not be read again"):
        plain.save(path)
    assert (path / RECORD).read_bytes() == before
    assert sorted((path / "tables").iterdir()) == tables


def test_the_place_of_an_image_holds_in_another_folder(window, images, tmp_path, monkeypatch):
    monkeypatch.chdir(images)
    show_image_file(window.link, "left.ome.tif")
    saved = window.save(tmp_path / "a.splicer")
    assert {o.path for o in saved.origins} == {
        str(images / "left.ome.tif"),
        str(images / "left_mask.tif"),
    }


def test_examples_by_the_thousand_are_kept_once(plain, tmp_path, open_again) -> None:
    session = plain.session
    lessons.add_type(session, "A")
    lesson = session.lesson
    many = tuple(f"left_{number}" for number in range(50_000))
    shown = lesson.model_copy(
        update={"types": (lesson.types[0].model_copy(update={"cells": many}),)}
    )
    with session.history.step("Show many"):
        session.lesson = shown
    for number in range(20):
        session.select(session.ids()[: number + 1])
    plain.save(tmp_path / "a.splicer")
    assert (tmp_path / "a.splicer" / RECORD).stat().st_size < 2_500_000
    again = open_again(tmp_path / "a.splicer")
    assert again.session.lesson == shown
    while again.session.history.undo():
        session.history.undo()
        assert again.session.lesson == session.lesson


def test_a_taught_group_can_not_take_the_name_of_a_type_without_cells(taught) -> None:
    session = taught.session
    for name in ("C", "unassigned"):
        assert not editing.rename(session, 0, name)
        assert "already" in session.notice.text
    assert editing.rename(session, 0, "tumour")
    assert [kind.name for kind in session.lesson.types] == ["tumour", "B", "C"]


def test_taking_back_a_name_takes_it_back_in_what_the_table_says_of_examples(
    taught, tmp_path, open_again
) -> None:
    session = taught.session
    editing.rename(session, 0, "tumour")
    editing.recolour(session, 1, "#123456")
    taught.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer").session
    for each in (session, again):
        while each.history.next_undo.startswith(("Rename", "Colour")):
            each.history.undo()
            assert lessons.is_kept(each)
        assert [group.name for group in each.groups] == ["A", "B"]
        noted = taught_settings(each.table, each.clustering)
        assert [kind.name for kind in noted.types] == ["A", "B", "C"]
        each.history.redo()
        each.history.redo()
        noted = taught_settings(each.table, each.clustering)
        assert [kind.name for kind in noted.types] == ["tumour", "B", "C"]
        assert noted.types[1].colour == "#123456"


def pieces(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))


@pytest.mark.parametrize(
    "part",
    ["X", "obs/instance_id", "obs/splicer_cluster/codes", "obs/y", "uns/splicer_cluster_colors"],
)
@pytest.mark.parametrize("how", ["truncated", "missing"])
def test_a_damaged_table_is_not_taken_for_another(plain, tmp_path, open_again, part, how) -> None:
    path = tmp_path / "a.splicer"
    plain.save(path)
    (table,) = (path / "tables").iterdir()
    piece = pieces(table / part)[0]
    piece.write_bytes(piece.read_bytes()[: piece.stat().st_size // 2])
    if how == "missing":
        piece.unlink()
    again = open_again(path)
    assert again.session.table is None
    assert table.name in again.session.notice.text
    assert again.session.image is not None
    again.session.opacity = 0.2
    again.save(path)
    assert table.exists()


@pytest.mark.parametrize("how", ["truncated", "missing"])
def test_a_damaged_mask_is_not_taken_for_another(plain, tmp_path, new_window, how) -> None:
    path = tmp_path / "a.splicer"
    plain.link.mask_layer.data = np.asarray(plain.link.mask_layer.data) + 1
    plain.save(path)
    piece = pieces(path / "layers")[0]
    piece.write_bytes(piece.read_bytes()[: piece.stat().st_size // 2])
    if how == "missing":
        piece.unlink()
    window = new_window()
    assert not window.restore(finish(open_project(Wanted(path))))
    assert window.link.mask_layer is None
    assert "can't be read" in window.session.notice.text


def test_an_array_in_another_order_of_bytes_comes_back(new_window, tmp_path, open_again) -> None:
    window = new_window()
    pixels = np.arange(4096, dtype=">u2").reshape(64, 64)
    window.viewer.add_image(pixels, name="big end first")
    window.save(tmp_path / "a.splicer", keep_images=True)
    again = open_again(tmp_path / "a.splicer")
    np.testing.assert_array_equal(again.viewer.layers[0].data, pixels)


def test_a_name_given_while_cells_are_grouped_stays_in_what_the_table_says(taught) -> None:
    session = taught.session
    run = commands.cluster(session)
    commands.begin(session, run)
    events = list(run.events())
    editing.rename(session, 0, "tumour")
    commands.apply(session, run, events)
    assert session.clustering == run.config.clusterings[0].name
    noted = taught_settings(session.table, "taught")
    assert [kind.name for kind in noted.types] == ["tumour", "B", "C"]
    assert "tumour" in session.table.obs["taught"].cat.categories


@pytest.mark.parametrize("said", ["{", '{"types": 3}', ""])
def test_examples_that_can_not_be_read_are_a_damaged_table(taught, tmp_path, said) -> None:
    taught.save(tmp_path / "a.splicer")
    (table,) = (tmp_path / "a.splicer" / "tables").iterdir()
    group = zarr.open_group(table, mode="r+", zarr_format=2, use_consolidated=False)
    write_elem(group["uns/splicer/clusterings/taught"], "examples", said)
    zarr.consolidate_metadata(group.store, zarr_format=2)
    contents = finish(open_project(Wanted(tmp_path / "a.splicer"))).contents
    assert contents.tables == (None,)
    assert "the groups taught can't be read" in contents.remarks[0]


def test_numbers_that_a_table_notes_are_looked_at(plain, tmp_path) -> None:
    path = tmp_path / "a.splicer"
    plain.save(path)
    assert finish(open_project(Wanted(path))).contents.remarks == ()
    for piece in pieces(path / "tables"):
        if "pixel_sizes" in piece.parts and "y_um" in piece.parts:
            piece.unlink()
    contents = finish(open_project(Wanted(path))).contents
    assert contents.tables[0] is not None
    assert "how they were made may not be" in contents.remarks[0]
