from __future__ import annotations

import json
from datetime import UTC, datetime

from napari_splicer.gui import recent_models as recent
from napari_splicer.gui.recent_models import RecentModel, forget_model, note_model, recent_models


def test_the_last_one_comes_first_and_none_twice(tmp_path) -> None:
    for name in ("a", "b", "a"):
        note_model(str(tmp_path / name), ["T cells"], ["CD3", "CD8"])
    assert [model.name for model in recent_models()] == ["a", "b"]
    assert recent_models()[0].components == ("T cells",)
    for number in range(20):
        note_model(f"hf://lab/m{number}@1", [], ["CD3"])
    assert len(recent_models()) == recent.MOST
    assert recent_models()[0].name == "lab/m19"


def test_those_that_are_gone_are_told_and_can_be_forgotten(tmp_path) -> None:
    (tmp_path / "here").mkdir()
    for source in (str(tmp_path / "gone"), str(tmp_path / "here"), "https://example.org/m.zip"):
        note_model(source, [], [])
    assert [model.missing for model in recent_models()] == [False, False, True]
    forget_model(str(tmp_path / "gone"))
    assert [model.name for model in recent_models()] == ["m", "here"]


def test_a_list_that_is_damaged_is_an_empty_one(home) -> None:
    good = RecentModel("/a", ("T",), ("CD3",), "2026-01-02T03:04:05+00:00")
    entries = [vars(good), {"source": 3}, "x", {**vars(good), "used": "long ago"}, None]
    recent.list_file().write_text(json.dumps(entries))
    assert recent_models() == (good,)
    recent.list_file().write_text("{")
    assert recent_models() == ()


def test_what_is_in_it_is_said_in_words() -> None:
    model = RecentModel("/a", ("T",), ("CD3", "CD8"), "2026-01-02T03:04:05+00:00")
    then = datetime(2026, 1, 2, 20, tzinfo=UTC)
    assert model.about(then) == "1 component · 2 ch · today 03:04"
    assert model.about(then.replace(month=3)).endswith(" · 2 Jan 2026")
