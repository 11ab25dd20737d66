"""Losses against independent transcriptions of the papers' formulas in numpy, in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from loss_batch import WIDTHS, of
from loss_formulas import (
    numpy_barlow,
    numpy_correlation,
    numpy_cosine,
    numpy_covariance,
    numpy_distillation,
    numpy_epps_pulley,
    numpy_mmcr,
    numpy_nce,
    numpy_predictor,
    numpy_sigreg,
    numpy_ssl_ey,
    numpy_variance,
)

from napari_splicer.config import ModelSettings
from napari_splicer.model.losses import build_loss
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


def frozen(name):
    """Return a loss whose predictors have seen something, but stand still."""
    loss = build_loss(ModelSettings(loss=name, decorrelation=0.0), list(WIDTHS.values())).double()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for tensor in (*loss.parameters(), *loss.buffers()):
            if tensor.is_floating_point():
                drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
                tensor.copy_(drawn.square() + 0.1 if tensor.ndim == 1 else drawn)
    return loss.eval()


@pytest.mark.parametrize("name", ["simsiam", "byol"])
def test_predictions_are_held_against_the_other_view(batch, name):
    """Chen and He, algorithm 1; Grill et al., eq. 2: there from the teacher, and normalised."""
    e, pairs = batch
    loss = frozen(name)
    terms = loss(e, pairs)
    for index, pair in enumerate(pairs):
        a, b = e[:, pair.chunk].numpy(), pair.target_BK.numpy()
        p = numpy_predictor(a, loss.of_chunks[index].state_dict())
        q = numpy_predictor(b, loss.of_branches[index].state_dict())
        if name == "simsiam":
            expected = numpy_cosine(p, b) / 2 + numpy_cosine(q, a) / 2
        else:
            expected = 0.0
            for predicted, wanted in ((p, pair.taught.target_BK), (q, pair.taught.chunk_BK)):
                x = predicted / np.linalg.norm(predicted, axis=1, keepdims=True)
                y = wanted.numpy() / np.linalg.norm(wanted.numpy(), axis=1, keepdims=True)
                expected += ((x - y) ** 2).sum(axis=1).mean()
        np.testing.assert_allclose(terms.parts[pair.name].item(), pair.weight * expected, rtol=1e-9)
    np.testing.assert_allclose(terms.total.item(), sum(v.item() for v in terms.parts.values()))


@pytest.mark.parametrize("decorrelation", [0.0, 1.0])
def test_lejepa_aligns_and_spreads_along_the_drawn_directions(batch, decorrelation):
    e, pairs = batch
    settings = {"gaussian": 0.3, "directions": 7, "decorrelation": decorrelation}
    terms = of("lejepa", batch, primary_terms="sum", **settings)
    torch.manual_seed(0)  # as ``of`` does

    def spread(z):
        return 0.3 * numpy_sigreg(z, torch.randn(z.shape[1], 7).numpy().astype(float)) / 2

    total = 0.0
    for pair in pairs:
        a, b = e[:, pair.chunk].numpy(), pair.target_BK.numpy()
        middle = (a + b) / 2
        expected = 0.7 * np.mean([(a - middle) ** 2, (b - middle) ** 2]) + spread(b)
        if not decorrelation:
            expected += spread(a)
        total += pair.weight * expected
        np.testing.assert_allclose(terms.parts[pair.name].item(), pair.weight * expected, rtol=1e-6)
    if decorrelation:
        total += spread(e.numpy())
    np.testing.assert_allclose(terms.total.item(), total, rtol=1e-6)


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


# --- another implementation, where it is installed (the extra "reference") ------------------------


def test_lightly_finds_the_same(views):
    """All losses that both have, but NT-Xent.

    There, lightly holds a patch against the other patches of its own view, too; here, only against
    those of the other view, as TriDeNT does: a chunk and its branch are two networks.
    """
    lightly = pytest.importorskip("lightly.loss", reason="lightly is not installed")
    from lightly.loss import lejepa_loss, vicreg_loss

    a, b = views
    unit_a, unit_b = (torch.nn.functional.normalize(z, dim=1) for z in views)
    both = torch.stack([a, b])
    teachers = (a.roll(1, dims=0) + b, a - b.roll(2, dims=0))
    dino = lightly.DINOLoss(a.shape[1], teacher_temp=0.04, student_temp=0.1).double()
    ours_dino = [
        distillation(student, teacher, torch.zeros(a.shape[1]), (0.1, 0.04))
        for student, teacher in zip((a, b), reversed(teachers), strict=True)
    ]
    for ours, theirs in {
        barlow_twins(a, b, 5e-3): lightly.BarlowTwinsLoss(lambda_param=5e-3)(a, b),
        negative_cosine(a, b): lightly.NegativeCosineSimilarity()(a, b),
        mmcr(a, b): lightly.MMCRLoss(lmda=0.0)(unit_a[:, None], unit_b[:, None]),
        invariance(a, b): vicreg_loss.invariance_loss(a, b),
        variance(a): vicreg_loss.variance_loss(a, eps=1e-4),
        covariance(a): vicreg_loss.covariance_loss(a),
        agreement(a, b): lejepa_loss.lejepa_invariance_loss(all_proj=both, global_proj=both),
        sum(ours_dino) / 2: dino(list(teachers), [a, b]),
    }.items():
        np.testing.assert_allclose(ours.item(), theirs.item(), rtol=1e-4)


def test_lightly_spreads_along_the_same_directions(views):
    """Its 9 knots from 0 to 5 are the half of ours, which are symmetric."""
    lejepa = pytest.importorskip("lightly.loss.lejepa_loss", reason="lightly is not installed")
    if not hasattr(lejepa, "SIGReg"):
        pytest.skip("this lightly has no SIGReg")
    theirs = lejepa.SIGReg(knots=9, t_max=5.0, num_vectors=64)
    torch.manual_seed(0)
    expected = theirs(views[0])
    torch.manual_seed(0)
    directions = torch.randn(views[0].shape[1], 64, dtype=views[0].dtype)
    np.testing.assert_allclose(sigreg(views[0], directions).item(), expected.item(), rtol=1e-6)
