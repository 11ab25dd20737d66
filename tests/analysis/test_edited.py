"""Groups that a person merged, named and coloured, made so again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from pydantic import ValidationError

from napari_splicer import pipeline
from napari_splicer.analysis.clustering import clusterings
from napari_splicer.analysis.edited import edit_again, edited_groups
from napari_splicer.analysis.groups import colours_of, edits_of, note_edits
from napari_splicer.analysis.regrouping import Groups
from napari_splicer.config import EditedGroups, RunConfig
from napari_splicer.embedding.table import read_table
from napari_splicer.events import Warned
from napari_splicer.export.tables import write_h5ad

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

CONFIG = RunConfig().with_values(
    {"clusterings": [{"name": "kinds", "source": "intensity", "method": "kmeans", "clusters": 6}]}
)


@pytest.fixture
def found(table: AnnData) -> AnnData:
    grouped: AnnData = pipeline.run(pipeline.cluster(table, CONFIG))
    return grouped


def edit(table: AnnData) -> AnnData:
    """Do what a person may do to six groups."""
    edited = table.copy()
    groups, edits = Groups.of(edited, "kinds"), []

    def done(changed: Groups, words: str) -> None:
        nonlocal groups
        groups = changed
        edits.append(words)

    done(groups.merged([0, 3, 5]), "merge 4, 6 into 1")
    done(groups.renamed(0, "T to B"), "rename 1 to T to B")
    done(groups.renamed(1, "1"), "rename 2 to 1")
    done(groups.recoloured(1, "#123456"), "colour 1")
    done(groups.merged([0, 2]), "merge 3 into T to B")
    groups.put(edited, "kinds")
    note_edits(edited, "kinds", tuple(edits))
    return edited


def same_groups(one: AnnData, other: AnnData) -> bool:
    other = other[one.obs_names]
    return (
        one.obs["kinds"].astype(str).equals(other.obs["kinds"].astype(str))
        and list(one.obs["kinds"].cat.categories) == list(other.obs["kinds"].cat.categories)
        and colours_of(one, "kinds") == colours_of(other, "kinds")
        and edits_of(one, "kinds") == edits_of(other, "kinds")
    )


def test_groups_are_merged_named_and_coloured_again(found: AnnData, tmp_path: Path) -> None:
    edited = edit(found)
    write_h5ad(edited, tmp_path / "a.h5ad")
    told = edited_groups(read_table(tmp_path / "a.h5ad"), "kinds")
    assert told is not None
    assert [(group.name, set(group.found)) for group in told.groups] == [
        ("T to B", {"1", "3", "4", "6"}),
        ("1", {"2"}),
        ("5", {"5"}),
    ]
    config = CONFIG.with_values({"clusterings.0.edited": told.model_dump()})
    shuffled = found[np.random.default_rng(0).permutation(found.n_obs)].copy()
    for table in (found.copy(), shuffled):
        assert edit_again(table, "kinds", told)
        assert same_groups(edited, table)
    events = list(pipeline.cluster(found, config, replace=True))
    assert not [event for event in events if isinstance(event, Warned)]
    again = events[-1].result
    assert same_groups(edited, again)
    assert clusterings(again) == clusterings(found)
    assert edited_groups(again, "kinds") == told
    write_h5ad(again, tmp_path / "again.h5ad")


def test_other_groups_stay_as_they_were_found_and_that_is_said(found: AnnData) -> None:
    told = edited_groups(edit(found), "kinds")
    assert told is not None
    fewer = {"clusterings.0.clusters": 5}
    values = {"clusterings.0.edited": told.model_dump(), **fewer}
    events = list(pipeline.cluster(found, CONFIG.with_values(values), replace=True))
    (said,) = (event.message for event in events if isinstance(event, Warned))
    assert "'kinds' are not the very same ones that were merged" in said
    plain = pipeline.run(pipeline.cluster(found, CONFIG.with_values(fewer), replace=True))
    assert same_groups(plain, events[-1].result)


def test_one_cell_that_is_elsewhere_makes_them_other_groups(found: AnnData) -> None:
    told = edited_groups(edit(found), "kinds")
    assert told is not None
    other, groups = found.copy(), Groups.of(found, "kinds")
    groups.codes[np.flatnonzero(groups.codes == 1)[0]] = 4
    groups.put(other, "kinds")
    before = other.copy()
    assert not edit_again(other, "kinds", told)
    assert same_groups(before, other)


@pytest.mark.parametrize(
    "words",
    [
        "split 1 into 2",
        "take out 3",
        "make 12 cells the group mine",
        "rename stroma to tumour",  # there was none
        "merge 3, 4 into 3, 5",  # of whatever names
    ],
)
def test_what_cannot_be_told_by_the_groups_found_is_not_told(found: AnnData, words: str) -> None:
    assert edited_groups(found, "kinds") is None
    note_edits(found, "kinds", (words,))
    assert edited_groups(found, "kinds") is None


def test_words_that_could_mean_two_things_are_not_guessed(found: AnnData) -> None:
    groups = Groups.of(found, "kinds").renamed(0, "2 to 3")
    edits = ("rename 1 to 2 to 3", "rename 2 to 3 to 4")
    for name, group, count, known in (("", 0, 1, True), ("3 to 4", 1, 2, False)):
        groups = groups.renamed(group, name or "2 to 3")
        groups.put(found, "kinds")
        note_edits(found, "kinds", edits[:count])
        assert (edited_groups(found, "kinds") is not None) == known


def test_a_group_can_be_two_only_by_mistake() -> None:
    group = {"name": "a", "colour": "#123456", "found": ["1"]}
    for other in ({**group, "name": "b"}, {**group, "found": ["2"]}):
        with pytest.raises(ValidationError, match="is named twice"):
            EditedGroups.model_validate({"cells": "0", "groups": [group, other]})
