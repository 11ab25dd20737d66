"""What holds of every loss: gradients, order, weights, missing parts; and losses from outside."""

from __future__ import annotations

import pytest
import torch
from loss_batch import WIDTHS, of

from napari_splicer.config import ModelSettings
from napari_splicer.errors import InvalidSettings
from napari_splicer.model.losses import LOSSES, Pairwise, Taught, build_loss
from napari_splicer.model.losses.asymmetric import regression
from napari_splicer.model.losses.contrast import contrast
from napari_splicer.model.losses.correlation import (
    barlow_twins,
    covariance,
    invariance,
    variance,
)
from napari_splicer.model.losses.gaussian import agreement, epps_pulley

SETTINGS = [*({"loss": name} for name in LOSSES)]
SETTINGS += [{"loss": name, "predictor": "direct"} for name in ("simsiam", "byol")]


@pytest.fixture(params=SETTINGS, ids=lambda s: "-".join(s.values()))
def loss(request):
    made = build_loss(ModelSettings(directions=8, **request.param), list(WIDTHS.values()))
    return made.double().eval()


def evaluate(loss, e, pairs):
    torch.manual_seed(3)
    return loss(e, pairs)


def test_gradients_are_right(batch, loss):
    """Along directions at random: one by one took two minutes for a single loss."""
    e, pairs = batch
    targets = [pair.target_BK.clone().requires_grad_() for pair in pairs]
    stopped = type(loss).__name__ == "SimSiam"

    def total(e, *targets):
        renewed = [pair._replace(target_BK=t) for pair, t in zip(pairs, targets, strict=True)]
        return evaluate(loss, e, renewed).total

    if not stopped:
        assert torch.autograd.gradcheck(
            total, (e.clone().requires_grad_(), *targets), fast_mode=True
        )
        return

    # Its gradient is not that of its value, by design: what is predicted counts as a constant.
    fixed_e, fixed = e.clone(), [target.detach().clone() for target in targets]

    def with_constants(e, *targets):
        value = e.new_zeros(())
        for i, (pair, b) in enumerate(zip(pairs, targets, strict=True)):
            for predicted, wanted in (
                (loss.of_chunks[i](e[:, pair.chunk]), fixed[i]),
                (loss.of_branches[i](b), fixed_e[:, pair.chunk]),
            ):
                lengths = predicted.norm(dim=1) * wanted.norm(dim=1)
                alike = (predicted * wanted).sum(dim=1) / lengths
                value = value - share * pair.weight * alike.mean() / 2
        return value

    share = 1.0 if loss.settings.primary_terms == "sum" else 1 / len(pairs)
    inputs = (e.clone().requires_grad_(), *targets)
    assert torch.autograd.gradcheck(with_constants, inputs, fast_mode=True)
    expected = torch.autograd.grad(with_constants(*inputs), inputs)
    found = torch.autograd.grad(total(*inputs), inputs)
    torch.testing.assert_close(found, expected)


def test_the_order_of_patches_does_not_matter(batch, loss):
    e, pairs = batch
    order = torch.randperm(len(e), generator=torch.Generator().manual_seed(1))
    moved = [
        p._replace(target_BK=p.target_BK[order], taught=Taught(*(t[order] for t in p.taught)))
        for p in pairs
    ]
    one, other = evaluate(loss, e, pairs), evaluate(loss, e[order], moved)
    torch.testing.assert_close(one.total, other.total)


