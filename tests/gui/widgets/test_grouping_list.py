"""Groupings are chosen from a list, whose tips say how each was made."""

from __future__ import annotations

import pytest

from napari_splicer.analysis.noted import as_noted
from napari_splicer.config import ClusteringSettings
from napari_splicer.gui.widgets.grouping_list import GroupingList


@pytest.mark.parametrize(
    ("method", "used", "unused"),
    [
        ("leiden", ("resolution 1.0", "neighbours 15"), ("clusters",)),
        ("kmeans", ("clusters 8",), ("resolution", "neighbours")),
    ],
)
def test_the_tip_lists_what_the_method_uses(qtbot, session, method, used, unused) -> None:
    made = ClusteringSettings(name="kind", source="intensity", method=method)
    session.table.uns["splicer"]["clusterings"]["kind"] = as_noted(made)
    groupings = GroupingList(session)
    qtbot.addWidget(groupings)
    tip = groupings.list.item(0).toolTip()
    assert f"method {method}" in tip
    assert all(setting in tip for setting in used)
    assert not any(setting in tip for setting in unused)
