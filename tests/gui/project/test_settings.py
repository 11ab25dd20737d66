"""Which settings a project keeps, and what of images that wait."""

from __future__ import annotations

from opening import show_image_file, show_mask_file

from napari_splicer.config import CellType, TaughtSettings


def test_that_files_may_be_replaced_holds_for_this_time_only(window, tmp_path, open_again) -> None:
    wanted = {"export.overwrite": True, "export.formats": ["csv"], "training.steps": 7}
    window.session.settings = window.session.settings.with_values(wanted)
    window.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer").session.settings
    assert not again.export.overwrite
    assert again.export.formats == ("csv",)
    assert again.training.steps == 7


def test_work_on_an_image_that_waits_comes_back_with_it(
    grouped, images, field, tmp_path, open_again
) -> None:
    field(images, "right", seed=1)
    session = grouped.session
    names = tuple(session.table.obs_names[:2])
    lesson = TaughtSettings(types=(CellType(name="B", cells=names),))
    session.lesson = lesson
    session.show_group(0, False)
    show_image_file(grouped.link, str(images / "right.ome.tif"))
    show_mask_file(grouped.link, str(images / "right_mask.tif"))
    assert session.lesson == TaughtSettings()
    grouped.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer")
    assert again.session.image.name == "right"
    assert again.session.lesson == TaughtSettings()
    assert again.session.hidden == {}
    left = next(c for c in again.link.images() if c.title.startswith("left"))
    again.link.show_image(left)
    assert again.session.lesson == lesson
    assert not again.session.groups[0].visible
