"""SpliCER and JE as networks: chunks, seeds, gradients, objectives."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, ModelSettings
from napari_splicer.errors import InvalidComponent, InvalidSettings
from napari_splicer.model.losses import LOSSES, Pair, build_loss
from napari_splicer.model.losses.asymmetric import BYOL
from napari_splicer.model.objectives import build_network

CHANNELS = ("PanCK", "CD3", "DNA")
PARTS = Decomposition(
    (
        Component(name="epithelium", channels=("PanCK",), width=6),
        Component(name="immune", channels=("CD3", "DNA"), weight=0.5),
    )
)
SMALL = ModelSettings(width=8, embedding=16, hidden=16)


def batch(seed=0, count=8):
    generator = torch.Generator().manual_seed(seed)
    first = torch.rand(count, 3, 16, 16, generator=generator)
    second = torch.rand(count, 3, 16, 16, generator=generator)
    return first, second, [second[:, :1], second[:, 1:]]


def seen(network, seed=0):
    """Return what ``objective`` takes: two views as this network wants them."""
    first, second, parts = batch(seed)
    if network.sees_parts:
        return first, [second]  # components of this decomposition side by side are all channels
    views = [] if network.bank is None else parts
    views = [*views, *[second] * network.whole_second_view]
    return first, views + [first[:, :1], first[:, 1:]] * network.parts_of_both_views


def test_chunks_fill_the_embedding():
    network = build_network(SMALL, PARTS, CHANNELS, 16)
    assert network.component_slices == {"epithelium": slice(0, 6), "immune": slice(6, 16)}
    z, e = network.embed(batch()[0])
    assert z.shape == (8, 32)
    assert e.shape == (8, 16)
    assert torch.equal(network.eval()(batch()[0]), network.represent(batch()[0]))
    assert not network.whole_second_view


def test_branches_are_narrower_than_the_primary():
    network = build_network(SMALL, PARTS, CHANNELS, 16)
    count = {
        name: sum(p.numel() for p in module.parameters())
        for name, module in (("primary", network.encoder), ("branch", network.bank.branches[0]))
    }
    assert count["branch"] < count["primary"] / 2
    wide = build_network(SMALL.model_copy(update={"branch_width": 8}), PARTS, CHANNELS, 16)
    assert wide.bank.branches[0][0].out_features == 32


@pytest.mark.parametrize("loss", ["vicreg", "simclr", "barlow", "mmcr", "ssl-ey"])
def test_the_objective_is_the_loss_of_chunks_and_branches(loss):
    settings = SMALL.model_copy(update={"loss": loss})
    network = build_network(settings, PARTS, CHANNELS, 16)
    first, _, parts = batch()
    terms = network.objective(first, parts)
    e, targets = network.embed(first)[1], network.bank(parts)
    pairs = [
        Pair("epithelium", slice(0, 6), targets[0], 1.0),
        Pair("immune", slice(6, 16), targets[1], 0.5),
    ]
    expected = build_loss(settings, [6, 10])(e, pairs)
    torch.testing.assert_close(terms.total, expected.total)
    assert list(terms.parts) == ["epithelium", "immune"]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "changes",
    [{}, {"objective": "je"}, {"shared": 4}, {"objective": "sum-je"}, {"objective": "concat"}],
    ids=lambda changes: "-".join(map(str, changes.values())) or "splicer",
)
def test_every_weight_learns(loss, changes):
    settings = SMALL.model_copy(update={"loss": loss, **changes})
    network = build_network(settings, PARTS, CHANNELS, 16)
    first, views = seen(network)
    network.objective(first, views).total.backward()
    learned = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    without = [name for name, p in learned if p.grad is None]
    assert without == []
    assert all(torch.isfinite(p.grad).all() for _, p in learned)


def test_je_knows_no_components():
    network = build_network(SMALL.model_copy(update={"objective": "je"}), PARTS, CHANNELS, 16)
    first, second, _ = batch()
    assert network.bank is None
    assert network.component_slices == {}
    assert network.objective(first, [second]).parts == {}
    same = network.objective(first, [first]).total
    assert same < network.objective(first, [second]).total


def test_the_shared_chunk_comes_last():
    network = build_network(SMALL.model_copy(update={"shared": 4}), PARTS, CHANNELS, 16)
    assert network.component_slices == {
        "epithelium": slice(0, 6),
        "immune": slice(6, 12),
        "shared": slice(12, 16),
    }
    first, second, parts = batch()
    assert list(network.objective(first, [*parts, second]).parts) == [
        "epithelium",
        "immune",
        "shared",
    ]


def test_the_same_seed_gives_the_same_weights_and_leaves_the_random_state():
    torch.manual_seed(1)
    one = build_network(SMALL, PARTS, CHANNELS, 16, seed=3).state_dict()
    after = torch.rand(1)
    torch.manual_seed(1)
    assert torch.equal(after, torch.rand(1))
    same = build_network(SMALL, PARTS, CHANNELS, 16, seed=3).state_dict()
    other = build_network(SMALL, PARTS, CHANNELS, 16, seed=4).state_dict()
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["projector.0.weight"], other["projector.0.weight"])


def test_half_precision_leaves_the_loss_exact():
    network = build_network(SMALL, PARTS, CHANNELS, 16)
    first, _, parts = batch()
    with torch.autocast("cpu", torch.bfloat16):
        terms = network.objective(first, parts)
    assert terms.total.dtype == torch.float32
    torch.testing.assert_close(terms.total, network.objective(first, parts).total, rtol=0.1, atol=0)


def test_training_brings_chunks_and_branches_together():
    network = build_network(SMALL, PARTS, CHANNELS, 16)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    losses = []
    for _ in range(30):
        first, _, _ = batch(count=16)  # the same patches, unaugmented
        terms = network.objective(first, [first[:, :1], first[:, 1:]])
        optimizer.zero_grad()
        terms.total.backward()
        optimizer.step()
        losses.append(terms.total.item())
    assert losses[-1] < 0.8 * losses[0]


def test_any_module_serves_as_encoder():
    mine = nn.Sequential(nn.Conv2d(3, 7, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = build_network(SMALL, PARTS, CHANNELS, 16, encoder=mine)
    assert network.encoder is mine
    assert network.represent(batch()[0]).shape == (8, 7)


class Nearness(nn.Module):
    """A loss of someone else's, with a weight that is learned."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, a_BK, b_BK):
        return self.weight * (a_BK - b_BK).square().mean()


