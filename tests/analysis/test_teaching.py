"""A few examples give every cell a type; what could not be learned is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from napari_splicer import pipeline
from napari_splicer.analysis import standardised
from napari_splicer.analysis.clustering import add_clustering, cluster_cells, clusterings
from napari_splicer.analysis.groups import (
    colours_of,
    earlier_model,
    groups_of,
    note_earlier_model,
)
from napari_splicer.analysis.teaching import Taught, add_taught, taught_settings, teach
from napari_splicer.analysis.trust import trust
from napari_splicer.config import CellType, ClusteringSettings, RunConfig, TaughtSettings
from napari_splicer.embedding.table import read_table
from napari_splicer.errors import InvalidSettings, WouldOverwrite
from napari_splicer.events import Warned
from napari_splicer.export.tables import write_h5ad, write_zarr

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData


def lesson(table: AnnData, **rows: list[int]) -> TaughtSettings:
    """Name examples of types by their rows."""
    types = (CellType(name=n, cells=tuple(table.obs_names[r])) for n, r in rows.items())
    return TaughtSettings(types=tuple(types))


def four(table: AnnData) -> TaughtSettings:
    """Three examples of each of the four groups that the table has."""
    starts = {"a": 0, "b": 120, "c": 210, "d": 270}
    return lesson(table, **{name: [at, at + 1, at + 2] for name, at in starts.items()})


def names_of(taught: Taught) -> np.ndarray:
    return np.array(taught.clustering.names)[taught.clustering.codes]


def test_every_cell_gets_its_type(table: AnnData, groups: np.ndarray) -> None:
    taught = teach(table, four(table))
    assert (names_of(taught) == np.array(list("abcd"))[groups]).mean() > 0.98
    assert taught.accuracy is not None
    assert taught.accuracy > 0.9
    assert taught.clustering.remarks == ()


def test_types_and_uncertainty_are_those_of_a_logistic_regression(table: AnnData) -> None:
    settings = lesson(table, x=[0, 1, 2, 3, 4], y=[130, 131])
    taught = teach(table, settings)
    z = StandardScaler().fit_transform(table.obsm["X_splicer"].astype(np.float64))
    shown, kinds = [0, 1, 2, 3, 4, 130, 131], [0] * 5 + [1] * 2
    weights = np.where(np.array(kinds) == 0, 7 / (2 * 5), 7 / (2 * 2))  # balanced, by hand
    chances = LogisticRegression(max_iter=2000).fit(z[shown], kinds, weights).predict_proba(z)
    others = np.setdiff1d(np.arange(table.n_obs), shown)
    assert (taught.clustering.codes == chances.argmax(axis=1))[others].all()
    margin = np.abs(chances[:, 0] - chances[:, 1])
    np.testing.assert_allclose(taught.uncertainty[others], 1 - margin[others], atol=1e-3)


def test_an_example_is_of_the_type_it_was_shown_as_and_doubted(
    table: AnnData, groups: np.ndarray
) -> None:
    settings = lesson(table, a=[0, 1, 2, 3, 4, 125], b=[120, 121, 122, 123, 124])
    taught = teach(table, settings)
    assert groups[125] == groups[120]
    assert names_of(taught)[125] == "a"
    assert taught.uncertainty[125] == 0
    assert taught.doubtful.tolist() == [125]


def test_few_examples_are_not_tested(table: AnnData) -> None:
    assert teach(table, lesson(table, a=[0, 1], b=[120, 121, 122])).accuracy is None


def test_only_the_chosen_numbers_have_a_say(table: AnnData, groups: np.ndarray) -> None:
    settings = lesson(table, a=[0, 1, 2, 3], b=[120, 121, 122, 123])
    by_chunk = settings.model_copy(update={"sources": ("chunk:left", "chunk:right")})
    both = (groups == 0) | (groups == 1)
    assert (names_of(teach(table, by_chunk)) == np.array(list("ab--"))[groups])[both].mean() > 0.9
    table.obsm["X_splicer_chunks"][:, :4] = np.random.default_rng(0).normal(size=(300, 4))
    blind = settings.model_copy(update={"sources": ("chunk:left",)})
    told = names_of(teach(table, blind)) == np.array(list("ab--"))[groups]
    assert told[both].mean() < 0.7


def test_cells_and_examples_are_joined_by_name(table: AnnData) -> None:
    settings = four(table)
    order = np.random.default_rng(0).permutation(table.n_obs)
    shuffled = table[order].copy()
    here, there = teach(table, settings), teach(shuffled, settings)
    np.testing.assert_array_equal(names_of(there), names_of(here)[order])
    np.testing.assert_allclose(there.uncertainty, here.uncertainty[order], atol=1e-4)


def test_pieces_of_a_lazy_table_give_the_same(
    table: AnnData, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = four(table)
    expected = teach(table, settings)
    monkeypatch.setattr(standardised, "PIECE", 64)
    table.obsm["X_splicer"] = da.from_array(np.asarray(table.obsm["X_splicer"]), chunks=(50, -1))
    found = teach(table, settings)
    np.testing.assert_array_equal(names_of(found), names_of(expected))
    np.testing.assert_allclose(found.uncertainty, expected.uncertainty, atol=1e-4)


def test_cells_without_values_are_of_no_type(table: AnnData) -> None:
    table.obsm["X_splicer"][[1, 50]] = np.inf
    taught = teach(table, four(table))
    assert set(np.flatnonzero(names_of(taught) == "unassigned")) == {1, 50}
    assert np.isnan(taught.uncertainty[[1, 50]]).all()
    assert not {1, 50} & set(taught.proposed.tolist())
    assert "1 example holds no finite value" in taught.clustering.remarks[0]
    assert "2 cells hold nothing" in taught.clustering.remarks[1]


def test_unknown_examples_are_counted_and_left_out(table: AnnData) -> None:
    settings = lesson(table, a=[0, 1, 2], b=[120, 121, 122])
    gone = CellType(name="elsewhere", cells=("other_1", "other_2"))
    more = settings.model_copy(update={"types": (*settings.types, gone)})
    taught = teach(table, more)
    np.testing.assert_array_equal(names_of(taught), names_of(teach(table, settings)))
    assert "2 of the 8 examples" in taught.clustering.remarks[0]
    assert "no example of 'elsewhere'" in taught.clustering.remarks[1]


@pytest.mark.parametrize(("rows", "there"), [({}, "none"), ({"a": [0]}, "'a' only")])
def test_one_type_is_not_enough(table: AnnData, rows: dict[str, list[int]], there: str) -> None:
    with pytest.raises(InvalidSettings, match=f"two types are needed.*{there}.*another type"):
        teach(table, lesson(table, **rows))


def test_a_cell_or_a_name_stands_for_one_type() -> None:
    one, two = CellType(name="a", cells=("s_1",)), CellType(name="b", cells=("s_1",))
    with pytest.raises(ValueError, match="s_1 is an example twice"):
        TaughtSettings(types=(one, two))
    with pytest.raises(ValueError, match="same name"):
        TaughtSettings(types=(one, one))


def test_proposals_are_uncertain_and_from_many_places(table: AnnData) -> None:
    rng = np.random.default_rng(1)
    table.obs["y"], table.obs["x"] = rng.uniform(0, 1000, (2, table.n_obs))
    z = table.obsm["X_splicer"]
    # Between two types lie forty cells in one spot, all alike, and ten elsewhere in three ways.
    z[:40] = 0
    table.obs.iloc[:40, table.obs.columns.get_indexer(["y", "x"])] = 500.0
    z[40:50] = 4 * np.eye(8)[[5, 6, 7, 5, 6, 7, 5, 6, 7, 5]]
    taught = teach(table, lesson(table, b=[120, 121, 122], c=[210, 211, 212]))
    assert len(taught.proposed) == 12
    first = taught.proposed[0]
    assert taught.uncertainty[first] == taught.uncertainty.max()
    assert taught.uncertainty[taught.proposed].min() > np.median(taught.uncertainty)
    assert (taught.proposed < 40).sum() <= 2
    assert not set(taught.proposed.tolist()) & {120, 121, 122, 210, 211, 212}


def test_the_table_holds_types_uncertainty_and_examples(table: AnnData, tmp_path: Path) -> None:
    settings = four(table)
    odd = settings.types[0].model_copy(update={"name": "CD4+/CD8+ (%)", "colour": "#123456"})
    settings = settings.model_copy(update={"types": (odd, *settings.types[1:])})
    taught = teach(table, settings)
    add_taught(table, taught)
    with pytest.raises(WouldOverwrite):
        add_taught(table, taught)
    add_taught(table, taught, replace=True)
    write_h5ad(table, tmp_path / "cells.h5ad")
    write_zarr(table, tmp_path / "cells.zarr")
    for again in (read_table(tmp_path / "cells.h5ad"), read_table(tmp_path / "cells.zarr")):
        assert groups_of(again, "taught").astype(str).tolist() == names_of(taught).tolist()
        assert colours_of(again, "taught")[0] == "#123456"
        np.testing.assert_array_equal(again.obs["taught_uncertainty"], taught.uncertainty)
        assert taught_settings(again, "taught") == settings
        assert list(clusterings(again)) == ["taught"]


def test_chance_has_no_part_in_what_was_taught(table: AnnData) -> None:
    add_taught(table, teach(table, four(table)))
    assert trust(table, "taught").stability is None


def test_types_that_a_clustering_replaced_leave_nothing_behind(table: AnnData) -> None:
    taught = teach(table, four(table))
    add_taught(table, taught)
    name = taught.clustering.name
    note_earlier_model(table, name, "a model before")
    settings = ClusteringSettings(name=name, source="intensity", method="kmeans", clusters=4)
    add_clustering(table, cluster_cells(table, settings), replace=True)
    assert f"{name}_uncertainty" not in table.obs
    assert earlier_model(table, name) == ""
    add_taught(table, taught, replace=True)  # nor does anything stand in the way
    assert f"{name}_uncertainty" in table.obs


def test_a_column_of_somebody_else_is_not_written_over(table: AnnData) -> None:
    taught = teach(table, four(table))
    table.obs["taught_uncertainty"] = 1.0
    with pytest.raises(InvalidSettings, match="taught_uncertainty"):
        add_taught(table, taught)


def test_a_run_with_examples_teaches_them(table: AnnData) -> None:
    config = RunConfig(taught=(four(table),), clusterings=())
    made = pipeline.run(pipeline.cluster(table, config))
    np.testing.assert_array_equal(
        groups_of(made, "taught").astype(str), names_of(teach(table, four(table)))
    )
    alone = RunConfig(taught=(lesson(table, a=[0, 1]),), clusterings=())
    with pytest.raises(InvalidSettings, match="'a' only"):
        next(pipeline.cluster(table, alone))  # before any group is made
    gone = CellType(name="gone", cells=("other_1",))
    more = config.taught[0].model_copy(update={"types": (*config.taught[0].types, gone)})
    said: list[object] = []
    config = RunConfig(taught=(more,), clusterings=())
    pipeline.run(pipeline.cluster(table, config), said.append)
    assert any("1 of the 13 examples" in e.message for e in said if isinstance(e, Warned))
