"""Components change places: so do their chunks, and nothing else."""

from __future__ import annotations

import re

import pytest
import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, ModelSettings
from napari_splicer.model.losses import LOSSES
from napari_splicer.model.objectives import build_network

CHANNELS = ("PanCK", "CD3", "DNA")
COMPONENTS = (
    Component(name="epithelium", channels=("PanCK",), width=5),
    Component(name="immune", channels=("CD3", "DNA"), weight=0.5, width=7),
    Component(name="nuclei", channels=("DNA",), width=4),
)
PLACES = {"PanCK": slice(0, 1), "CD3": slice(1, 3), "DNA": slice(2, 3)}
ORDER = (2, 0, 1)
SETTINGS = ModelSettings(width=8, embedding=16, hidden=16)
NUMBERED = re.compile(r"(branches\.|_chunks\.|_chunk_|_target_)(\d+)")


def network(loss, components):
    settings = SETTINGS.model_copy(update={"loss": loss})
    return build_network(settings, Decomposition(components), CHANNELS, 16)


def views(components):
    """Return one view, and of another what each component sees."""
    generator = torch.Generator().manual_seed(0)
    first, second = torch.rand(2, 8, 3, 16, 16, generator=generator)
    return first, [second[:, PLACES[each.channels[0]]] for each in components]


def moved(state, order):
    """Return weights for a network whose component ``i`` is this one's ``order[i]``."""
    place = {str(was): str(now) for now, was in enumerate(ORDER)}
    made = {}
    for key, value in state.items():
        renamed = NUMBERED.sub(lambda found: found[1] + place[found[2]], key)
        made[renamed] = value[order] if "projector.3." in key else value
    return made


@pytest.mark.parametrize("loss", sorted(set(LOSSES) - {"lejepa"}))  # it draws directions, in order
def test_permuting_components_permutes_chunks_and_nothing_else(loss):
    one, other = network(loss, COMPONENTS), network(loss, [COMPONENTS[i] for i in ORDER])
    slices = [one.component_slices[COMPONENTS[i].name] for i in ORDER]
    order = [column for part in slices for column in range(part.start, part.stop)]
    other.load_state_dict(moved(one.state_dict(), order))
    first, parts = views(COMPONENTS)
    (z, e), (turned_z, turned_e) = one.embed(first), other.embed(first)
    torch.testing.assert_close(turned_z, z)
    torch.testing.assert_close(turned_e, e[:, order])

    expected = one.objective(first, parts)
    found = other.objective(first, [parts[i] for i in ORDER])
    torch.testing.assert_close(found.total, expected.total)
    for name, value in expected.parts.items():
        torch.testing.assert_close(found.parts[name], value)

    expected.total.backward()
    found.total.backward()
    gradients = {name: p.grad for name, p in one.named_parameters() if p.grad is not None}
    turned = {name: p.grad for name, p in other.named_parameters() if p.grad is not None}
    assert {name.split(".")[0] for name in gradients} >= {"encoder", "projector"}
    torch.testing.assert_close(turned, moved(gradients, order), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_a_component_that_no_patch_has_gets_no_gradient(loss):
    splicer = network(loss, COMPONENTS)
    first, parts = views(COMPONENTS)
    nobody = torch.zeros(8, dtype=torch.bool)
    terms = splicer.objective(first, parts, present={"immune": nobody})
    terms.total.backward()
    assert terms.parts["immune"].item() == 0
    still = [p.grad for p in splicer.bank.branches[1].parameters()]
    assert all(grad is None or not grad.any() for grad in still)
    if any(p.grad is not None for p in splicer.bank.parameters()):
        assert any(p.grad.any() for p in splicer.bank.branches[0].parameters())
    rows = splicer.projector[3].weight.grad[splicer.component_slices["immune"]]
    assert torch.isfinite(rows).all()
