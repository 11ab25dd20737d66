"""A table that grows on the disk equals the one in memory, and survives whatever stops it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING

import anndata
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import sparse

from napari_splicer.embedding import rows, stored
from napari_splicer.embedding.embed import embed_cells
from napari_splicer.embedding.place import Place
from napari_splicer.embedding.table import MATRICES, read_table, record
from napari_splicer.errors import CannotWrite, InvalidSettings, UnreadableFile, WouldOverwrite
from napari_splicer.events import Cancel, Finished, Progress
from napari_splicer.export.tables import write_zarr

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.config import RunConfig
    from napari_splicer.events import Event
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (rows, stored):
        monkeypatch.setattr(module, "PIECE", 32)


def last(events: Iterator[Event]) -> Finished:
    *_, finished = events
    assert isinstance(finished, Finished)
    return finished


def stopped_after(events: Iterator[Event], cancel: Cancel, batches: int) -> Finished:
    seen = 0
    for event in events:
        seen += isinstance(event, Progress)
        if seen == batches:
            cancel.request()
    assert isinstance(event, Finished)
    return event


def assert_same(table: AnnData, expected: AnnData) -> None:
    pd.testing.assert_frame_equal(table.obs, expected.obs)
    np.testing.assert_array_equal(np.asarray(table.X), expected.X)
    for name in MATRICES:
        np.testing.assert_allclose(np.asarray(table.obsm[name]), expected.obsm[name], atol=1e-5)
    np.testing.assert_array_equal(table.obsm["spatial"], expected.obsm["spatial"])


def test_a_table_on_disk_equals_the_one_in_memory(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, tmp_path: Path
) -> None:
    expected = last(embed_cells(fields, bundle, config)).result
    path = tmp_path / "runs" / "table.zarr"
    table = last(embed_cells(fields, bundle, config, place=Place(path))).result
    assert_same(table, expected)
    assert_same(read_table(path), expected)
    assert record(table)["chunks"]["component"].tolist() == ["t/cell", "tumour"]
    assert sorted(table.uns) == sorted(expected.uns)
    assert [found.name for found in path.parent.iterdir()] == ["table.zarr"]
    assert_same(anndata.read_zarr(path), expected)


def test_intensities_alone_grow_on_disk_too(
    fields: list[MaskedImage], config: RunConfig, tmp_path: Path
) -> None:
    expected = last(embed_cells(fields, None, config)).result
    table = last(embed_cells(fields, None, config, place=Place(tmp_path / "t.zarr"))).result
    np.testing.assert_array_equal(table.X, expected.X)
    assert list(table.obsm) == ["spatial"]


def test_a_large_table_is_not_read_into_memory(
    fields: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored, "LARGE", 10)
    expected = last(embed_cells(fields, bundle, config)).result
    table = last(embed_cells(fields, bundle, config, place=Place(tmp_path / "t.zarr"))).result
    for matrix in (table.X, *(table.obsm[name] for name in MATRICES)):
        assert type(matrix).__module__.startswith("dask")
    assert_same(table, expected)


@pytest.mark.parametrize("batches", [1, 3])
def test_what_was_stopped_goes_on(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, tmp_path: Path, batches: int
) -> None:
    config = config.with_values({"embedding.batch": 20})
    expected = last(embed_cells(fields, bundle, config)).result
    path, cancel = tmp_path / "table.zarr", Cancel()
    events = embed_cells(fields, bundle, config, place=Place(path), cancel=cancel)
    part = stopped_after(events, cancel, batches)
    assert part.cancelled
    assert part.result.n_obs == 20 * batches
    same = expected[part.result.obs_names]
    np.testing.assert_allclose(part.result.obsm["X_splicer"], same.obsm["X_splicer"], atol=1e-5)
    assert "Stopped before the end" in record(part.result)["warnings"][-1]
    assert not path.exists()
    events = [*embed_cells(fields, bundle, config, place=Place(path, resume=True))]
    first = next(event for event in events if isinstance(event, Progress))
    assert first.done == 20 * (batches + 1)
    assert_same(events[-1].result, expected)
    assert not Place(path).partial.exists()


def test_stopped_before_a_cell_was_described_there_is_no_table(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, tmp_path: Path
) -> None:
    cancel = Cancel()
    cancel.request()
    place = Place(tmp_path / "table.zarr")
    finished = last(embed_cells(fields, bundle, config, place=place, cancel=cancel))
    assert finished.cancelled
    assert finished.result is None


def test_another_model_or_other_settings_do_not_go_on_with_it(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, tmp_path: Path
) -> None:
    path, cancel = tmp_path / "table.zarr", Cancel()
    place = Place(path, resume=True)
    stopped_after(embed_cells(fields, bundle, config, place=place, cancel=cancel), cancel, 1)
    for others, model, settings in (
        (fields, None, config),
        (fields[:1], bundle, config),
        (fields, bundle, config.with_values({"patches.sites": "grid"})),
        (fields, bundle, config.with_values({"precision": "bf16"})),
    ):
        with pytest.raises(InvalidSettings, match=r"other cells, another model or other settings"):
            last(embed_cells(others, model, settings, place=place))
    quicker = config.with_values({"embedding.batch": 20})
    assert last(embed_cells(fields, bundle, quicker, place=place)).result is not None


def test_nothing_is_overwritten_unasked(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, tmp_path: Path
) -> None:
    path, cancel = tmp_path / "table.zarr", Cancel()
    events = embed_cells(fields, bundle, config, place=Place(path), cancel=cancel)
    stopped_after(events, cancel, 1)
    with pytest.raises(WouldOverwrite, match=r"was begun in .*table.zarr.partial.*--resume"):
        last(embed_cells(fields, bundle, config, place=Place(path)))
    assert last(embed_cells(fields, bundle, config, place=Place(path, overwrite=True))).result
    with pytest.raises(WouldOverwrite, match=r"table.zarr exists already"):
        last(embed_cells(fields, bundle, config, place=Place(path)))
    assert last(embed_cells(fields, None, config, place=Place(path, overwrite=True))).result
    assert "X_splicer" not in read_table(path).obsm


def test_other_channels_do_not_go_on_with_it(
    fields: list[MaskedImage], config: RunConfig, tmp_path: Path
) -> None:
    cancel, place = Cancel(), Place(tmp_path / "table.zarr", resume=True)
    stopped_after(embed_cells(fields, None, config, place=place, cancel=cancel), cancel, 1)
    renamed = [
        replace(f, image=f.image.with_channels([f"{c}!" for c in f.image.channels])) for f in fields
    ]
    with pytest.raises(InvalidSettings, match="other cells, another model"):
        last(embed_cells(renamed, None, config, place=place))
    anew = last(embed_cells(renamed, None, config, place=replace(place, overwrite=True))).result
    assert anew.var_names[0].endswith("!")
    assert np.isfinite(anew.X).all()


def test_where_the_name_can_not_be_given_nothing_is_lost(
    fields: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    expected = last(embed_cells(fields, bundle, config)).result
    place = Place(tmp_path / "table.zarr", resume=True)
    with monkeypatch.context() as patch:
        patch.setattr("napari_splicer.files._rename", full)
        with pytest.raises(CannotWrite, match=r"What was made lies in .*table.zarr.partial"):
            last(embed_cells(fields, bundle, config, place=place))
    events = [*embed_cells(fields, bundle, config, place=place)]
    assert not [event for event in events if isinstance(event, Progress)]
    assert_same(events[-1].result, expected)
    assert "done" not in anndata.read_zarr(place.path).uns


def test_a_damaged_beginning_is_refused(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, tmp_path: Path
) -> None:
    path, cancel = tmp_path / "table.zarr", Cancel()
    events = embed_cells(fields, bundle, config, place=Place(path), cancel=cancel)
    stopped_after(events, cancel, 1)
    (Place(path).partial / "uns/done/.zarray").unlink()
    with pytest.raises(UnreadableFile, match=r"can't be read.*Begin anew"):
        last(embed_cells(fields, bundle, config, place=Place(path, resume=True)))


def test_too_small_a_disk_is_told_before_the_work(
    fields: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored, "_ROOM", 1e12)
    events = embed_cells(fields, bundle, config, place=Place(tmp_path / "table.zarr"))
    with pytest.raises(CannotWrite, match="too little room"):
        last(events)
    assert list(tmp_path.iterdir()) == []


def test_pixels_of_another_size_do_not_go_on_with_it(
    fields: list[MaskedImage], config: RunConfig, tmp_path: Path
) -> None:
    cancel, place = Cancel(), Place(tmp_path / "table.zarr", resume=True)
    unknown = [replace(f, image=replace(f.image, pixel_size=None)) for f in fields]
    stopped_after(embed_cells(unknown, None, config, place=place, cancel=cancel), cancel, 1)
    told = [unknown[0], replace(fields[1], image=replace(fields[1].image, pixel_size=(0.5, 0.5)))]
    with pytest.raises(InvalidSettings, match="pixels had another size"):
        last(embed_cells(told, None, config, place=place))
    assert last(embed_cells(unknown, None, config, place=place)).result is not None


def test_a_table_that_could_not_be_begun_leaves_nothing_behind(
    fields: list[MaskedImage], config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr("anndata.io.write_elem", full)
        with pytest.raises(CannotWrite, match="no room"):
            last(embed_cells(fields, None, config, place=Place(tmp_path / "table.zarr")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("resume", [True, False])
def test_what_was_killed_before_a_table_could_be_filled_was_not_begun(
    fields: list[MaskedImage], config: RunConfig, tmp_path: Path, *, resume: bool
) -> None:
    place = Place(tmp_path / "table.zarr", resume=resume)
    zarr.open_group(place.partial, mode="w", zarr_format=2)
    assert last(embed_cells(fields, None, config, place=place)).result is not None
    assert [path.name for path in tmp_path.iterdir()] == ["table.zarr"]


def test_what_was_begun_gives_its_room_to_what_takes_its_place(
    fields: list[MaskedImage], config: RunConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path / "table.zarr", overwrite=True)
    zarr.open_group(place.partial, mode="w", zarr_format=2).create_group("uns/done")

    def free(_: Path) -> SimpleNamespace:
        return SimpleNamespace(free=0 if place.partial.exists() else 10**9)

    monkeypatch.setattr("napari_splicer.files.shutil.disk_usage", free)
    assert last(embed_cells(fields, None, config, place=place)).result is not None


_KILLED = """
import os, signal, sys
from napari_splicer import pipeline, synthetic_tissue
from napari_splicer.embedding import rows, stored
rows.PIECE = stored.PIECE = 32
fields = [synthetic_tissue(size=160, seed=0, name="first").field]
config = pipeline.RunConfig().with_values({"patches.sites": "grid", "patches.size": 8})
place = pipeline.Place(__import__("pathlib").Path(sys.argv[1]), resume=True)
real = stored.StoredTable.write
def write(self, rows, values):
    real(self, rows, values)
    if rows.start == 320:
        os.kill(os.getpid(), signal.SIGKILL)