@pytest.mark.parametrize("objective", ["splicer", "je", "sum-je", "concat"])
def test_any_function_or_module_of_two_embeddings_serves_as_loss(objective):
    mine = Nearness()
    settings = SMALL.model_copy(update={"objective": objective, "primary_terms": "sum"})
    network = build_network(settings, PARTS, CHANNELS, 16, loss=mine)
    first, views = seen(network)
    network.objective(first, views).total.backward()
    weights = {"immune": 0.5}
    pairs = network.counterparts(first, views).items()
    expected = sum(weights.get(name, 1.0) * (a - b).square().mean() for name, (a, b) in pairs)
    torch.testing.assert_close(mine.weight.grad, expected)
    assert any(parameter is mine.weight for parameter in network.parameters())


def test_a_loss_of_ones_own_may_have_a_teacher_and_holds_branches_too():
    settings = SMALL.model_copy(update={"consistency": 0.5})
    network = build_network(settings, PARTS, CHANNELS, 16, loss=BYOL)
    assert type(network.loss) is type(network.branch_loss) is BYOL
    assert network.teacher is not None


@pytest.mark.parametrize("loss", [BYOL(SMALL, [6, 10]), int, "byol"], ids=["made", "int", "name"])
def test_what_is_no_loss_is_refused(loss):
    with pytest.raises(InvalidSettings, match="can't serve as a loss"):
        build_network(SMALL, PARTS, CHANNELS, 16, loss=loss)


def test_concat_takes_no_single_encoder():
    settings = SMALL.model_copy(update={"objective": "concat"})
    with pytest.raises(InvalidSettings, match="an encoder for every component"):
        build_network(settings, PARTS, CHANNELS, 16, encoder=nn.Flatten())


def test_what_cannot_be_built_is_said():
    with pytest.raises(InvalidComponent, match="at least one component"):
        build_network(SMALL, Decomposition(()), CHANNELS, 16)
    with pytest.raises(InvalidComponent, match="Change the embedding's size"):
        build_network(SMALL.model_copy(update={"shared": 10}), PARTS, CHANNELS, 16)
    clash = Decomposition((Component(name="shared", channels=("CD3",)),))
    for width in (0, 4):
        with pytest.raises(InvalidComponent, match="Rename the component"):
            build_network(SMALL.model_copy(update={"shared": width}), clash, CHANNELS, 16)


