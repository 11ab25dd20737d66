from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import torch

from napari_splicer.config import RunConfig
from napari_splicer.embedding import resolve as resolving
from napari_splicer.embedding.embed import embed_cells
from napari_splicer.embedding.forward import Forward
from napari_splicer.embedding.table import chunk_slices, read_table, record
from napari_splicer.errors import InvalidSettings, NoCells
from napari_splicer.events import Cancel, Event, Finished, Progress, Started, Warned
from napari_splicer.export.tables import write_h5ad
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import MaskedImage
from napari_splicer.patches import blocks
from napari_splicer.patches.canvas import Canvas
from napari_splicer.patches.reader import PatchReader
from napari_splicer.patches.sites import cell_sites

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.model.bundle import Bundle
    from napari_splicer.patches.reader import PatchBatch


SHORT = (
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"),
)


def table_of(events: list[Event]) -> AnnData:
    assert isinstance(events[-1], Finished)
    return events[-1].result


def warnings_of(events: list[Event]) -> str:
    return " ".join(event.message for event in events if isinstance(event, Warned))


def test_every_cell_has_the_representation_of_its_own_patch(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    table = table_of([*embed_cells(fields, bundle, config)])
    assert table.obsm["X_splicer"].dtype == np.float32
    assert chunk_slices(table) == {"t/cell": slice(0, 6), "tumour": slice(6, 16)}
    rng = np.random.default_rng(0)
    for name, pixels in ((field.name, field.image) for field in fields):
        inner = table[
            (table.obs["region"] == name)
            & table.obs["y"].between(10, pixels.shape[0] - 10)
            & table.obs["x"].between(10, pixels.shape[1] - 10)
        ]
        for row in rng.integers(0, inner.n_obs, 10).tolist():
            cell = inner.obs.iloc[row]
            top, left = (int(np.floor(cell[axis] - 8 + 1)) for axis in "yx")
            crop = pixels.read(top, top + 16, left, left + 16, channels=bundle.channels)
            x_BCHW = bundle.normalization.apply(torch.from_numpy(crop.astype(np.float32))[None])
            with torch.no_grad():
                z_BZ, e_BD = bundle.network.embed(x_BCHW)
            np.testing.assert_allclose(inner.obsm["X_splicer"][row], z_BZ[0], atol=1e-5)
            np.testing.assert_allclose(inner.obsm["X_splicer_chunks"][row], e_BD[0], atol=1e-4)


def test_intensities_are_those_of_all_channels(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    table = table_of([*embed_cells(fields, bundle, config)])
    assert table.var_names.tolist() == list(fields[0].image.channels)
    for name, field in ((field.name, field) for field in fields):
        labels, pixels = field.cells.data.compute(), field.image.data.compute()
        here = table[table.obs["region"] == name]
        for row, cell in enumerate(here.obs["instance_id"].head(30)):
            np.testing.assert_allclose(here.X[row], pixels[:, labels == cell].mean(axis=1), 1e-5)


def test_chunks_and_batches_do_not_change_the_result(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fields[0]
    pixels = first.image.data.compute()
    image = MultiplexImage.from_array(
        da.from_array(pixels, chunks=(1, 37, 61)),
        first.image.channels,
        name="first",
        pixel_size=first.image.pixel_size,
    )
    one = table_of([*embed_cells([first], bundle, config)])
    monkeypatch.setattr(blocks, "LEAST_SIDE", 16)
    small = config.with_values({"embedding.batch": 7})
    other = table_of([*embed_cells([MaskedImage(image, first.cells)], bundle, small)])
    assert other.obs_names.tolist() != one.obs_names.tolist(), "rows stand as chunks were read"
    other = other[one.obs_names]
    np.testing.assert_allclose(other.obsm["X_splicer"], one.obsm["X_splicer"], atol=1e-5)
    np.testing.assert_array_equal(other.X, one.X)
    pd.testing.assert_frame_equal(other.obs, one.obs)


def test_progress_counts_cells_and_tells_the_time_left(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    events = [*embed_cells(fields, bundle, config)]
    count = table_of(events).n_obs
    assert isinstance(events[0], Started)
    assert events[0].total == count
    steps = [e for e in events if isinstance(e, Progress) and e.unit == "cells"]
    assert len(steps) == -(-count // 50)
    assert [step.done for step in steps] == [*range(50, count, 50), count]
    assert steps[-1].seconds_left == 0
    assert "per second" in steps[0].message


def test_cancelling_keeps_the_cells_done_so_far(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    whole = table_of([*embed_cells(fields, bundle, config)])
    cancel = Cancel()
    events = []
    for event in embed_cells(fields, bundle, config, cancel=cancel):
        events.append(event)
        if isinstance(event, Progress) and event.unit == "cells":
            cancel.request()
    part = table_of(events)
    assert events[-1].cancelled
    assert part.n_obs == 50
    assert part.uns["spatialdata_attrs"]["region"] == "first"
    assert part.obs["region"].cat.categories.tolist() == ["first"]
    same = whole[part.obs_names]
    np.testing.assert_allclose(part.obsm["X_splicer"], same.obsm["X_splicer"], atol=1e-6)
    np.testing.assert_array_equal(part.obs["instance_id"], same.obs["instance_id"])


def test_what_was_stopped_is_gone_on_with(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    whole = table_of([*embed_cells(fields, bundle, config)])
    cancel = Cancel()
    part = None
    for event in embed_cells(fields, bundle, config, cancel=cancel):
        if isinstance(event, Progress) and event.unit == "cells":
            cancel.request()
        if isinstance(event, Finished):
            part = event.result
    part.obsm["X_splicer"][:] = 7  # to be seen again: these cells are not described anew
    events = [*embed_cells(fields, bundle, config, earlier=part)]
    assert next(e for e in events if isinstance(e, Progress) and e.unit == "cells").done > 50
    table = table_of(events)
    assert table.obs_names.equals(whole.obs_names)
    kept = table.obs_names.isin(part.obs_names)
    assert (table.obsm["X_splicer"][kept] == 7).all()
    np.testing.assert_allclose(
        table.obsm["X_splicer"][~kept], whole.obsm["X_splicer"][~kept], atol=1e-6
    )
    np.testing.assert_array_equal(table.X, whole.X)

    with pytest.raises(InvalidSettings, match="another model"):
        list(embed_cells(fields, None, config, earlier=part))
    image = fields[1].image
    brighter = MultiplexImage.from_array(
        image.data.compute() + 1, image.channels, name=image.name, pixel_size=image.pixel_size
    )
    others = [fields[0], replace(fields[1], image=brighter)]
    with pytest.raises(InvalidSettings, match="other pixels: the image second is not as before"):
        list(embed_cells(others, bundle, config, earlier=part))


def test_cancelling_at_once_leaves_no_table(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    cancel = Cancel()
    cancel.request()
    last = [*embed_cells(fields, bundle, config, cancel=cancel)][-1]
    assert last.cancelled
    assert last.result is None


def test_without_a_model_the_table_holds_intensities_only(
    fields: list[MaskedImage], config: RunConfig
) -> None:
    table = table_of([*embed_cells(fields, None, config)])
    assert table.n_obs == sum(len(f.cells.cells()) for f in fields)
    assert "X_splicer" not in table.obsm
    assert record(table)["bundle"] == ""


@pytest.mark.parametrize("error", SHORT, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("cores", [1, 2])
def test_where_memory_is_short_fewer_patches_go_at_a_time(
    fields: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    cores: int,
) -> None:
    config = config.with_values({"threads": cores})
    expected = table_of([*embed_cells(fields, bundle, config)])
    embed = bundle.network.embed

    def short(x_BCHW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if len(x_BCHW) > 13:
            raise error
        return embed(x_BCHW)

    monkeypatch.setattr(bundle.network, "embed", short)
    events = [*embed_cells(fields, bundle, config)]
    assert "so 13 at a time are embedded (embedding.batch)." in warnings_of(events)
    assert warnings_of(events).endswith("at a time are embedded (embedding.batch).")
    table = table_of(events)
    assert table.obs_names.tolist() == expected.obs_names.tolist()
    np.testing.assert_allclose(table.obsm["X_splicer"], expected.obsm["X_splicer"], atol=1e-5)
    monkeypatch.setattr(bundle.network, "embed", lambda x_BCHW: short(x_BCHW.repeat(14, 1, 1, 1)))
    with pytest.raises(InvalidSettings, match="does not hold a single patch"):
        [*embed_cells(fields, bundle, config)]


@pytest.mark.parametrize("error", SHORT, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("most", [13, 5])
def test_memory_may_run_out_while_patches_are_cut_out(
    fields: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    most: int,
) -> None:
    expected = table_of([*embed_cells(fields, bundle, config)])
    cut = Canvas.cut

    def short(self: Canvas, starts: NDArray[np.int64], *out: torch.Tensor) -> torch.Tensor:
        if len(starts) > most:
            raise error
        return cut(self, starts, *out)

    monkeypatch.setattr(Canvas, "cut", short)
    events = [*embed_cells(fields, bundle, config)]
    assert "at a time are embedded (embedding.batch)." in warnings_of(events)
    table = table_of(events)
    pd.testing.assert_frame_equal(table.obs, expected.obs)
    np.testing.assert_array_equal(table.X, expected.X)
    np.testing.assert_allclose(table.obsm["X_splicer"], expected.obsm["X_splicer"], atol=1e-5)

    monkeypatch.setattr(Canvas, "cut", lambda self, starts, *out: short(self, [0] * 99, *out))
    with pytest.raises(InvalidSettings, match="does not hold a single patch"):
        [*embed_cells(fields, bundle, config)]

    def full(self: Canvas, *_: object) -> None:
        raise error

    monkeypatch.setattr(Canvas, "extend", full)
    with pytest.raises(InvalidSettings, match=r"the piece of first .* 160 × 160 pixels of 3 chan"):
        [*embed_cells(fields, bundle, config)]


@pytest.mark.parametrize("error", SHORT, ids=lambda error: type(error).__name__)
def test_memory_may_run_out_while_patches_are_normalised(
    fields: list[MaskedImage],
    bundle: Bundle,
    config: RunConfig,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    batches = list(
        PatchReader(
            fields,
            cell_sites(fields),
            channels=bundle.channels,
            side=config.patches.size,
            size=config.patches.size,
            batch=20,
            device="cpu",
        )
    )
    forward = Forward(fields, bundle, resolving.resolve(config, bundle))
    forward.most = 20
    expected = forward(batches[0])
    normalised = Forward._normalised

    def short(self: Forward, batch: PatchBatch) -> torch.Tensor:
        if len(batch) > 7:
            raise error
        return normalised(self, batch)

    monkeypatch.setattr(Forward, "_normalised", short)
    for one, other in zip(forward(batches[0]), expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    assert forward.most == 5

    def broken(self: Forward, batch: PatchBatch) -> torch.Tensor:
        raise RuntimeError("a device-side assert was triggered")

    monkeypatch.setattr(Forward, "_normalised", broken)
    with pytest.raises(RuntimeError, match="device-side"):
        forward(batches[0])
    assert forward.most == 5


def test_tiles_are_embedded_like_cells(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    grid = config.with_values({"patches.sites": "grid", "patches.stride": 16})
    unmasked = [MaskedImage(fields[0].image)]
    events = [*embed_cells(unmasked, bundle, grid)]
    table = table_of(events)
    assert table.n_obs == 100
    corner = fields[0].image.read(0, 16, 16, 32)
    np.testing.assert_allclose(table.X[1], corner.mean(axis=(1, 2)), rtol=1e-5)
    x_BCHW = bundle.normalization.apply(
        torch.from_numpy(
            fields[0].image.read(0, 16, 16, 32, channels=bundle.channels).astype(np.float32)
        )[None]
    )
    with torch.no_grad():
        np.testing.assert_allclose(
            table.obsm["X_splicer"][1], bundle.network.represent(x_BCHW)[0], atol=1e-5
        )
    with pytest.raises(NoCells, match="no cell mask"):
        next(embed_cells(unmasked, bundle, config))


def test_what_made_the_table_is_written_into_it(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig, tmp_path: Path
) -> None:
    asked = config.with_values({"model.width": 8, "seed": 7})
    write_h5ad(table_of([*embed_cells(fields, bundle, asked)]), tmp_path / "cells.h5ad")
    noted = record(read_table(tmp_path / "cells.h5ad"))
    assert noted["bundle"] == bundle.hash
    run = RunConfig.model_validate_json(noted["config"])
    assert run.model == bundle.config.model
    assert run.seed == bundle.config.seed
    assert run.embedding == asked.embedding


def test_images_that_cannot_be_told_apart_are_refused(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    with pytest.raises(InvalidSettings, match="Two images are called first"):
        next(embed_cells([fields[0], fields[0]], bundle, config))
    with pytest.raises(NoCells, match="no image to embed"):
        next(embed_cells([], bundle, config))


@pytest.mark.gpu
def test_a_gpu_gives_the_same_numbers(
    fields: list[MaskedImage], bundle: Bundle, config: RunConfig
) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    on_gpu = config.with_values({"device": "cuda", "precision": "fp32"})
    z, expected = (
        table_of([*embed_cells(fields, bundle, c)]).obsm["X_splicer"] for c in (on_gpu, config)
    )
    np.testing.assert_allclose(z, expected, atol=1e-2)
    assert next(bundle.network.parameters()).device.type == "cpu"
