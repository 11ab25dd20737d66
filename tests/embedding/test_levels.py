"""Patches of a smaller level, cells measured at full resolution, whoever describes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import torch
from pyramids import at_full_resolution, with_pyramid

from napari_splicer.config import RunConfig
from napari_splicer.embedding import embed as embedding
from napari_splicer.embedding import resolve as embedding_resolve
from napari_splicer.embedding import streams
from napari_splicer.embedding.embed import embed_cells
from napari_splicer.embedding.place import Place
from napari_splicer.embedding.table import MATRICES, read_table, record
from napari_splicer.events import Cancel, Progress, Warned
from napari_splicer.export.replay import run_file
from napari_splicer.images.fingerprint import seen
from napari_splicer.images.subsampled import is_subsampled
from napari_splicer.model.bundle import load_bundle, save_bundle
from napari_splicer.model.record import RECORD
from napari_splicer.patches import blocks
from napari_splicer.training import resolve as training_resolve

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle


@pytest.fixture(scope="module")
def slides(fields: list[MaskedImage]) -> list[MaskedImage]:
    """Of 0.25 µm, where the model's pixels are of 0.5 µm."""
    return [with_pyramid(field) for field in fields]


@pytest.fixture(scope="module")
def table(slides: list[MaskedImage], bundle: Bundle, config: RunConfig) -> AnnData:
    return embedded(slides, bundle, config)


def embedded(
    slides: list[MaskedImage], bundle: Bundle | None, config: RunConfig, **options: object
) -> AnnData:
    *_, finished = embed_cells(slides, bundle, config, **options)  # type: ignore[arg-type]
    result: AnnData = finished.result  # type: ignore[union-attr]
    return result


def assert_same(one: AnnData, other: AnnData) -> None:
    rows = [table.obs.assign(region=table.obs["region"].astype(str)) for table in (one, other)]
    pd.testing.assert_frame_equal(*rows)
    np.testing.assert_array_equal(np.asarray(one.X), other.X)
    for name in MATRICES:
        np.testing.assert_allclose(np.asarray(one.obsm[name]), other.obsm[name], atol=1e-5)


def test_every_cell_has_the_representation_of_its_patch_of_the_level(
    table: AnnData, slides: list[MaskedImage], bundle: Bundle
) -> None:
    rng = np.random.default_rng(0)
    for slide in slides:
        channels = [slide.image.channels.index(name) for name in bundle.channels]
        level = slide.image.levels[1].compute()[channels]
        place = (table.obs[["y", "x"]] + 0.5) / 2 - 0.5
        inner = (table.obs["region"] == slide.name) & place["y"].between(10, level.shape[1] - 10)
        inner &= place["x"].between(10, level.shape[2] - 10)
        for row in rng.choice(np.flatnonzero(inner), 10, replace=False).tolist():
            top, left = (int(np.floor(place[axis].iloc[row] - 8 + 1)) for axis in "yx")
            crop = level[:, top : top + 16, left : left + 16].astype(np.float32)
            with torch.no_grad():
                z_BZ, e_BD = bundle.network.embed(
                    bundle.normalization.apply(torch.from_numpy(crop)[None])
                )
            np.testing.assert_allclose(table.obsm[MATRICES[0]][row], z_BZ[0], atol=1e-5)
            np.testing.assert_allclose(table.obsm[MATRICES[1]][row], e_BD[0], atol=1e-4)


