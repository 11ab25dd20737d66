"""When cells are embedded anew, their groupings go on beside the new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_splicer.analysis.agreement import compare_clusterings
from napari_splicer.analysis.groups import earlier_model, edits_of
from napari_splicer.export.replay import run_file
from napari_splicer.gui import commands, editing
from napari_splicer.gui.carrying import carry_groupings
from napari_splicer.gui.session import Session
from napari_splicer.gui.snapshot import Facts
from napari_splicer.images.masks import LabelMask

if TYPE_CHECKING:
    from anndata import AnnData


def successor(table: AnnData, model: str) -> AnnData:
    """The same cells in another order, as another model describes them: in no groups yet."""
    made = table[::-1].copy()
    made.uns = {"splicer": {"bundle": model}}
    made.obs = made.obs[["instance_id", "area", "y", "x"]].copy()
    return made


@pytest.fixture
def few(table) -> Session:
    """Cells 9, 7, 4 and 1 in group 1 of "first", by a model called aaaa."""
    table.uns["splicer"]["bundle"] = "a" * 64
    session = Session()
    session.table = table
    return session


def groups(session: Session, name: str) -> dict[int, str]:
    """Return the group of every cell, by id."""
    column = session.table.obs[name]
    return dict(zip(session.ids().tolist(), column.astype(str), strict=True))


def embed_again(session: Session, model: str) -> None:
    made = successor(session.table, model)
    carry_groupings(session, made)
    session.table = made


def test_groups_of_another_model_are_joined_by_cell_and_called_after_it(few) -> None:
    session = few
    editing.rename(session, 0, "tumour")
    session.show_group(1, False)
    before = groups(session, "first")
    embed_again(session, "b" * 64)
    assert session.clusterings == ("first_model_1",)
    assert groups(session, "first_model_1") == before
    assert [(g.name, g.colour, g.visible) for g in session.groups] == [
        ("tumour", "#ff0000", True),
        ("2", "#00ff00", False),
    ]
    assert edits_of(session.table, "first_model_1") == ("rename 1 to tumour",)
    assert earlier_model(session.table, "first_model_1") == "model 1 (aaaaaaaaaaaa)"
    assert session.history.next_undo is None


def test_models_are_numbered_and_keep_their_numbers(few) -> None:
    session = few
    for model in ("b", "c", "a"):
        table = session.table
        table.obs["own"] = table.obs[session.clusterings[0]].copy()
        table.uns["splicer"]["clusterings"]["own"] = {"source": "representation"}
        embed_again(session, model * 64)
    assert session.clusterings == (
        "first_model_1",
        "own_model_1",
        "own_model_2",
        "own_model_3",
    )
    session.table.obs["own"] = session.table.obs["first_model_1"].copy()
    session.table.uns["splicer"]["clusterings"]["own"] = {"source": "representation"}
    embed_again(session, "d" * 64)
    assert session.clusterings[-1] == "own_model_1_2"  # the model that was the first, once more


def test_groups_by_intensity_are_as_good_as_before(few) -> None:
    session = few
    noted = session.table.uns["splicer"]["clusterings"]
    noted["first"]["source"] = "intensity"
    before = groups(session, "first")
    embed_again(session, "b" * 64)
    assert session.clusterings == ("first",)
    assert groups(session, "first") == before
    assert earlier_model(session.table, "first") == ""


def test_cells_that_were_not_there_have_no_group(few) -> None:
    session = few
    made = successor(session.table, "b" * 64)
    session.table = session.table[:3].copy()
    carry_groupings(session, made)
    column = made.obs["first_model_1"]
    assert column.isna().sum() == 3
    assert set(column.dropna()) == {"1", "2"}


def test_a_cell_that_moved_is_another_one(few) -> None:
    session = few
    editing.rename(session, 0, "tumour")
    made = successor(session.table, "a" * 64)
    made.obs.loc["9", "x"] += 3.9  # of a radius of 4.0
    made.obs.loc["2", "y"] += 4.1
    words = carry_groupings(session, made)
    assert made.obs["first"].isna().tolist() == (made.obs_names == "2").tolist()
    assert words == (
        "What you edited or taught stays in the list of step 5: first. 1 new or changed cell is in "
        "none of its groups."
    )


def test_another_mask_takes_no_groups_over_and_says_so_of_edited_ones(few) -> None:
    session = few
    made = successor(session.table, "a" * 64)
    made.obs["y"] += 20.0
    assert carry_groupings(session, made) == ""
    editing.rename(session, 0, "tumour")
    words = carry_groupings(session, made)
    assert words.startswith("Most cells of this mask lie elsewhere than those before: first could")
    assert "first" not in made.obs
    for table in (session.table, made):
        table.uns["splicer"]["sites"] = "grid"
    assert carry_groupings(session, made).startswith("Tiles lie otherwise than before: first could")
    made.uns["splicer"].pop("sites")
    assert carry_groupings(session, made) == ""  # cells are no tiles


def carry_out(session: Session, run: commands.Run) -> None:
    while run is not None:
        commands.begin(session, run)
        commands.apply(session, run, run.events())
        assert session.notice is None or session.notice.kind != "error", session.notice.text
        run = commands.follow_up(session, run)


@pytest.fixture
def trained(session) -> Session:
    """A session with model, table and the first groups."""
    carry_out(session, commands.train(session))
    return session


def test_a_second_training_keeps_the_first_ones_groups_to_compare_with(trained) -> None:
    editing.rename(trained, 0, "mine")
    first = trained.table
    trained.settings = trained.settings.with_values({"seed": 3})
    carry_out(trained, commands.train(trained))
    assert trained.table is not first
    assert trained.clusterings == ("splicer_cluster_model_1", "splicer_cluster")
    assert trained.clustering == "splicer_cluster"
    found = compare_clusterings(trained.table, *trained.clusterings)
    assert found.counts.to_numpy().sum() == len(first)
    a = dict(zip(first.obs_names, first.obs["splicer_cluster"], strict=True))
    b = trained.table.obs["splicer_cluster_model_1"]
    assert all(a[name] == group for name, group in b.items())
    text = run_file(trained.table, (), trained.settings)
    assert "#   splicer_cluster_model_1: model 1 (" in text
    assert 'name = "splicer_cluster_model_1"' not in text


def test_the_same_model_once_more_makes_its_groups_anew_but_keeps_names(trained) -> None:
    carry_out(trained, commands.embed(trained))
    assert trained.clusterings == ("splicer_cluster",)
    editing.rename(trained, 0, "mine")
    carry_out(trained, commands.embed(trained))
    assert trained.clusterings == ("splicer_cluster", "splicer_cluster_2")
    assert "mine" in trained.table.obs["splicer_cluster"].cat.categories
    assert trained.history.undo()
    assert "mine" not in trained.table.obs["splicer_cluster"].cat.categories


def test_after_mean_intensity_a_model_makes_the_default_grouping(trained) -> None:
    carry_out(trained, commands.embed(trained, with_model=False))
    assert trained.clusterings == ("splicer_cluster_model_1", "splicer_cluster")
    carry_out(trained, commands.embed(trained))
    assert trained.clusterings == (
        "splicer_cluster_model_1",
        "splicer_cluster_intensity",
        "splicer_cluster",
    )
    assert np.array_equal(trained.codes() >= 0, np.ones(len(trained.ids()), bool))


def test_a_mask_corrected_by_hand_keeps_what_was_edited(trained, tissue) -> None:
    editing.rename(trained, 0, "mine")
    before = groups(trained, "splicer_cluster")
    pixels = np.array(tissue.cells.levels[0])
    gone, new = int(pixels.max()), int(pixels.max()) + 1
    pixels[pixels == gone] = 0
    pixels[:6, :6] = new
    trained.cells = LabelMask.from_array(pixels)
    trained.facts = Facts(cells=len(trained.cells.cells()))
    carry_out(trained, commands.embed(trained))
    after = groups(trained, "splicer_cluster")
    assert {cell: group for cell, group in after.items() if group == "mine"} == {
        cell: group for cell, group in before.items() if group == "mine" and cell in after
    }
    assert after[new] == "nan"
    assert gone not in after
    assert trained.clustering == "splicer_cluster_2"
    assert trained.notice is not None
    assert "stays in the list of step 5: splicer_cluster." in trained.notice.text