if "--die" in sys.argv:
    stored.StoredTable.write = write
pipeline.run(pipeline.embed(fields, None, config, place=place))
"""


@pytest.fixture
def embedded(fields: list[MaskedImage], bundle: Bundle, config: RunConfig) -> AnnData:
    return last(embed_cells(fields, bundle, config)).result


def _files(table: Path) -> dict[str, int]:
    """Where every file of the matrices lies on the disk."""
    places = ("X", *(f"obsm/{name}" for name in MATRICES))
    return {
        str(path.relative_to(table)): path.stat().st_ino
        for place in places
        for path in (table / place).iterdir()
    }


@pytest.mark.parametrize("links", [True, False])
def test_what_clustering_adds_is_written_without_the_matrices(
    embedded: AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    path = tmp_path / "table.zarr"
    write_zarr(embedded, path)
    before = _files(path)
    if not links:
        monkeypatch.setattr(stored, "os", SimpleNamespace(link=_no_links))  # zarr links, too
    table = read_table(path)
    table.obs["group"] = pd.Categorical(np.where(np.arange(len(table)) % 2, "a", "b"))
    table.obsm["X_umap"] = np.arange(2 * len(table), dtype=np.float32).reshape(-1, 2)
    record(table)["projection"] = {"seed": 3}
    stored.write_changes(table, path)
    found = anndata.read_zarr(path)
    pd.testing.assert_frame_equal(found.obs, table.obs)
    assert found.uns["splicer"]["projection"] == {"seed": 3}
    for name in ("X_umap", "spatial", *MATRICES):
        np.testing.assert_array_equal(found.obsm[name], table.obsm[name])
    np.testing.assert_array_equal(found.X, embedded.X)
    assert (_files(path) == before) == links
    assert [p.name for p in tmp_path.iterdir()] == ["table.zarr"]


@pytest.mark.parametrize("version", [2, 3])
def test_what_another_program_added_stays_in_either_version_of_zarr(
    embedded: AnnData, tmp_path: Path, version: int
) -> None:
    path, count = tmp_path / "table.zarr", len(embedded)
    embedded.raw = embedded.copy()
    embedded.layers["scaled"] = embedded.X * 2
    embedded.obsp["distances"] = sparse.identity(count, format="csr")
    embedded.varm["loadings"] = np.ones((embedded.n_vars, 2))
    embedded.varp["together"] = np.eye(embedded.n_vars)
    with warnings.catch_warnings(), anndata.settings.override(zarr_write_format=version):
        warnings.simplefilter("ignore")  # that version 3 is new
        embedded.write_zarr(path)
    table = read_table(path)
    table.obs["group"] = pd.Categorical(np.where(np.arange(count) % 2, "a", "b"))
    stored.write_changes(table, path)
    found = anndata.read_zarr(path)
    assert list(found.obs["group"].cat.categories) == ["a", "b"]
    assert_same(found[:, embedded.var_names], table)
    np.testing.assert_array_equal(found.raw.X, embedded.X)
    np.testing.assert_array_equal(found.layers["scaled"], embedded.layers["scaled"])
    assert (found.obsp["distances"] != embedded.obsp["distances"]).nnz == 0
    for kept, expected in ((found.varm, embedded.varm), (found.varp, embedded.varp)):
        assert list(kept) == list(expected)
        for name in kept:
            np.testing.assert_array_equal(kept[name], expected[name])
    assert zarr.open_group(path, mode="r").metadata.zarr_format == version


def test_a_matrix_that_can_not_be_taken_over_keeps_the_table_as_it_was(
    embedded: AnnData, tmp_path: Path
) -> None:
    path = tmp_path / "table.zarr"
    write_zarr(embedded, path)
    table = read_table(path)
    (path / "X/.zarray").rename(path / "X/.zarray.lost")
    (path / "X/.zattrs").rename(path / "X/.zattrs.lost")
    before = sorted(path.rglob("*"))
    with pytest.raises(CannotWrite, match="X can't be read"):
        stored.write_changes(table, path)
    assert sorted(path.rglob("*")) == before


def _no_links(*_: object) -> None:
    raise OSError(errno.EPERM, "no links here")


def test_where_changes_can_not_be_written_the_table_is_as_it_was(
    embedded: AnnData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "table.zarr"
    write_zarr(embedded, path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr("shutil.copytree", full)
    with pytest.raises(CannotWrite, match="no room"):
        stored.write_changes(read_table(path), path)
    np.testing.assert_array_equal(read_table(path).X, embedded.X)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_process_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "table.zarr"
    command = [sys.executable, "-c", _KILLED, str(path)]
    assert subprocess.run([*command, "--die"], check=False).returncode == -signal.SIGKILL
    kept = anndata.read_zarr(Place(path).partial).uns["done"]
    assert 320 < kept.sum() < len(kept)
    subprocess.run(command, check=True)
    table = read_table(path)
    assert np.isfinite(np.asarray(table.X)).all()
    assert table.n_obs == 400