def test_cells_are_those_of_full_resolution(
    table: AnnData, slides: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    """With a model or without, with a pyramid or without."""
    for slide in slides:
        labels, pixels = slide.cells.data.compute(), slide.image.data.compute()
        here = table[table.obs["region"] == slide.name]
        for row, cell in enumerate(here.obs["instance_id"].head(30)):
            np.testing.assert_allclose(here.X[row], pixels[:, labels == cell].mean(axis=1), 1e-5)
            assert here.obs["area"].iloc[row] == (labels == cell).sum()
    alone = embedded(slides, None, config)
    flat = embedded([at_full_resolution(slide) for slide in slides], bundle, config)
    for other in (alone, flat):
        pd.testing.assert_frame_equal(table.obs, other.obs)
        np.testing.assert_array_equal(table.X, other.X)
        np.testing.assert_array_equal(table.obsm["spatial"], other.obsm["spatial"])
    assert not np.allclose(table.obsm[MATRICES[0]], flat.obsm[MATRICES[0]], atol=1e-3)


def test_the_level_is_noted_and_told(
    table: AnnData, slides: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    noted = record(table)["levels"]
    assert noted["region"].tolist() == ["first", "second"]
    assert noted["coarser"].tolist() == [2.0, 2.0]
    made = RunConfig.model_validate_json(record(table)["config"])
    assert made.patches.levels == {"first": 2.0, "second": 2.0}
    said = " ".join(e.message for e in embed_cells(slides, bundle, config) if isinstance(e, Warned))
    assert "patches are cut from a smaller resolution of first (160 × 160 px), second" in said
    assert "resampled" not in said
    assert "first = 2.0" in run_file(table, slides, config)
    flat = [at_full_resolution(slide) for slide in slides]
    assert "levels" not in record(embedded(flat, bundle, config))


def test_images_with_and_without_a_level_come_together(
    fields: list[MaskedImage], slides: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    mixed = [fields[0], slides[1]]
    for order in (mixed, mixed[::-1]):
        got = embedded(order, bundle, config)
        for field in order:
            assert_same(got[got.obs["region"] == field.name], embedded([field], bundle, config))
    assert record(got)["levels"]["coarser"].tolist() == [2.0, 1.0]


def test_pieces_do_not_change_the_result(
    table: AnnData,
    slides: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "LEAST_SIDE", 32)
    monkeypatch.setattr(streams, "LEAST", 8)
    got = embedded(slides, bundle, config.with_values({"embedding.batch": 7}))
    assert_same(got[table.obs_names], table)


def test_progress_is_steady_and_ends_with_the_last_cell(
    slides: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    events = [*embed_cells(slides, bundle, config)]
    steps = [event for event in events if isinstance(event, Progress)]
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert 0 < steps[0].done < steps[0].total == steps[-1].done


def test_cancelled_and_resumed(
    table: AnnData,
    slides: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(blocks, "LEAST_SIDE", 32)
    monkeypatch.setattr(streams, "LEAST", 8)
    whole = embedded(slides, bundle, config)
    cancel, place = Cancel(), Place(tmp_path / "table.zarr", resume=True)
    events = embed_cells(slides, bundle, config, place=place, cancel=cancel)
    for event in events:
        if isinstance(event, Progress) and event.done > event.total / 2:
            cancel.request()
    so_far = event.result
    assert event.cancelled
    assert 0 < so_far.n_obs < table.n_obs
    assert_same(so_far, whole[so_far.obs_names])
    assert_same(embedded(slides, bundle, config, place=place), whole)
    assert_same(read_table(place.path), whole)


def test_a_model_of_an_older_version_reads_full_resolution(
    slides: list[MaskedImage], bundle: Bundle, config: RunConfig, tmp_path: Path
) -> None:
    folder = save_bundle(bundle, tmp_path / "model")
    path = folder / RECORD
    data = json.loads(path.read_text())
    assert data["config"]["patches"].pop("resolution") == "fitting"
    assert data["config"]["patches"].pop("levels") == {}
    path.write_text(json.dumps(data))
    older = load_bundle(folder)
    got = embedded(slides, older, config)
    flat = embedded([at_full_resolution(slide) for slide in slides], bundle, config)
    assert_same(got, flat)
    assert "levels" not in record(got)
    assert RunConfig.model_validate_json(record(got)["config"]).patches.resolution == "full"


def test_the_level_that_the_model_was_trained_on_is_read_again(
    slides: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    from dataclasses import replace

    named = bundle.config.with_values({"patches.levels": {"first": 1.0}})
    got = embedded(slides, replace(bundle, config=named), config)
    assert record(got)["levels"]["coarser"].tolist() == [1.0, 2.0]


def test_tiles_lie_and_are_measured_as_at_full_resolution(
    slides: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    grid = config.with_values({"patches.sites": "grid", "patches.size_um": 8.0})
    got = embedded(slides, bundle, grid)
    alone = embedded(slides, None, grid)
    pd.testing.assert_frame_equal(got.obs, alone.obs)
    np.testing.assert_array_equal(got.X, alone.X)
    assert np.isfinite(got.obsm[MATRICES[0]]).all()


def test_full_resolution_is_read_once_and_the_level_about_once(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[tuple[int, ...]] = []
    slide = with_pyramid(fields[0], log=log)
    assert not is_subsampled(slide.image, 1)
    assert {chunk[1] for chunk in log} == {0}, "one channel tells what the levels hold"
    assert len(log) <= 20
    monkeypatch.setattr(training_resolve, "is_subsampled", lambda image, level: False)
    list(embedding_resolve._said_of_scale([slide], bundle))
    assert len({chunk[2:] for chunk in log if chunk[0] == 0}) <= 32, "a few tell the scale"
    monkeypatch.setattr(embedding_resolve, "_said_of_scale", lambda fields, bundle: iter(()))
    log.clear()
    seen([slide])
    assert {chunk[0] for chunk in log} == {0}
    assert len({chunk[2:] for chunk in log}) <= 12, "three boxes tell whether it is the same"
    monkeypatch.setattr(embedding, "seen", lambda fields, **_: [])
    log.clear()
    embedded([slide], bundle, config)
    for level, shape in ((0, (5, 5)), (1, (3, 3))):
        channels = len(slide.image.channels) if level == 0 else len(bundle.channels)
        read = [chunk for chunk in log if chunk[0] == level]
        assert len(read) == len(set(read)) == channels * shape[0] * shape[1]
    assert not [chunk for chunk in log if chunk[0] == 2]


def test_what_goes_wrong_while_measuring_is_told(
    slides: list[MaskedImage], bundle: Bundle, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ArithmeticError("out of numbers")

    monkeypatch.setattr(streams, "_under", broken)
    with pytest.raises(ArithmeticError, match="out of numbers"):
        embedded(slides, bundle, config)


def test_whoever_stops_listening_leaves_no_thread_behind(
    slides: list[MaskedImage], bundle: Bundle, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    monkeypatch.setattr(blocks, "LEAST_SIDE", 32)
    events = embed_cells(slides, bundle, config)
    for event in events:
        if isinstance(event, Progress):
            break
    events.close()  # type: ignore[attr-defined]
    names = [thread.name for thread in threading.enumerate()]
    assert not [name for name in names if name.startswith(("measure-ahead", "read-ahead"))]
