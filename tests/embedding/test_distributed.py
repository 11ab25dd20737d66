"""Workers in processes of their own give what one process gives, whatever becomes of them."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import zarr
from distributed import Client, LocalCluster
from pyramids import at_full_resolution, finer, write_zarr

from napari_splicer.embedding import distributed, rows, scheduler, stored
from napari_splicer.embedding.describe import patch_reader
from napari_splicer.embedding.embed import embed_cells
from napari_splicer.embedding.place import Place
from napari_splicer.embedding.table import MATRICES, read_table, record
from napari_splicer.errors import InvalidSettings, WorkersFailed
from napari_splicer.events import Cancel, Finished, Progress
from napari_splicer.images.masks import MaskedImage
from napari_splicer.images.open import open_image, open_mask
from napari_splicer.patches import blocks
from napari_splicer.patches.sites import find_sites, patch_sides

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.config import RunConfig
    from napari_splicer.model.bundle import Bundle

DIE = """
import os, signal
from napari_splicer.embedding import describe

def die_midway(*args, real=describe.described):
    for number, found in enumerate(real(*args)):
        yield found
        if number == 1:
            try:
                os.close(os.open({flag!r}, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                continue
            os.kill(os.getpid(), signal.SIGKILL)

describe.described = die_midway
"""
"""Of all workers that run this, the first that is in the middle of a piece is killed."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """A scheduler whose workers are two processes."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
    ) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler whose workers are threads: they begin at once."""
    with LocalCluster(
        n_workers=2, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as cluster:
        yield str(cluster.scheduler_address)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many pieces of small images; where they are cut is decided in this process."""
    monkeypatch.setattr(blocks, "LEAST_SIDE", 32)
    monkeypatch.setattr(distributed, "LEAST", 8)
    for module in (rows, stored):
        monkeypatch.setattr(module, "PIECE", 16)


@pytest.fixture(scope="module")
def stored_fields(
    fields: list[MaskedImage], tmp_path_factory: pytest.TempPathFactory
) -> list[MaskedImage]:
    """The fields of other tests in files, in chunks of 32 pixels."""
    folder = tmp_path_factory.mktemp("slides")
    opened = []
    for field in fields:
        assert field.cells is not None
        image, cells = (folder / f"{field.name}{kind}.zarr" for kind in ("", "_mask"))
        pixels, labels = field.image.data.compute(), field.cells.data.compute()
        zarr.create_array(image, data=pixels, chunks=(1, 32, 32))
        zarr.create_array(cells, data=labels, chunks=(32, 32))
        opened.append(
            MaskedImage(
                open_image(image, channels=field.image.channels, pixel_size=0.5), open_mask(cells)
            )
        )
    return opened


def last(events: Iterator[object]) -> Finished:
    *_, finished = events
    assert isinstance(finished, Finished)
    return finished


def assert_same(table: AnnData, expected: AnnData) -> None:
    pd.testing.assert_frame_equal(table.obs, expected.obs)
    np.testing.assert_array_equal(np.asarray(table.X), expected.X)
    for name in MATRICES:
        np.testing.assert_allclose(np.asarray(table.obsm[name]), expected.obsm[name], atol=1e-5)


def test_two_workers_give_what_one_process_gives(
    stored_fields: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    cluster: LocalCluster,
    tmp_path: Path,
) -> None:
    expected = last(embed_cells(stored_fields, bundle, config)).result
    place, address = Place(tmp_path / "table.zarr"), cluster.scheduler_address
    events = [*embed_cells(stored_fields, bundle, config, place=place, scheduler=address)]
    assert_same(events[-1].result, expected)
    assert_same(read_table(place.path), expected)
    steps = [event.done for event in events if isinstance(event, Progress)]
    assert len(steps) > 6
    assert steps == sorted(steps)
    assert steps[-1] == expected.n_obs
    one, other = record(events[-1].result), record(expected)
    assert one["config"] == other["config"]


def test_tiles_and_intensities_alone_too(
    stored_fields: list[MaskedImage], bundle: Bundle, config: RunConfig, address: str
) -> None:
    expected = last(embed_cells(stored_fields, None, config)).result
    table = last(embed_cells(stored_fields, None, config, scheduler=address)).result
    np.testing.assert_array_equal(table.X, expected.X)
    grid = config.with_values({"patches.sites": "grid", "patches.stride": 16})
    unmasked = [MaskedImage(stored_fields[0].image)]
    expected = last(embed_cells(unmasked, bundle, grid)).result
    assert_same(last(embed_cells(unmasked, bundle, grid, scheduler=address)).result, expected)


def test_workers_read_the_level_that_is_read_here(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, address: str, tmp_path: Path
) -> None:
    """Also where this process sees fewer levels than are in the file."""
    levels, labels, pixel_size = finer(fields[0])
    channels = fields[0].image.channels
    write_zarr(tmp_path / "slide.zarr", levels, channels, pixel_size)
    zarr.create_array(tmp_path / "cells.zarr", data=labels, chunks=(64, 64))
    slide = MaskedImage(open_image(tmp_path / "slide.zarr"), open_mask(tmp_path / "cells.zarr"))
    for field, coarser in ((slide, 2.0), (at_full_resolution(slide), None)):
        expected = last(embed_cells([field], bundle, config)).result
        table = last(embed_cells([field], bundle, config, scheduler=address)).result
        assert_same(table, expected)
        found = record(table).get("levels", {}).get("coarser")
        assert (None if found is None else found.item()) == coarser
        assert record(table)["config"] == record(expected)["config"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_worker_that_is_killed_midway_changes_nothing(
    stored_fields: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    cluster: LocalCluster,
    tmp_path: Path,
) -> None:
    address = cluster.scheduler_address
    config = config.with_values({"embedding.batch": 4})
    expected = last(embed_cells(stored_fields, bundle, config)).result
    with Client(address, set_as_default=False) as client:
        before = client.run(os.getpid)
        client.run(exec, DIE.format(flag=str(tmp_path / "killed")), {})
    place = Place(tmp_path / "table.zarr")
    events = [*embed_cells(stored_fields, bundle, config, place=place, scheduler=address)]
    assert (tmp_path / "killed").exists()
    with Client(address, set_as_default=False) as client:
        client.wait_for_workers(2)
        assert len({*client.run(os.getpid).values()} - {*before.values()}) == 1
    assert_same(read_table(place.path), expected)
    steps = [event.done for event in events if isinstance(event, Progress)]
    assert steps[-1] == expected.n_obs, "each cell was counted once"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_piece_that_ends_its_workers_is_told_and_the_rest_is_kept(
    stored_fields: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    cluster: LocalCluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = last(embed_cells(stored_fields, bundle, config)).result
    address = cluster.scheduler_address
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 0)
    with Client(address, set_as_default=False) as client:  # one that began anew would take long
        warm = client.run(eval, "'torch' in __import__('sys').modules", {})
        client.retire_workers(
            [worker for worker in warm if not warm[worker] and any(warm.values())]
        )
    config = config.with_values({"embedding.batch": 4})
    place = Place(tmp_path / "table.zarr", resume=True)
    events = embed_cells(stored_fields, bundle, config, place=place, scheduler=address)
    for event in events:
        if isinstance(event, Progress):
            break
    with Client(address, set_as_default=False) as client:
        client.run(exec, DIE.format(flag=str(tmp_path / "killed")), {})
    with pytest.raises(WorkersFailed, match=r"A piece of (first|second) .* --resume goes on"):
        last(events)
    done = read_table(place.partial).uns["done"]
    assert 0 < done.sum() < len(done)
    assert_same(last(embed_cells(stored_fields, bundle, config, place=place)).result, expected)


def test_what_was_stopped_goes_on_with_or_without_workers(
    stored_fields: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    address: str,
    tmp_path: Path,
) -> None:
    expected = last(embed_cells(stored_fields, bundle, config)).result
    cancel, place = Cancel(), Place(tmp_path / "table.zarr", resume=True)
    begun = embed_cells(
        stored_fields, bundle, config, place=place, scheduler=address, cancel=cancel
    )
    for event in begun:
        if isinstance(event, Progress):
            cancel.request()
    assert isinstance(event, Finished)
    assert event.cancelled
    assert 0 < event.result.n_obs < expected.n_obs
    again, stop = [], Cancel()
    for event in embed_cells(stored_fields, bundle, config, place=place, cancel=stop):
        again.append(event)
        if isinstance(event, Progress):
            stop.request()
    went_on = [*embed_cells(stored_fields, bundle, config, place=place, scheduler=address)]
    first = next(event for event in went_on if isinstance(event, Progress))
    assert first.done > again[-1].result.n_obs
    assert_same(went_on[-1].result, expected)


def test_pieces_are_cut_at_the_same_places_whatever_is_done(
    stored_fields: list[MaskedImage], config: RunConfig
) -> None:
    sides = patch_sides(stored_fields, config.patches)
    sites = find_sites(stored_fields, config.patches, sides)
    reader = patch_reader(stored_fields, sites, None, config, sides).in_reading_order()
    pieces = list(distributed.runs(reader, 12))
    np.testing.assert_array_equal(np.concatenate(pieces), np.arange(len(sites)))
    fields = [set(reader.sites.field[piece].tolist()) for piece in pieces]
    assert all(len(found) == 1 for found in fields)
    full = [len(p) >= 12 for p, f, g in zip(pieces, fields, fields[1:], strict=False) if f == g]
    assert len(full) > 1
    assert all(full)
    rows = [reader.sites.y[piece] // 32 for piece in pieces if reader.sites.field[piece[0]] == 0]
    assert max(rows[0].max() - rows[1].min(), 0) <= 1, "neighbours share one row of blocks"


def test_a_scheduler_that_does_not_answer_is_told_soon(
    stored_fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    begun = time.perf_counter()
    for address in ("tcp://127.0.0.1:9", "nonsense://here"):
        with pytest.raises(WorkersFailed, match=f"No scheduler answers at {address}"):
            next(embed_cells(stored_fields, bundle, config, scheduler=address))
    assert time.perf_counter() - begun < 20


def test_images_in_memory_can_not_be_sent(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, address: str
) -> None:
    with pytest.raises(InvalidSettings, match="image first lies in no file"):
        next(embed_cells(fields, bundle, config, scheduler=address))


def test_workers_that_do_not_fit_are_refused(
    config: RunConfig, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scheduler.connected(address) as client:
        with pytest.raises(WorkersFailed, match=r"worker \S+ can't see /gone/a\.tif"):
            scheduler.introduced(client, ["/gone/a.tif"], config, None)
        away = config.with_values({"device": "cuda:63"})
        with pytest.raises(InvalidSettings, match=r"On the worker \S+: .*no device 'cuda:63'"):
            scheduler.introduced(client, [], away, config)
        monkeypatch.setattr(scheduler, "__version__", "99.0")
        with pytest.raises(WorkersFailed, match=r"has napari-splicer \S+, but here it is 99\.0"):
            scheduler.introduced(client, [], config, None)


def test_a_scheduler_without_workers_is_refused(config: RunConfig) -> None:
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as empty,
        scheduler.connected(empty.scheduler_address) as client,
        pytest.raises(WorkersFailed, match="has no workers"),
    ):
        scheduler.introduced(client, [], config, None)
