"""Losses against independent transcriptions of the papers' formulas in numpy, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_splicer.config import ModelSettings
from napari_splicer.errors import InvalidSettings
from napari_splicer.model.losses import LOSSES, Pair, Pairwise, Taught, build_loss
from napari_splicer.model.losses.asymmetric import distillation, negative_cosine, regression
from napari_splicer.model.losses.base import chunk_redundancy
from napari_splicer.model.losses.contrast import contrast, mmcr
from napari_splicer.model.losses.correlation import (
    barlow_twins,
    covariance,
    invariance,
    ssl_ey,
    variance,
)
from napari_splicer.model.losses.gaussian import agreement, epps_pulley, sigreg
from napari_splicer.model.losses.predictors import DirectPredictor, direct_weights

WIDTHS = {"epithelium": 5, "immune": 3, "stroma": 4}
WEIGHTS = {"epithelium": 1.0, "immune": 0.5, "stroma": 2.0}


# --- transcriptions -----------------------------------------------------------------------------


def numpy_variance(z):
    return np.mean([max(0.0, 1 - np.sqrt(np.var(column, ddof=1) + 1e-4)) for column in z.T])


def numpy_covariance(z):
    c = np.cov(z, rowvar=False)
    return sum(c[a, b] ** 2 for a in range(len(c)) for b in range(len(c)) if a != b) / len(c)


def numpy_nce(a, b, temperature):
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    b = b / np.linalg.norm(b, axis=1, keepdims=True)
    total = 0.0
    for i in range(len(a)):
        scores = np.array([a[i] @ b[j] / temperature for j in range(len(b))])
        total += np.log(np.exp(scores).sum()) - scores[i]
    return total / len(a)


def numpy_correlation(a, b):
    total = np.empty((a.shape[1], b.shape[1]))
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            x, y = a[:, i] - a[:, i].mean(), b[:, j] - b[:, j].mean()
            total[i, j] = (x @ y) / np.sqrt((x @ x + 1e-5 * len(a)) * (y @ y + 1e-5 * len(a)))
    return total


def numpy_barlow(a, b, redundancy):
    c = numpy_correlation(a, b)
    k = len(c)
    on = sum((1 - c[i, i]) ** 2 for i in range(k))
    return on + redundancy * sum(c[i, j] ** 2 for i in range(k) for j in range(k) if i != j)


def numpy_ssl_ey(a, b):
    k = a.shape[1]
    c = np.cov(a, b, rowvar=False)
    cross = c[:k, k:] + c[k:, :k]
    spread = c[:k, :k] + c[k:, k:]
    return np.trace(-2 * cross + spread @ spread)


def numpy_mmcr(a, b):
    a = a / np.linalg.norm(a, axis=1, keepdims=True)
    b = b / np.linalg.norm(b, axis=1, keepdims=True)
    return -np.linalg.svd((a + b) / 2, compute_uv=False).sum()


def numpy_cosine(p, z):
    return -np.mean(
        [x @ y / np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(p, z, strict=True)]
    )


def numpy_softmax(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def numpy_distillation(student, teacher, centre, of_student, of_teacher):
    wanted = numpy_softmax((teacher - centre) / of_teacher)
    return -(wanted * np.log(numpy_softmax(student / of_student))).sum(axis=1).mean()


def numpy_epps_pulley(x):
    t = np.linspace(-5, 5, 17)
    normal = np.exp(-(t**2) / 2)
    found = np.array([np.exp(1j * s * x).mean() for s in t])
    return len(x) * np.trapezoid(np.abs(found - normal) ** 2 * normal, t)


# --- formulas -----------------------------------------------------------------------------------


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    e = 0.7 * torch.randn(16, 12, dtype=torch.float64, generator=generator)
    pairs, start = [], 0
    for name, width in WIDTHS.items():
        c = 0.7 * torch.randn(16, width, dtype=torch.float64, generator=generator)
        taught = [torch.randn(16, width, dtype=torch.float64, generator=generator) for _ in "ab"]
        chunk = slice(start, start + width)
        pairs.append(Pair(name, chunk, c, WEIGHTS[name], None, Taught(*taught)))
        start += width
    return e, pairs


@pytest.fixture
def views(batch):
    e, pairs = batch
    return e[:, :5], pairs[0].target_BK


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (lambda a, b: invariance(a, b), lambda a, b: np.mean((a - b) ** 2)),
        (lambda a, _: variance(a), lambda a, _: numpy_variance(a)),
        (lambda a, _: covariance(a), lambda a, _: numpy_covariance(a)),
        (lambda a, b: contrast(a, b, 0.3), lambda a, b: numpy_nce(a, b, 0.3)),
        (lambda a, b: barlow_twins(a, b, 0.01), lambda a, b: numpy_barlow(a, b, 0.01)),
        (ssl_ey, numpy_ssl_ey),
        (mmcr, numpy_mmcr),
        (negative_cosine, numpy_cosine),
        (regression, lambda a, b: 2 + 2 * numpy_cosine(a, b)),
        (
            lambda a, b: distillation(a, b, b.mean(dim=0), (0.1, 0.04)),
            lambda a, b: numpy_distillation(a, b, b.mean(axis=0), 0.1, 0.04),
        ),
        (
            agreement,
            lambda a, b: np.mean([(v - (a + b) / 2) ** 2 for v in (a, b)]),
        ),
        (lambda a, _: epps_pulley(a)[2], lambda a, _: numpy_epps_pulley(a[:, 2])),
    ],
)
def test_functions_are_the_formulas_of_their_papers(views, ours, theirs):
    a, b = views
    np.testing.assert_allclose(ours(a, b).item(), theirs(a.numpy(), b.numpy()), rtol=1e-9)


def test_sigreg_looks_along_unit_directions(views):
    directions = torch.randn(5, 7, dtype=torch.float64)
    unit = (directions / directions.norm(dim=0)).numpy()
    expected = np.mean([numpy_epps_pulley(views[0].numpy() @ unit[:, i]) for i in range(7)])
    np.testing.assert_allclose(sigreg(views[0], 9 * directions).item(), expected, rtol=1e-12)


def of(loss, batch, **settings):
    e, pairs = batch
    made = build_loss(ModelSettings(loss=loss, **settings), list(WIDTHS.values()))
    torch.manual_seed(0)  # for directions
    return made.double()(e, pairs)


EACH = {
    "simclr": lambda a, b, _: (numpy_nce(a, b, 0.2) + numpy_nce(b, a, 0.2)) / 2,
    "barlow": lambda a, b, _: numpy_barlow(a, b, 0.005),
    "mmcr": lambda a, b, _: numpy_mmcr(a, b),
    "ssl-ey": lambda a, b, _: numpy_ssl_ey(a, b),
    "vicreg": lambda a, b, _: (
        25 * np.mean((a - b) ** 2)
        + 25 * (numpy_variance(a) + numpy_variance(b))
        + numpy_covariance(a)
        + numpy_covariance(b)
    ),
    "dino": lambda a, b, taught: (
        (
            numpy_distillation(a, taught.target_BK.numpy(), 0, 0.1, 0.04)
            + numpy_distillation(b, taught.chunk_BK.numpy(), 0, 0.1, 0.04)
        )
        / 2
    ),
}


@pytest.mark.parametrize("primary_terms", ["sum", "mean"])
@pytest.mark.parametrize("loss", EACH)
def test_chunks_are_summed_by_weight_and_nothing_is_between_them_if_so_asked(
    batch, loss, primary_terms
):
    e, pairs = batch
    terms = of(loss, batch, decorrelation=0.0, primary_terms=primary_terms)
    share = {"sum": 1.0, "mean": 1 / 3}[primary_terms]
    for pair in pairs:
        expected = EACH[loss](e[:, pair.chunk].numpy(), pair.target_BK.numpy(), pair.taught)
        found = terms.parts[pair.name].item()
        np.testing.assert_allclose(found, share * pair.weight * expected, rtol=1e-9)
    np.testing.assert_allclose(terms.total.item(), sum(v.item() for v in terms.parts.values()))


@pytest.mark.parametrize("primary_terms", ["sum", "mean"])
def test_vicreg_spreads_and_decorrelates_the_whole_embedding(batch, primary_terms):
    e, pairs = batch
    settings = {"alignment": 25, "variance": 20, "covariance": 3, "primary_terms": primary_terms}
    n, share = e.numpy(), {"sum": 1.0, "mean": 1 / 3}[primary_terms]
    expected = 20 * numpy_variance(n) + 3 * numpy_covariance(n)
    for pair in pairs:
        c = pair.target_BK.numpy()
        expected += (
            share
            * pair.weight
            * (
                25 * np.mean((n[:, pair.chunk] - c) ** 2)
                + 20 * numpy_variance(c)
                + 3 * numpy_covariance(c)
            )
        )
    np.testing.assert_allclose(of("vicreg", batch, **settings).total.item(), expected, rtol=1e-12)


def test_what_is_between_chunks_is_counted_once(batch):
    e, pairs = batch
    n, between = e.numpy(), 0.0
    c = numpy_correlation(n, n)
    for one in pairs:
        for other in pairs:
            if one is not other:
                between += (c[one.chunk, other.chunk] ** 2).sum()
    chunks = [pair.chunk for pair in pairs]
    np.testing.assert_allclose(chunk_redundancy(e, chunks).item(), between / 12, rtol=1e-9)
    more = of("simclr", batch, decorrelation=2.0).total - of("simclr", batch).total
    np.testing.assert_allclose(more.item(), 2 * between / 12, rtol=1e-9)
    barlow = of("barlow", batch).total - of("barlow", batch, decorrelation=0.0).total
    np.testing.assert_allclose(barlow.item(), 0.005 * between, rtol=1e-9)


def test_ssl_ey_with_equal_views_is_that_of_the_whole(batch):
    e, pairs = batch
    same = [pair._replace(target_BK=e[:, pair.chunk], weight=1.0) for pair in pairs]
    whole = numpy_ssl_ey(e.numpy(), e.numpy())
    np.testing.assert_allclose(of("ssl-ey", (e, same)).total.item(), whole, rtol=1e-9)


@pytest.mark.parametrize("between", [0.0, 0.5, 1.0])
def test_covariances_between_chunks_can_be_weighed(batch, between):
    e, pairs = batch
    chunks = [pair.chunk for pair in pairs]
    alone = sum(covariance(e[:, c]).item() * (c.stop - c.start) for c in chunks) / 12
    whole = covariance(e).item()
    expected = alone + between * (whole - alone)
    np.testing.assert_allclose(covariance(e, chunks, between).item(), expected, rtol=1e-12)


def test_direct_predictor_has_the_eigenvectors_of_the_correlation():
    a = np.random.default_rng(0).normal(size=(50, 4))
    correlation = a.T @ a / 50
    s, u = np.linalg.eigh(correlation)
    expected = u @ np.diag(np.sqrt(s) + 0.1 * s.max()) @ u.T
    np.testing.assert_allclose(direct_weights(torch.from_numpy(correlation), 0.1), expected)
    predictor = DirectPredictor(4, momentum=0.0).double()
    np.testing.assert_allclose(predictor(torch.from_numpy(a)), a @ expected)
    predictor.eval()
    predictor(torch.zeros(3, 4, dtype=torch.float64))
    np.testing.assert_allclose(predictor.correlation_KK, correlation)


def test_dino_moves_its_centres_only_in_training(batch):
    e, pairs = batch
    loss = build_loss(ModelSettings(loss="dino", centring=0.5), list(WIDTHS.values())).double()
    loss(e, pairs)
    half = pairs[1].taught.target_BK.mean(dim=0) / 2
    torch.testing.assert_close(loss.get_buffer("centre_target_1"), half)
    loss.eval()(e, pairs)
    torch.testing.assert_close(loss.get_buffer("centre_target_1"), half)


# --- properties that all have ---------------------------------------------------------------------

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
    e, pairs = batch
    targets = [pair.target_BK.clone().requires_grad_() for pair in pairs]
    stopped = type(loss).__name__ == "SimSiam"

    def total(e, *targets):
        renewed = [pair._replace(target_BK=t) for pair, t in zip(pairs, targets, strict=True)]
        return evaluate(loss, e, renewed).total

    if stopped:  # its gradient is not that of its value, by design
        total(e.requires_grad_(), *targets).backward()
        assert all(torch.isfinite(t.grad).all() for t in (e, *targets))
        return
    assert torch.autograd.gradcheck(total, (e.clone().requires_grad_(), *targets))


def test_the_order_of_patches_does_not_matter(batch, loss):
    e, pairs = batch
    order = torch.randperm(len(e), generator=torch.Generator().manual_seed(1))
    moved = [
        p._replace(target_BK=p.target_BK[order], taught=Taught(*(t[order] for t in p.taught)))
        for p in pairs
    ]
    one, other = evaluate(loss, e, pairs), evaluate(loss, e[order], moved)
    torch.testing.assert_close(one.total, other.total)


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


# --- another implementation, where it is installed ------------------------------------------------


def test_lightly_finds_the_same(views):
    lightly = pytest.importorskip("lightly.loss", reason="lightly is not installed")
    from lightly.loss import lejepa_loss, vicreg_loss

    a, b = views
    unit_a, unit_b = (torch.nn.functional.normalize(z, dim=1) for z in views)
    both = torch.stack([a, b])
    for ours, theirs in {
        barlow_twins(a, b, 5e-3): lightly.BarlowTwinsLoss(lambda_param=5e-3)(a, b),
        negative_cosine(a, b): lightly.NegativeCosineSimilarity()(a, b),
        mmcr(a, b): lightly.MMCRLoss(lmda=0.0)(unit_a[:, None], unit_b[:, None]),
        invariance(a, b): vicreg_loss.invariance_loss(a, b),
        variance(a): vicreg_loss.variance_loss(a, eps=1e-4),
        covariance(a): vicreg_loss.covariance_loss(a),
        agreement(a, b): lejepa_loss.lejepa_invariance_loss(all_proj=both, global_proj=both),
    }.items():
        np.testing.assert_allclose(ours.item(), theirs.item(), rtol=1e-4)
