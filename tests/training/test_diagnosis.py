"""Whether components of noise and repeated ones are found out, and that looking changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

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
from napari_splicer.patches.reader import PatchBatch
from napari_splicer.samples import synthetic_tissue
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
