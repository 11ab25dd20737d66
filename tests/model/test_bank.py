"""Branches one after the other and as one grouped network: the same numbers."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from napari_splicer.model.bank import NARROW, BranchShape, ComponentBank
from napari_splicer.model.grouped import run_grouped

SHAPES = [BranchShape(3, 6), BranchShape(1, 5), BranchShape(2, 5)]


def pair(size=32, dtype=torch.float64):
    """The same bank twice, run either way, and what its components see."""
    torch.manual_seed(0)
    alone = ComponentBank(SHAPES, width=4, hidden=7, size=size).to(dtype)
    together = copy.deepcopy(alone)
    alone.grouped, together.grouped = False, True
    seen = [torch.rand(9, shape.channels, size, size, dtype=dtype) for shape in SHAPES]
    return alone, together, seen


@pytest.mark.parametrize("size", [9, 16, 32, 60])
@pytest.mark.parametrize("training", [True, False])
def test_both_ways_give_the_same_embeddings_and_statistics(size, training):
    alone, together, seen = pair(size)
    alone.train(training), together.train(training)
    for _ in range(2):
        one, other = alone(seen), together(seen)
        assert [tuple(c.shape) for c in other] == [(9, shape.chunk) for shape in SHAPES]
        for a, b in zip(one, other, strict=True):
            torch.testing.assert_close(a, b)
    for (name, a), (_, b) in zip(alone.named_buffers(), together.named_buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_both_ways_give_the_same_gradients():
    alone, together, seen = pair()
    for bank in (alone, together):
        sum((i + 1) * c.square().sum() for i, c in enumerate(bank(seen))).backward()
    for (name, a), (_, b) in zip(
        alone.named_parameters(), together.named_parameters(), strict=True
    ):
        torch.testing.assert_close(a.grad, b.grad, msg=name)


def test_a_component_sees_nothing_of_another():
    _, together, seen = pair()
    changed = [seen[0], torch.zeros_like(seen[1]), seen[2]]
    before, after = together.eval()(seen), together(changed)
    torch.testing.assert_close(before[0], after[0])
    torch.testing.assert_close(before[2], after[2])
    assert not torch.allclose(before[1], after[1])


@pytest.mark.parametrize(("width", "one_by_one"), [(NARROW, False), (2 * NARROW, True)])
def test_on_a_cpu_wide_branches_run_one_after_the_other(width, one_by_one):
    bank = ComponentBank([BranchShape(2, 4)] * 3, width=width, hidden=8, size=16)
    calls = []
    bank.branches[1].register_forward_hook(lambda *_: calls.append(1))
    bank([torch.rand(4, 2, 16, 16)] * 3)
    assert bool(calls) == one_by_one  # a grouped run calls no branch


def test_branches_may_look_at_coarser_maps_than_the_primary():
    coarse = ComponentBank([BranchShape(1, 4)], width=4, hidden=8, size=32, largest_map=8)
    maps = []
    coarse.branches[0][0].stem.register_forward_hook(lambda *a: maps.append(a[2].shape[-1]))
    coarse.grouped = False
    assert coarse([torch.rand(2, 1, 32, 32)])[0].shape == (2, 4)
    assert maps == [8]


def test_layers_that_can_not_be_grouped_are_named():
    with pytest.raises(TypeError, match="GELU"):
        run_grouped([nn.Sequential(nn.GELU(), nn.Linear(1, 1))], [torch.rand(1, 1, 4, 4)])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_both_ways_agree_on_cuda():
    alone, together, seen = pair(dtype=torch.float32)
    seen = [x.cuda() for x in seen]
    for a, b in zip(alone.cuda()(seen), together.cuda()(seen), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)
