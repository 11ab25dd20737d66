"""Batches that go through the network side by side."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_splicer.embedding.describe import Here, patch_reader
from napari_splicer.embedding.embed import embed_cells
from napari_splicer.embedding.forward import Forward
from napari_splicer.embedding.passes import Passes
from napari_splicer.embedding.resolve import resolve
from napari_splicer.events import Cancel, Finished, Progress
from napari_splicer.patches.sites import find_sites, patch_sides
from napari_splicer.training.device import threads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_splicer.config import RunConfig
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.patches.reader import PatchBatch


@pytest.fixture
def batches(fields: list[MaskedImage], bundle: Bundle, config: RunConfig) -> list[PatchBatch]:
    run = resolve(config.with_values({"embedding.batch": 10}), bundle)
    sides = patch_sides(fields, run.patches)
    return [*patch_reader(fields, find_sites(fields, run.patches, sides), bundle, run, sides)]


@pytest.fixture
def forward(fields: list[MaskedImage], bundle: Bundle, config: RunConfig) -> Iterator[Forward]:
    with closing(Forward(fields, bundle, resolve(config, bundle))) as forward:
        yield forward


def test_batches_of_two_cores_come_out_in_the_order_they_went_in(
    forward: Forward, batches: list[PatchBatch], monkeypatch
) -> None:
    used, really = set(), Forward.__call__

    def slow_at_first(self: Forward, batch: PatchBatch):
        used.add(threading.current_thread().name)
        time.sleep(0.2 if batch is batches[0] else 0)
        return really(self, batch)

    monkeypatch.setattr(Forward, "__call__", slow_at_first)
    with threads(2), Passes.begun(forward) as passes:
        assert torch.get_num_threads() == 1
        found = [item for batch in batches for item in passes.put(batch)]
        found += passes.rest()
    assert len(used) == 2
    with threads(1):
        for item, batch in zip(found, batches, strict=True):
            np.testing.assert_array_equal(item.rows, batch.index_B)
            np.testing.assert_array_equal(item.matrices["X_splicer"], really(forward, batch)[0])


def test_no_more_batches_are_on_their_way_than_cores_and_one(
    forward: Forward, batches: list[PatchBatch], monkeypatch
) -> None:
    go, really = threading.Event(), Forward.__call__

    def waiting(self: Forward, batch: PatchBatch):
        go.wait(10)
        return really(self, batch)

    monkeypatch.setattr(Forward, "__call__", waiting)
    with threads(2), Passes.begun(forward) as passes:
        assert not [item for batch in batches[:3] for item in passes.put(batch)]
        threading.Timer(0.1, go.set).start()
        assert next(iter(passes.put(batches[3])))  # the first was waited for


def test_none_that_waits_is_begun_once_it_is_dropped(
    forward: Forward, batches: list[PatchBatch], monkeypatch
) -> None:
    begun, really = [], Forward.__call__

    def slow(self: Forward, batch: PatchBatch):
        begun.append(batch)
        time.sleep(0.1)
        return really(self, batch)

    monkeypatch.setattr(Forward, "__call__", slow)
    with threads(2), Passes.begun(forward) as passes:
        for batch in batches[:3]:
            list(passes.put(batch))
    assert len(begun) == 2


def test_what_goes_wrong_in_a_batch_is_told(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, monkeypatch
) -> None:
    def broken(self: Forward, batch: PatchBatch):
        raise RuntimeError("a layer broke")

    monkeypatch.setattr(Forward, "__call__", broken)
    with pytest.raises(RuntimeError, match="a layer broke"):
        list(embed_cells(fields, bundle, config.with_values({"threads": 2})))


def test_a_table_is_the_same_however_many_cores_made_it(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, monkeypatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    tables = []
    for count in (1, 2, 3):
        *_, last = embed_cells(fields, bundle, config.with_values({"threads": count}))
        assert isinstance(last, Finished)
        tables.append(last.result)
    for table in tables[1:]:
        assert table.obs_names.equals(tables[0].obs_names)
        for name in ("X_splicer", "X_splicer_chunks"):
            np.testing.assert_array_equal(table.obsm[name], tables[0].obsm[name])


def test_cancelling_on_several_cores_ends_their_threads(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    cancel = Cancel()
    small = config.with_values({"threads": 2, "embedding.batch": 5})
    events = embed_cells(fields, bundle, small, cancel=cancel)
    for event in events:
        if isinstance(event, Progress):
            cancel.request()
    assert isinstance(event, Finished)
    assert event.cancelled
    assert not [t for t in threading.enumerate() if t.name.startswith("embed")]


def test_images_with_a_scale_each_are_fitted_before_several_cores_begin(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, monkeypatch
) -> None:
    fitted: list[str] = []
    monkeypatch.setattr(
        "napari_splicer.embedding.forward.make_normalizer",
        lambda *_, **__: fitted.append(threading.current_thread().name),
    )
    scaled = config.with_values({"normalization.scope": "image"})
    each = replace(bundle, config=bundle.config.with_values({"normalization.scope": "image"}))
    with Here.opened(fields, each, scaled.with_values({"threads": 2})) as here, threads(2):
        assert here._forward is not None
        with Passes.begun(here._forward):
            assert fitted == [threading.current_thread().name]