def rearranged(batch, columns_of, order):
    """Return a batch with the columns of every chunk, and the components, in another order."""
    e, pairs = batch
    moved, start = [], 0
    for index in order:
        pair, columns = pairs[index], columns_of[index]
        taught = Taught(*(t[:, columns] for t in pair.taught))
        chunk = slice(start, start + len(columns))
        start = chunk.stop
        moved.append((e[:, pair.chunk][:, columns], pair._replace(
            chunk=chunk, target_BK=pair.target_BK[:, columns], taught=taught
        )))  # fmt: skip
    return torch.cat([part for part, _ in moved], dim=1), [pair for _, pair in moved]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("decorrelation", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("what", ["dimensions", "components"])
@pytest.mark.parametrize("name", LOSSES)
def test_the_order_of_dimensions_and_of_components_does_not_matter(
    batch, monkeypatch, name, what, decorrelation, seed
):
    """But where the loss itself tells them apart, which is taken out of it here.

    The learned predictors of SimSiam and BYOL have weights for every dimension and belong to a
    component each: DirectPred's, which are read off the batch, move with both. LeJEPA draws
    directions, which do not move with the dimensions: the axes do.
    """
    monkeypatch.setattr(torch, "randn", lambda width, _count: torch.eye(width))
    draw = torch.Generator().manual_seed(seed)
    widths = list(WIDTHS.values())
    columns = [torch.arange(width) for width in widths]
    order = list(range(len(widths)))
    if what == "dimensions":
        columns = [torch.randperm(width, generator=draw) for width in widths]
    else:
        order = torch.randperm(len(widths), generator=draw).tolist()
    settings = ModelSettings(loss=name, predictor="direct", decorrelation=decorrelation)

    def terms(batch, order):
        loss = build_loss(settings, [widths[index] for index in order]).double()
        return loss(*batch)

    one = terms(batch, range(len(widths)))
    other = terms(rearranged(batch, columns, order), order)
    torch.testing.assert_close(other.total, one.total)
    assert {n: p.item() for n, p in other.parts.items()} == pytest.approx(
        {n: p.item() for n, p in one.parts.items()}
    )


@pytest.mark.parametrize("name", ["simclr", "mmcr", "barlow"])
def test_losses_that_look_at_angles_or_correlations_do_not_see_scale(batch, name):
    e, pairs = batch
    scaled = [p._replace(target_BK=300 * p.target_BK) for p in pairs]
    one, other = of(name, batch).total, of(name, (e, scaled)).total
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_one_patch_has_no_loss_but_a_gradient(batch, loss):
    e, pairs = batch
    single = e[:1].clone().requires_grad_()
    few = [
        p._replace(target_BK=p.target_BK[:1], taught=Taught(*(t[:1] for t in p.taught)))
        for p in pairs
    ]
    terms = evaluate(loss, single, few)
    terms.total.backward()
    assert terms.total.item() == 0
    assert set(terms.parts) == set(WIDTHS)
    assert not single.grad.any()


def test_a_component_without_weight_has_no_say(batch, loss):
    e, pairs = batch
    without = [p._replace(weight=0.0) if p.name == "immune" else p for p in pairs]
    targets = pairs[1].target_BK.clone().requires_grad_()
    without[1] = without[1]._replace(target_BK=targets)
    evaluate(loss, e.requires_grad_(), without).total.backward()
    assert not targets.grad.any()


def test_patches_without_a_component_have_no_say_in_it(batch, loss):
    e, pairs = batch
    present = torch.arange(16) < 10
    masked = [p._replace(present_B=present) if p.name == "immune" else p for p in pairs]
    targets = pairs[1].target_BK.clone().requires_grad_()
    masked[1] = masked[1]._replace(target_BK=targets)
    terms = evaluate(loss, e.requires_grad_(), masked)
    terms.total.backward()
    assert not targets.grad[10:].any()
    assert targets.grad[:10].any()
    nobody = [p._replace(present_B=torch.zeros(16, dtype=torch.bool)) for p in pairs]
    assert all(v.item() == 0 for v in evaluate(loss, e, nobody).parts.values())


def test_perfect_embedding_has_no_loss():
    z = torch.eye(4, dtype=torch.float64).repeat(8, 1) * 10
    z = torch.cat([z, -z])  # wide, and uncorrelated
    assert invariance(z, z) == 0
    assert variance(z) == 0
    assert covariance(z) == 0
    assert barlow_twins(z, z, 0.005) < 1e-6
    assert contrast(torch.eye(4), torch.eye(4), temperature=0.01) < 1e-6
    assert agreement(z, z) == 0
    assert regression(z, z) < 1e-12


def test_a_normal_embedding_is_more_normal_than_others():
    generator = torch.Generator().manual_seed(0)
    normal = torch.randn(2000, 3, generator=generator)
    assert (epps_pulley(normal) < 2).all()
    assert (epps_pulley(normal.sign()) > 20).all()
    assert (epps_pulley(3 * normal) > 20).all()


# --- losses of other packages ---------------------------------------------------------------------


def test_an_unknown_loss_is_refused_with_those_there_are():
    with pytest.raises(InvalidSettings, match=r"no loss 'vicrag'.*vicreg, simclr"):
        build_loss(ModelSettings(loss="vicrag"), [3])


@pytest.fixture
def brought(tmp_path, monkeypatch):
    """A package installed beside this one that brings losses."""
    (tmp_path / "their_losses.py").write_text(
        "def squared(a_BK, b_BK):\n    return (a_BK - b_BK).square().sum()\n", encoding="utf-8"
    )
    about = tmp_path / "their_losses-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: their-losses\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[napari_splicer.losses]\nsquared = their_losses:squared\ngone = their_losses:gone\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


def test_a_function_of_another_package_serves_as_loss(brought, batch):
    e, pairs = batch
    terms = of("squared", batch)
    assert isinstance(build_loss(ModelSettings(loss="squared"), [5]), Pairwise)
    difference = (e[:, 5:8] - pairs[1].target_BK).square().sum()
    torch.testing.assert_close(terms.parts["immune"], 0.5 * difference)


def test_a_loss_that_can_not_be_loaded_is_told(brought):
    with pytest.raises(InvalidSettings, match=r"their_losses:gone.*can't be loaded"):
        build_loss(ModelSettings(loss="gone"), [5])
