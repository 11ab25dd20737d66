"""The synthetic tissue: what may tell the two states of CD8 T cells apart, and what may not."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from napari_splicer.errors import InvalidSettings
from napari_splicer.samples import Tissue, synthetic_tissue
from napari_splicer.samples.cells import CYTOTOXIC, TYPES, Cells
from napari_splicer.samples.granules import draw_granules

DIAL = (0.0, 0.5, 1.0)


@cache
def tissue(contrast: float) -> Tissue:
    return synthetic_tissue(contrast=contrast, seed=3)


def pixels(sample: Tissue) -> tuple[np.ndarray, np.ndarray]:
    return (
        sample.field.image.data.compute().astype(np.float64),
        sample.field.cells.data.compute().astype(np.int64),
    )


def measured(sample: Tissue) -> pd.DataFrame:
    """Area, mean of every marker and asymmetry of GZMB for every CD8 T cell, and its state."""
    image, mask = pixels(sample)
    flat = mask.ravel()
    area = np.bincount(flat)
    ids = np.flatnonzero(area)[1:]
    table = pd.DataFrame(index=ids)
    for channel, plane in zip(sample.field.image.channels, image, strict=True):
        table[channel] = np.log(np.bincount(flat, plane.ravel())[ids] / area[ids])
    table["area"] = area[ids]
    granzyme = (image[-1] - np.median(image[-1])).clip(min=0)
    total = np.bincount(flat, granzyme.ravel())[ids]
    arms = []
    for place in np.indices(mask.shape):
        middle = np.bincount(flat, place.ravel())[ids] / area[ids]
        arms.append(np.bincount(flat, (granzyme * place).ravel())[ids] / total - middle)
    table["asymmetry"] = np.hypot(*arms)
    table = table.join(sample.types.set_index("id"))
    return table[table["type"] == "CD8 T"]


@pytest.mark.parametrize("contrast", DIAL)
def test_no_mean_intensity_tells_the_states_apart(contrast):
    table = measured(tissue(contrast))
    features = table[[*tissue(contrast).field.image.channels, "area"]].to_numpy()
    engaged = (table["state"] == "engaged").to_numpy()
    model = make_pipeline(StandardScaler(), LogisticRegression())

    def auroc(labels: np.ndarray) -> float:
        score = cross_val_predict(model, features, labels, cv=5, method="decision_function")
        return float(roc_auc_score(labels, score))

    rng = np.random.default_rng(0)
    chance = [auroc(rng.permutation(engaged)) for _ in range(40)]
    assert min(chance) <= auroc(engaged) <= max(chance)


def test_asymmetry_of_granzyme_tells_them_apart_as_far_as_the_dial_is_turned():
    found = []
    for contrast in DIAL:
        table = measured(tissue(contrast))
        found.append(roc_auc_score(table["state"] == "engaged", table["asymmetry"]))
    invisible, middle, plain = found
    assert 0.42 < invisible < 0.58
    assert 0.68 < middle < 0.88
    assert plain > 0.95


def test_dial_moves_granules_and_nothing_else():
    (left, mask), (right, other_mask) = pixels(tissue(0.0)), pixels(tissue(1.0))
    assert np.array_equal(mask, other_mask)
    assert np.array_equal(left[:-1], right[:-1])
    assert not np.array_equal(left[-1], right[-1])
    pd.testing.assert_frame_equal(tissue(0.0).types, tissue(1.0).types)


def test_light_within_the_cell_is_the_same_wherever_its_granules_are():
    y, x = np.indices((96, 96))
    index = (np.hypot(y - 50, x - 40) < 9).astype(np.int64)
    cell = Cells(
        seeds=np.array([[0, 0], [50, 40]]),
        kind=np.array([-1, CYTOTOXIC]),
        axes=np.array([[1, 1], [9, 9]]),
        tilt=np.zeros(2),
        engaged=np.array([False, True]),
    )
    spread, gathered = (
        draw_granules(cell, index, contrast, np.random.default_rng(1)) for contrast in (0, 1)
    )
    assert np.abs(spread - gathered).max() > 5
    assert spread[index > 0].sum() == pytest.approx(gathered[index > 0].sum())


def test_composition():
    types = tissue(0.5).types
    assert 1300 < len(types) < 1700
    assert set(types["type"]) == set(TYPES)
    assert 0.22 < (types["type"] == "CD8 T").mean() < 0.33
    states = types.loc[types["type"] == "CD8 T", "state"].value_counts()
    assert states.min() >= 150
    assert abs(states["engaged"] - states["resting"]) <= 1
    assert set(types.loc[types["type"] != "CD8 T", "state"]) == {""}


def test_ids_are_those_of_the_mask_and_tell_nothing():
    sample = tissue(0.5)
    _, mask = pixels(sample)
    ids = sample.types["id"].to_numpy()
    assert set(ids) == set(np.unique(mask)) - {0}
    assert ids.max() > 2 * len(ids)
    assert not np.array_equal(ids, np.sort(ids))
    middles = sample.field.cells.cells()
    assert abs(np.corrcoef(middles["id"], middles["y"])[0, 1]) < 0.1


def test_markers_are_where_they_belong():
    table = tissue(0.5)
    image, mask = pixels(table)
    kind = table.types.set_index("id")["type"]
    means = np.stack([np.bincount(mask.ravel(), plane.ravel()) for plane in image])
    means = pd.DataFrame(
        (means / np.bincount(mask.ravel()).clip(min=1))[:, kind.index].T,
        index=kind.to_numpy(),
        columns=table.field.image.channels,
    )
    brightest = means.groupby(level=0).mean().idxmax()
    assert brightest["PanCK"] == "tumour"
    assert brightest["SMA"] == "fibroblast"
    assert brightest["CD31"] == "endothelial"
    assert brightest["CD20"] == "B cell"
    assert brightest["CD68"] == "macrophage"
    assert brightest["CD8"] == brightest["GZMB"] == "CD8 T"


def test_same_seed_same_tissue_and_another_seed_another():
    first, again, other = (pixels(synthetic_tissue(size=128, seed=s)) for s in (5, 5, 6))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])
    assert first[0].shape == (12, 128, 128)


def test_cells_fit_into_patches_of_32_pixels():
    cells = tissue(0.5).field.cells.cells()
    width = np.maximum(cells["y1"] - cells["y0"], cells["x1"] - cells["x0"])
    assert 14 < width.median() < 24
    assert width.quantile(0.99) <= 32


@pytest.mark.parametrize("wrong", [{"contrast": 1.5}, {"contrast": -0.1}, {"size": 10}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InvalidSettings):
        synthetic_tissue(**wrong)
