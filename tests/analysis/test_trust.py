"""How sure groups are: whether they depend on chance, or follow what is no biology."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from napari_splicer.analysis.clustering import add_clustering, cluster_cells, stability
from napari_splicer.analysis.groups import note_edits
from napari_splicer.analysis.regrouping import Groups
from napari_splicer.analysis.trust import (
    Trust,
    keep_trust,
    note_trust,
    trust,
    trust_of,
    trusting,
)
from napari_splicer.analysis.whole import Whole, take_out
from napari_splicer.config import ClusteringSettings, PatchSettings
from napari_splicer.embedding.table import read_table, record
from napari_splicer.export.tables import write_h5ad, write_zarr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from anndata import AnnData

FOUND = Trust(0.75, None, 0.25, 300)


@pytest.fixture
def grouped(table: AnnData) -> AnnData:
    """Plain groups; half of the cells lie in another image."""
    add_clustering(table, cluster_cells(table, ClusteringSettings(name="plain")))
    return table


def test_plain_groups_are_stable_and_follow_neither_image_nor_border(
    grouped: AnnData, note_patches: Callable[..., None]
) -> None:
    rng = np.random.default_rng(0)
    grouped.obs["region"] = pd.Categorical(rng.choice(["left", "right"], grouped.n_obs))
    grouped.obs["y"], grouped.obs["x"] = rng.uniform(0, 100, (2, grouped.n_obs))
    note_patches(grouped, PatchSettings())
    found = trust(grouped, "plain", shapes={"left": (100, 100), "right": (100, 100)})
    assert found.stability == pytest.approx(1, abs=0.02)
    assert abs(found.image) < 0.05
    assert abs(found.border) < 0.05
    assert found.cells == grouped.n_obs


def test_groups_that_follow_image_and_border_are_told(
    grouped: AnnData, note_patches: Callable[..., None]
) -> None:
    first = np.asarray(grouped.obs["plain"].cat.codes == 0)
    grouped.obs["region"] = pd.Categorical(np.where(first, "left", "right"))
    grouped.obs["y"] = np.where(first, 3.0, 50.0)
    grouped.obs["x"] = 50.0
    note_patches(grouped, PatchSettings())
    found = trust(grouped, "plain", shapes={"left": (100, 100), "right": (100, 100)})
    assert found.image > 0.3
    assert found.border == pytest.approx(found.image)


def test_whose_patch_reaches_over_the_border_is_told_in_pixels_of_the_image(
    grouped: AnnData, note_patches: Callable[..., None]
) -> None:
    first = np.asarray(grouped.obs["plain"].cat.codes == 0)
    grouped.obs["region"] = pd.Categorical(["left"] * grouped.n_obs)
    grouped.obs["y"] = np.where(first, 25.0, 50.0)
    grouped.obs["x"] = 50.0
    shapes = {"left": (100, 100)}
    assert trust(grouped, "plain", shapes=shapes).border is None  # of unknown size
    note_patches(grouped, PatchSettings(size=32, size_um=16), pixel_um=0.5)
    assert trust(grouped, "plain", shapes=shapes).border is None  # 32 pixels: none reaches over it
    note_patches(grouped, PatchSettings(size=32, size_um=16), pixel_um=0.25)
    assert trust(grouped, "plain", shapes=shapes).border > 0.3  # 64 pixels: the first group's


def test_what_cannot_be_told_is_left_open(grouped: AnnData) -> None:
    grouped.obs["region"] = pd.Categorical(["only"] * grouped.n_obs)
    note_edits(grouped, "plain", ("merge 2 into 1",))
    assert trust(grouped, "plain")[:3] == (None, None, None)


def test_of_many_cells_some_are_looked_at(grouped: AnnData) -> None:
    grouped.obs["region"] = pd.Categorical(["only"] * grouped.n_obs)
    assert trust(grouped, "plain", most=50, seeds=(1, 2)).cells == 50


def test_it_tells_how_far_it_is_and_can_be_stopped(grouped: AnnData) -> None:
    grouped.obs["region"] = pd.Categorical(["only"] * grouped.n_obs)
    shares = list(trusting(grouped, "plain"))
    assert shares == sorted(shares)
    assert shares[0] < 0.2
    assert shares[-1] > 0.8
    assert len(shares) >= 9  # so that whoever stops it waits for a part of one grouping only
    begun = trusting(grouped, "plain")
    next(begun)
    begun.close()


def test_the_stability_is_that_of_the_settings(grouped: AnnData) -> None:
    wanted = ClusteringSettings(name="plain")
    assert trust(grouped, "plain").stability == stability(grouped, wanted, seeds=(1, 2, 3))


def test_names_and_colours_do_not_change_what_is_known_and_other_cells_do(grouped) -> None:
    assert trust_of(grouped, "plain") is None
    note_trust(grouped, "plain", FOUND)
    before = Groups.of(grouped, "plain")
    before.renamed(1, "tumour").recoloured(0, "#123456").put(grouped, "plain")
    note_edits(grouped, "plain", ("rename 2 to tumour", "colour 1"))
    assert trust_of(grouped, "plain") == FOUND
    before.merged([0, 1]).put(grouped, "plain")
    assert trust_of(grouped, "plain") is None
    before.put(grouped, "plain")
    assert trust_of(grouped, "plain") == FOUND
    note_edits(grouped, "plain", ("merge 2 into 1",))
    assert trust_of(grouped, "plain") is None


def test_groups_that_were_named_by_hand_can_still_be_judged(grouped: AnnData) -> None:
    note_edits(grouped, "plain", ("rename 2 to merge", "colour 1"))
    assert trust(grouped, "plain").stability is not None


def test_a_grouping_takes_along_what_is_known_under_another_name_and_when_it_comes_back(
    grouped: AnnData,
) -> None:
    note_trust(grouped, "plain", FOUND)
    whole = Whole.of(grouped, "plain")
    whole.named("other").put(grouped)
    take_out(grouped, "plain")
    assert trust_of(grouped, "other") == FOUND
    whole.put(grouped)
    assert trust_of(grouped, "plain") == FOUND


def test_the_same_groups_made_by_other_settings_are_not_judged(grouped: AnnData) -> None:
    note_trust(grouped, "plain", FOUND)
    grouped.obs["finer"] = grouped.obs["plain"]
    grouped.uns["finer_colors"] = grouped.uns["plain_colors"]
    finer = ClusteringSettings(name="finer", resolution=3)
    record(grouped)["clusterings"]["finer"] = finer.model_dump()
    assert trust_of(grouped, "finer") is None


@pytest.mark.parametrize("write", [write_h5ad, write_zarr])
def test_what_is_known_lies_in_files(grouped: AnnData, tmp_path, write) -> None:
    untold = Trust(None, 0.5, None, 300, "they were edited by hand")
    add_clustering(grouped, cluster_cells(grouped, ClusteringSettings(name="b", resolution=3)))
    note_trust(grouped, "plain", FOUND)
    note_trust(grouped, "b", untold)
    path = tmp_path / f"table.{write.__name__.removeprefix('write_')}"
    write(grouped, path)
    read = read_table(path)
    assert trust_of(read, "plain") == FOUND
    assert trust_of(read, "b") == untold


@pytest.mark.parametrize("wrong", [3, {}, {"cells": "many"}, {"cells": 3, "image": [1, 2]}])
def test_nonsense_in_a_file_is_nothing_known(grouped: AnnData, wrong) -> None:
    note_trust(grouped, "plain", FOUND)
    (key,) = record(grouped)["trust"]
    record(grouped)["trust"][key] = wrong
    assert trust_of(grouped, "plain") is None


def test_a_later_table_of_the_same_cells_keeps_what_is_known(grouped: AnnData) -> None:
    later = grouped.copy()
    note_trust(grouped, "plain", FOUND)
    keep_trust(later, grouped)
    assert trust_of(later, "plain") == FOUND


def test_what_is_noted_of_groups_by_several_chunks_is_found_in_files(
    table: AnnData, tmp_path: Path
) -> None:
    settings = ClusteringSettings(name="both", source=("chunk:left", "chunk:right"))
    add_clustering(table, cluster_cells(table, settings))
    assert trust(table, "both").stability is not None
    note_trust(table, "both", FOUND)
    for write, name in ((write_h5ad, "a.h5ad"), (write_zarr, "a.zarr")):
        write(table, tmp_path / name)
        assert trust_of(read_table(tmp_path / name), "both") == FOUND
