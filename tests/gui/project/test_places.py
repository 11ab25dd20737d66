"""Files of a project that were moved, renamed, or hold something else by now."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from opening import show_image_file, show_mask_file

from napari_splicer.gui.project.places import look_in
from napari_splicer.gui.readiness import resolve


def test_a_project_travels_with_its_images(project, images, tmp_path, open_again, grouped) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(project, elsewhere / project.name)
    shutil.move(images, elsewhere / images.name)
    again = open_again(elsewhere / project.name)
    assert again.session.groups == grouped.session.groups
    assert again.session.image.source == str(elsewhere / "images" / "left.ome.tif")
    again.save(elsewhere / project.name)
    shutil.move(elsewhere / project.name, tmp_path / project.name)
    assert open_again(tmp_path / project.name).session.table is not None


def test_moved_images_are_asked_for_and_found_in_their_folder(
    project, images, tmp_path, ask, open_again
) -> None:
    new = tmp_path / "archive"
    shutil.move(images, new / "of 2024" / "images")
    question = ask(project)
    assert {place.path.name for place in question.missing} == {"left.ome.tif", "left_mask.tif"}
    assert question.changed == ()
    assert look_in(tmp_path, question.missing) == {}
    for folder in (new / "of 2024", new / "of 2024" / "images"):
        found = look_in(folder, question.missing)
        again = open_again(project, moved=found)
        assert resolve(again.session.snapshot()).steps["cluster"].status == "done"
    again.save(project)
    assert open_again(project).session.table is not None


def test_paths_of_another_system_are_found_by_their_names(images, ask, project) -> None:
    (place, _) = ask_after_moving(images, ask, project)
    there = dataclasses.replace(place, path=Path("D:\\data\\left.ome.tif"))
    assert look_in(images.with_name("moved"), [there]) == {
        place.origin: images.with_name("moved") / "left.ome.tif"
    }


def ask_after_moving(images, ask, project):
    shutil.move(images, images.with_name("moved"))
    return ask(project).missing


@pytest.mark.parametrize("name", ["left.ome.tif", "left_mask.tif"])
def test_a_file_that_has_changed_is_said_and_puts_results_out_of_date(
    project, images, ask, open_again, name, grouped
) -> None:
    pixels = tifffile.imread(images / name)
    pixels[..., 80, 80:90] += 1
    if "mask" in name:
        tifffile.imwrite(images / name, pixels)
    else:
        meta = {"axes": "CYX", "Channel": {"Name": list(grouped.session.image.channels)}}
        tifffile.imwrite(images / name, pixels, ome=True, metadata=meta)
    question = ask(project)
    assert [place.path.name for place in question.changed] == [name]
    assert question.missing == ()
    again = open_again(project, as_they_are=True)
    assert resolve(again.session.snapshot()).steps["embed"].status == "stale"
    assert again.session.groups == grouped.session.groups
    again.save(project)
    once_more = open_again(project)
    assert resolve(once_more.session.snapshot()).steps["embed"].status == "stale"


def test_the_same_pixels_written_in_another_way_are_the_same(project, images, open_again) -> None:
    labels = tifffile.imread(images / "left_mask.tif")
    tifffile.imwrite(images / "left_mask.tif", labels, compression="zlib", tile=(64, 64))
    assert open_again(project).session.table_fits


def test_a_single_cell_drawn_anew_in_a_mask_is_noticed(project, images, ask) -> None:
    labels = tifffile.imread(images / "left_mask.tif")
    labels[2, 2] = np.iinfo(labels.dtype).max
    tifffile.imwrite(images / "left_mask.tif", labels)
    assert ask(project).changed


def test_without_its_image_the_results_are_still_there(
    project, images, open_again, grouped
) -> None:
    (images / "left.ome.tif").unlink()
    again = open_again(project, as_they_are=True)
    assert again.session.image is None
    assert again.session.groups == grouped.session.groups
    assert "could not be opened again" in again.session.notice.text


def test_results_of_an_image_that_is_gone_stay_in_the_folder(
    grouped, images, tmp_path, open_again, field
) -> None:
    field(images, "right", seed=1)
    show_image_file(grouped.link, str(images / "right.ome.tif"))
    show_mask_file(grouped.link, str(images / "right_mask.tif"))
    path = tmp_path / "two.splicer"
    grouped.save(path)
    (images / "left_mask.tif").unlink()
    again = open_again(path, as_they_are=True)
    assert again.session.image.name == "right"
    assert "the results stay in" in again.session.notice.text
    again.save(path)
    again.save(path)
    assert len(list((path / "tables").iterdir())) == 1


def test_a_folder_that_one_may_not_look_into_has_no_file(
    window, tmp_path, ask, images, monkeypatch
) -> None:
    window.save(tmp_path / "a.splicer")
    exists = Path.exists

    def refused(path: Path) -> bool:
        if path.name.startswith("left"):
            raise PermissionError(13, "Permission denied")
        return exists(path)

    monkeypatch.setattr(Path, "exists", refused)
    question = ask(tmp_path / "a.splicer")
    assert {place.path for place in question.missing} == {
        images / "left.ome.tif",
        images / "left_mask.tif",
    }