def test_components_weigh_nothing_where_the_objective_is_je():
    settings = SMALL.model_copy(update={"objective": "je"})
    heavy = Decomposition((Component(name="whole", channels=CHANNELS, weight=3.0),))
    first, second, _ = batch()
    losses = [
        build_network(settings, parts, CHANNELS, 16).objective(first, [second]).total
        for parts in (heavy, PARTS)
    ]
    assert torch.equal(*losses)


# --- what stands beside it ------------------------------------------------------------------------


def with_objective(name, **changes):
    settings = SMALL.model_copy(update={"objective": name, **changes})
    return build_network(settings, PARTS, CHANNELS, 16)


def test_sum_je_holds_the_whole_embedding_against_every_branch():
    network = with_objective("sum-je")
    assert network.component_slices == {}
    first, _, parts = batch()
    assert [target.shape for target in network.bank(parts)] == [(8, 16), (8, 16)]
    terms = network.objective(first, parts)
    assert list(terms.parts) == ["epithelium", "immune"]
    terms.parts["immune"].backward()
    assert (network.projector[-1].weight.grad.abs().sum(dim=1) > 0).all()


def test_concat_trains_each_encoder_on_its_component_alone():
    network = with_objective("concat")
    assert network.component_slices == {"epithelium": slice(0, 6), "immune": slice(6, 16)}
    first, second, _ = batch()
    z, e = network.embed(first)
    assert (z.shape, e.shape) == ((8, 64), (8, 16))
    network.objective(first, [second]).parts["immune"].backward()
    epithelium, immune = network.encoder.members
    assert all(p.grad is None or not p.grad.any() for p in epithelium.parameters())
    assert all(p.grad.any() for p in immune.parameters() if p.ndim > 1)
    changed = first.clone()
    changed[:, 0] = 0
    network.eval()
    same = network.embed(first)[0][:, 32:], network.embed(changed)[0][:, 32:]
    torch.testing.assert_close(*same)


@pytest.mark.parametrize("loss", ["byol", "dino"])
def test_the_teacher_follows_slowly_and_gets_no_gradient(loss):
    network = with_objective("splicer", loss=loss, momentum=0.5)
    first, views = seen(network)
    network.objective(first, views).total.backward()
    copy = network.teacher.copies["projector"][-1].weight
    assert copy.grad is None
    with torch.no_grad():
        network.projector[-1].weight.add_(1)
    before = copy.clone()
    network.after_step(0.0)
    torch.testing.assert_close(copy, before + 0.5)
    network.after_step(1.0)  # at the end it stands still
    torch.testing.assert_close(copy, before + 0.5)


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize("objective", ["splicer", "sum-je"])
def test_branches_can_be_held_against_themselves(loss, objective):
    settings = SMALL.model_copy(
        update={"loss": loss, "objective": objective, "shared": 4 * (objective == "splicer")}
    )
    plain = build_network(settings, PARTS, CHANNELS, 16)
    network = build_network(settings.model_copy(update={"consistency": 0.5}), PARTS, CHANNELS, 16)
    first, views = seen(network)
    terms, before = network.objective(first, views), plain.objective(*seen(plain))
    assert set(terms.parts) == set(before.parts)
    terms.total.backward()
    gradients = [p.grad for p in network.bank.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
    assert terms.total != before.total


def test_a_branch_that_sees_the_same_twice_is_consistent():
    """With VICReg's alignment alone, 25 times the branches' mean squared change is added."""
    alone = SMALL.model_copy(
        update={"consistency": 2.0, "variance": 0.0, "covariance": 0.0, "width": 8}
    )
    network = build_network(alone, PARTS, CHANNELS, 16)
    plain = build_network(alone.model_copy(update={"consistency": 0.0}), PARTS, CHANNELS, 16)
    first, _, parts = batch()
    same = network.objective(first, [*parts, *parts]).total - plain.objective(first, parts).total
    assert same.item() == pytest.approx(0, abs=1e-4)
    other = [first[:, :1], first[:, 1:]]
    added = network.objective(first, [*parts, *other]).total - plain.objective(first, parts).total
    c, d = network.bank(other), network.bank(parts)
    weights = (1.0, 0.5)
    expected = sum(w * ((a - b) ** 2).mean() for w, a, b in zip(weights, c, d, strict=True))
    assert added.item() == pytest.approx(2 * 25 * expected.item(), rel=1e-3)


def test_concat_and_joint_embedding_have_no_branches_to_hold_against_themselves():
    for objective in ("je", "concat"):
        settings = SMALL.model_copy(update={"objective": objective, "consistency": 1.0})
        assert not build_network(settings, PARTS, CHANNELS, 16).parts_of_both_views
