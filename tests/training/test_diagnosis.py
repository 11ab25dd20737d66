"""Whether components of noise and repeated ones are found out, and that looking changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from trained import same, stop_after

from napari_splicer.config import (
    Component,
    ModelSettings,
    PatchSettings,
    Region,
    RunConfig,
    TrainingSettings,
)
from napari_splicer.events import Cancel, Finished, Metrics, Warned
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import MaskedImage
from napari_splicer.model.findings import findings
from napari_splicer.model.splicer import SpliCER
from napari_splicer.patches.reader import PatchBatch
from napari_splicer.samples import synthetic_tissue
from napari_splicer.training import looks, schedule
from napari_splicer.training.diagnosis import own_means
from napari_splicer.training.resolve import seen_channels
from napari_splicer.training.trainer import fit

CELL = Region(kind="cell")
IMMUNE = ("CD45", "CD3", "CD8", "CD20", "CD68")


@pytest.fixture(scope="module")
def noisy():
    """A tissue with a channel of pure noise."""
    field = synthetic_tissue(size=288, seed=2).field
    pixels = field.image.data.compute().astype(np.float32)
    noise = np.random.default_rng(2).normal(100, 20, pixels.shape[1:]).astype(np.float32)
    image = MultiplexImage.from_array(
        np.concatenate([pixels, noise[None]]), [*field.image.channels, "Noise"], name="noisy"
    )
    return MaskedImage(image=image, cells=field.cells, regions={})


@pytest.fixture(scope="module")
def judged(noisy):
    """Events of a training with components of noise, and a repeated one."""
    config = RunConfig(
        seed=2,
        device="cpu",
        threads=1,
        components=(
            Component(name="structure", channels=("PanCK", "Vimentin", "SMA")),
            Component(name="immune", channels=IMMUNE, region=CELL),
            Component(name="immune again", channels=IMMUNE, region=CELL),
            Component(name="noise", channels=("Noise",)),
            Component(name="noise in the cell", channels=("Noise",), region=CELL),
        ),
        patches=PatchSettings(size=16),
        model=ModelSettings(width=8, embedding=80, hidden=32),
        training=TrainingSettings(steps=100, batch=48),
    )
    return list(fit([noisy], config))


def test_noise_and_repetition_are_named_and_nobody_else(judged):
    bundle = judged[-1].result
    found = findings(bundle.diagnostics, bundle.config.components)
    noise, masked, repeated = found
    assert (noise.kind, noise.components) == ("uninformative", ("noise",))
    assert masked.kind in ("outline", "uninformative")
    assert masked.components == ("noise in the cell",)
    assert (repeated.kind, repeated.components) == ("repeated", ("immune", "immune again"))


def test_findings_are_told_when_training_ends(judged):
    bundle = judged[-1].result
    found = [str(each) for each in findings(bundle.diagnostics, bundle.config.components)]
    told = [event.message for event in judged if isinstance(event, Warned)]
    assert told[-3:] == found


def test_numbers_are_of_the_model(judged, noisy):
    bundle = judged[-1].result
    found = bundle.diagnostics
    assert found.images == ("noisy",)
    assert found.markers == bundle.channels == seen_channels(bundle.config, [noisy])
    assert found.trained == found.patches == len(noisy.cells.cells())
    assert found.steps == 100
    assert [part.name for part in found.chunks] == [*bundle.network.component_slices]
    assert sum(part.width for part in found.chunks) == 80
    last = [event for event in judged if isinstance(event, Metrics)][-1].values
    assert found.representation.rank == pytest.approx(last["rankme"], abs=1e-3)
    assert found.chunks[0].rank == pytest.approx(last["rankme/structure"], abs=1e-3)
    knows = {part.name: dict(zip(found.markers, part.r2, strict=True)) for part in found.chunks}
    assert knows["structure"]["PanCK"] > 0.7
    assert knows["structure"]["Noise"] < 0.3


def test_a_training_tells_meanwhile_what_its_end_tells(judged):
    looked = [e for e in judged if isinstance(e, Metrics) and "cka" in e.values]
    assert [event.step for event in looked] == [50, 100]
    bundle, last = judged[-1].result, looked[-1].values
    found = bundle.diagnostics
    assert found.patches <= looks.SEEN_CLOSELY  # else they would be of fewer patches
    for pair in found.alignments:
        assert last[f"alignment/{pair.name}"] == pytest.approx(pair.own, abs=1e-3)
        assert last[f"alignment_shuffled/{pair.name}"] == pytest.approx(pair.shuffled, abs=1e-3)
    for part in found.chunks:
        assert last[f"r2/{part.name}"] == pytest.approx(max(part.r2), abs=1e-3)
    assert last["r2"] == pytest.approx(max(found.representation.r2), abs=1e-3)
    others = [value for i, row in enumerate(found.similarity) for value in row[i + 1 :]]
    assert last["cka"] == pytest.approx(max(others), abs=1e-3)
    assert last["cka/immune and immune again"] == last["cka"]
    steps = [event.step for event in looked]
    assert [step for step, _ in bundle.history["alignment/noise"]] == steps
    assert last["alignment/noise"] < 0.6 < last["alignment/structure"]


@pytest.mark.parametrize(
    "asked",
    [
        {"training.ema": 0.9, "training.patience": 3},
        {"model.loss": "byol"},
        {"model.loss": "dino"},
        {"model.objective": "je"},
    ],
)
def test_looking_closely_leaves_a_training_as_it_is(asked, field, quick, tmp_path, monkeypatch):
    run = quick.with_values({"device": "cpu", **asked})
    plain = list(fit([field], run))[-1].result
    assert not any(name.startswith("alignment") for name in plain.history)
    monkeypatch.setattr(schedule, "BETWEEN_CLOSE_LOOKS", 1)
    torch.manual_seed(7)
    np.random.seed(7)  # noqa: NPY002  # what others draw from
    drawn = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    bundle = list(fit([field], run))[-1].result
    assert torch.equal(torch.get_rng_state(), drawn[0])
    assert (np.random.get_state()[1] == drawn[1]).all()  # noqa: NPY002
    assert same(bundle, plain)
    added = {"alignment", "alignment_shuffled", "r2", "cka"}
    seen = {k: v for k, v in bundle.history.items() if k.partition("/")[0] in added}
    assert {k: v for k, v in bundle.history.items() if k not in seen} == plain.history
    assert [step for step, _ in seen["r2"]] == [1, 2, 3, 4, 5, 6]

    stop_after(4, lambda c: fit([field], run, folder=tmp_path, cancel=c))
    resumed = list(fit([field], run, folder=tmp_path, resume=True))[-1].result
    assert same(resumed, bundle)
    assert resumed.history == bundle.history


def test_a_close_look_that_memory_does_not_hold_is_left_out(field, quick, monkeypatch):
    monkeypatch.setattr(schedule, "BETWEEN_CLOSE_LOOKS", 1)
    counterparts, asked = SpliCER.counterparts, []

    def short(self, *views):
        asked.append(1)
        if len(asked) < 10:
            raise MemoryError
        return counterparts(self, *views)

    monkeypatch.setattr(SpliCER, "counterparts", short)
    bundle = list(fit([field], quick))[-1].result
    steps = [step for step, _ in bundle.history["alignment/nuclei"]]
    assert steps[0] > 1
    assert steps[-1] == 6
    assert len(bundle.history["loss"]) == 6


def test_without_components_two_views_are_compared(field, quick):
    config = quick.with_values({"model.objective": "je"})
    found = list(fit([field], config))[-1].result.diagnostics
    assert [item.name for item in found.alignments] == ["whole"]
    assert found.chunks == found.similarity == ()
    assert found.alignments[0].own > found.alignments[0].shuffled


@pytest.mark.parametrize("objective", ["sum-je", "concat"])
def test_rivals_are_looked_at(objective, field, quick):
    config = quick.with_values({"model.objective": objective})
    found = list(fit([field], config))[-1].result.diagnostics
    assert [item.name for item in found.alignments] == ["nuclei", "around"]


def test_a_stopped_training_is_looked_at_from_its_first_step(field, quick):
    def stopped_after(steps):
        cancel = Cancel()
        events = []
        for event in fit([field], quick, cancel=cancel):
            events.append(event)
            if isinstance(event, Metrics) and event.step == steps:
                cancel.request()
        return events

    finished = stopped_after(1)[-1]
    assert isinstance(finished, Finished)
    assert finished.cancelled
    assert finished.result.diagnostics.steps == 1


def test_looking_draws_from_nobodys_random_numbers(field, quick):
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = (list(fit([field], quick))[-1].result for _ in range(2))
    assert torch.equal(torch.random.get_rng_state(), before[0])
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    same = {"date": ""}
    assert first.diagnostics.model_copy(update=same) == second.diagnostics.model_copy(update=same)


def test_on_a_grid_markers_are_those_of_the_tile(field, quick):
    tiles = quick.with_values({"patches.sites": "grid", "components.1.region.kind": "whole"})
    found = list(fit([field], tiles))[-1].result.diagnostics
    assert all(value is not None for value in found.representation.r2)


def test_means_are_of_the_own_cell():
    x_BCHW = torch.arange(8.0).reshape(1, 2, 2, 2).repeat(2, 1, 1, 1)
    labels_BHW = torch.tensor([[[7, 7], [0, 3]], [[0, 0], [0, 3]]])
    no = torch.zeros(2, dtype=torch.int64)
    batch = PatchBatch(
        x_BCHW, labels_BHW, torch.zeros(2, 0, 2, 2, dtype=torch.bool), no + 7, no, no
    )
    torch.testing.assert_close(own_means(batch), torch.tensor([[0.5, 4.5], [1.5, 5.5]]))
    grid = replace(batch, id_B=no - 1)
    torch.testing.assert_close(own_means(grid), torch.tensor([[1.5, 5.5], [1.5, 5.5]]))
