"""Training on a smaller level of a pyramid: what is read, kept, resumed and repeated."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from pyramids import at_full_resolution, with_pyramid
from trained import of, same, stop_after

from napari_splicer.config import RunConfig, load_run
from napari_splicer.events import Warned
from napari_splicer.model.storage import pack, read_about
from napari_splicer.patches.augmentation import padded_size
from napari_splicer.training import checkpoint
from napari_splicer.training.reading import training_reader
from napari_splicer.training.resolve import resolve
from napari_splicer.training.trainer import fit


@pytest.fixture(scope="module")
def coarse(quick):
    """Settings of a network whose pixels are twice those of the tissue."""
    return quick.with_values({"patches.size_um": 16.0})


@pytest.fixture(scope="module")
def slide(field):
    return with_pyramid(field)


@pytest.fixture(scope="module")
def trained(slide, coarse):
    return list(fit([slide], coarse))[-1].result


def test_only_the_level_is_read(field, coarse):
    log = []
    slide = with_pyramid(field, log=log)
    run = resolve(coarse, [slide])
    log.clear()
    reader = training_reader([slide], run, slide.image.channels[:3])
    batches = list(reader)
    assert {level for level, *_ in log} == {2}
    assert reader.dtype == torch.uint16  # as stored, not resampled: half the memory
    assert sum(map(len, batches)) == len(slide.cells.cells())
    size = padded_size(run.augmentation, 16)
    assert batches[0].x_BCHW.shape[1:] == (3, size, size)


def test_what_is_kept_takes_less_memory_than_resampled_patches(slide, coarse):
    """So that what is planned before the start is what is needed."""
    from napari_splicer.patches.cache import capacity

    channels = slide.image.channels[:3]
    readers = [
        training_reader([field], resolve(coarse, [field]), channels)
        for field in (slide, at_full_resolution(slide))
    ]
    patch = readers[0].size ** 2 * (3 * 2 + 4) + 3 * 8
    budget = 2.5 * patch / 1e9
    fitting = []
    for reader in readers:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("napari_splicer.patches.cache.room_on_disk", lambda folder: 0)
            patched.setattr("napari_splicer.patches.cache.LEAST_PATCHES", 1)
            fitting.append(capacity(reader, budget))
    assert fitting == [2, 1]


def test_the_model_says_at_which_level_it_saw_the_image(trained, slide):
    assert trained.config.patches.resolution == "fitting"
    assert trained.config.patches.levels == {slide.name: 4.0}


def test_its_settings_train_the_same_model_again(trained, slide, tmp_path):
    file = tmp_path / "run.toml"
    file.write_text(trained.config.to_toml(), encoding="utf-8")
    again = list(fit([slide], load_run(file)))[-1].result
    assert again.config == trained.config
    assert same(trained, again)


def test_the_run_file_of_an_older_version_reads_full_resolution(trained, slide, tmp_path):
    data = trained.config.model_dump(mode="json", exclude_none=True)
    for name in ("resolution", "levels"):
        del data["patches"][name]
    file = tmp_path / "run.toml"
    import tomli_w

    file.write_text(tomli_w.dumps(data), encoding="utf-8")
    assert load_run(file).patches.resolution == "full"
    again = list(fit([slide], load_run(file)))[-1].result
    flat = list(fit([at_full_resolution(slide)], trained.config))[-1].result
    assert same(again, flat)


def test_a_run_file_that_leaves_things_open_reads_the_level(tmp_path):
    file = tmp_path / "run.toml"
    file.write_text('device = "cpu"\n[training]\nsteps = 5\n', encoding="utf-8")
    assert load_run(file).patches.resolution == "fitting"


def test_resumed_at_the_level_it_was_trained_at(trained, slide, coarse, tmp_path):
    stop_after(3, lambda cancel: fit([slide], coarse, folder=tmp_path, cancel=cancel))
    resumed = list(fit([slide], coarse, folder=tmp_path, resume=True))[-1].result
    assert same(trained, resumed)


def test_a_checkpoint_of_an_older_version_goes_on_at_full_resolution(slide, coarse, tmp_path):
    full = coarse.with_values({"patches.resolution": "full"})
    whole = list(fit([slide], full))[-1].result
    stop_after(3, lambda cancel: fit([slide], full, folder=tmp_path, cancel=cancel))
    path = checkpoint.checkpoint_path(tmp_path)
    record = json.loads(read_about(path)["napari-splicer-checkpoint"])
    for name in ("resolution", "levels"):
        del record["config"]["patches"][name]
    tensors = checkpoint.read_checkpoint_tensors(tmp_path)
    path.write_bytes(pack(tensors, {"napari-splicer-checkpoint": json.dumps(record)}))
    resumed = list(fit([slide], coarse, folder=tmp_path, resume=True))[-1].result
    assert resumed.config.patches.resolution == "full"
    assert same(whole, resumed)


def test_it_is_said_where_patches_come_from(slide, coarse):
    events = []
    for event in fit([slide], coarse):
        events.append(event)
        if len(events) > 20:
            break
    said = " ".join(event.message for event in of(Warned, events))
    assert "coarser than the image's, so patches are cut from a smaller resolution" in said


def test_normalisation_is_that_of_full_resolution(trained, slide, coarse):
    flat = list(fit([at_full_resolution(slide)], coarse))[-1].result
    assert trained.normalization == flat.normalization
    assert np.isfinite(trained.normalization.upper).all()
    assert RunConfig().patches.levels == {}
