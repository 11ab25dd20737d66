"""Which settings a project keeps."""

from __future__ import annotations


def test_that_files_may_be_replaced_holds_for_this_time_only(window, tmp_path, open_again) -> None:
    wanted = {"export.overwrite": True, "export.formats": ["csv"], "training.steps": 7}
    window.session.settings = window.session.settings.with_values(wanted)
    window.save(tmp_path / "a.splicer")
    again = open_again(tmp_path / "a.splicer").session.settings
    assert not again.export.overwrite
    assert again.export.formats == ("csv",)
    assert again.training.steps == 7
