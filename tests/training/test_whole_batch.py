"""Two shares of a batch together give the loss, the gradient and the statistics of the whole.

In double precision, so that nothing hides behind rounding; the processes are threads here, which
hand each other their tensors.
"""

from __future__ import annotations

import copy
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, ModelSettings
from napari_splicer.model.losses import LOSSES
from napari_splicer.model.objectives import build_network
from napari_splicer.training.group import Group
from napari_splicer.training.whole_batch import WholeBatch

PARTS = Decomposition(
    (Component(name="a", channels=("1", "2")), Component(name="b", channels=("3",)))
)
BATCH = 16


class Threads(Group):
    """One of two threads that exchange tensors as processes would."""

    size = 2

    def __init__(self, rank, barrier, table):
        self.rank = rank
        self._barrier = barrier
        self._table = table

    def gather(self, tensor):
        self._table[self.rank] = tensor.clone()
        self._barrier.wait()
        gathered = [self._table[rank].clone() for rank in range(self.size)]
        self._barrier.wait()
        return gathered

    def sum(self, tensor):
        return tensor.copy_(torch.stack(self.gather(tensor)).sum(dim=0))


def seen(objective):
    """What the network is shown of a batch: views of the primary, of components, who has which."""
    generator = torch.Generator().manual_seed(3)
    first, second = torch.rand((2, BATCH, 3, 16, 16), generator=generator, dtype=torch.double)
    if objective == "je":
        return first, [second], None
    present = {"b": torch.arange(BATCH) % 5 != 0}
    return first, [second[:, :2], second[:, 2:], first[:, :2], first[:, 2:]], present


def learned(network, seen, rows=slice(None), group=None):
    """Return the loss of some rows, after its gradient was taken."""
    x_BCHW, views, present = seen
    here = present and {name: here_B[rows] for name, here_B in present.items()}
    losses = [loss for loss in (network.loss, network.branch_loss) if loss is not None]
    context = WholeBatch(group, losses) if group else torch.enable_grad()
    with context:
        terms = network.objective(x_BCHW[rows], [view[rows] for view in views], here)
    terms.total.backward()
    return terms.total.item()


@pytest.mark.parametrize(
    ("loss", "objective"),  # LeJEPA draws from a generator that threads share
    [("vicreg", "je"), *((loss, "splicer") for loss in LOSSES if loss != "lejepa")],
)
def test_two_shares_make_the_whole(loss, objective, monkeypatch):
    monkeypatch.setattr(torch.Tensor, "float", torch.Tensor.double)
    settings = ModelSettings(
        loss=loss, objective=objective, width=4, embedding=8, hidden=8, consistency=1.0
    )
    alone = build_network(settings, PARTS, ("1", "2", "3"), 16).double()
    networks = [copy.deepcopy(alone) for _ in range(2)]
    shown = seen(objective)
    expected = learned(alone, shown)

    barrier, table = threading.Barrier(2, timeout=60), {}
    groups = [Threads(rank, barrier, table) for rank in range(2)]
    with ThreadPoolExecutor(2) as pool:
        totals = pool.map(
            lambda group: learned(networks[group.rank], shown, group.part(BATCH), group), groups
        )
    assert list(totals) == pytest.approx([expected] * 2, rel=1e-12)
    for mine, *others in zip(*(n.parameters() for n in (alone, *networks)), strict=True):
        if mine.grad is not None:
            mean = torch.stack([other.grad for other in others]).mean(dim=0)
            torch.testing.assert_close(mean, mine.grad, rtol=1e-9, atol=1e-9)
    for mine, *others in zip(*(n.buffers() for n in (alone, *networks)), strict=True):
        for other in others:
            torch.testing.assert_close(other, mine, rtol=1e-12, atol=1e-12)


def test_nothing_is_left_of_the_context():
    network = build_network(ModelSettings(width=4, embedding=8, hidden=8), PARTS, "123", 16)
    with WholeBatch(Group(), [network.loss]):
        assert network.loss._forward_pre_hooks
    assert not network.loss._forward_pre_hooks
    assert not network.loss._forward_hooks
