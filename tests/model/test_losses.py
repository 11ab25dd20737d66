"""Losses against an independent transcription in numpy, and against their own definition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_splicer.config import ModelSettings
from napari_splicer.model.losses import (
    LOSSES,
    Pair,
    contrast,
    covariance,
    invariance,
    simclr,
    variance,
    vicreg,
)

WIDTHS = {"epithelium": 5, "immune": 3, "stroma": 4}
WEIGHTS = {"epithelium": 1.0, "immune": 0.5, "stroma": 2.0}


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


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    e = 0.7 * torch.randn(16, 12, dtype=torch.float64, generator=generator)
    pairs, start = [], 0
    for name, width in WIDTHS.items():
        c = 0.7 * torch.randn(16, width, dtype=torch.float64, generator=generator)
        pairs.append(Pair(name, slice(start, start + width), c, WEIGHTS[name]))
        start += width
    return e, pairs


@pytest.mark.parametrize("primary_terms", ["sum", "mean"])
def test_vicreg_is_the_formula_of_the_paper(batch, primary_terms):
    e, pairs = batch
    settings = ModelSettings(alignment=25, variance=20, covariance=3, primary_terms=primary_terms)
    n, share = e.numpy(), {"sum": 1.0, "mean": 1 / 3}[primary_terms]
    expected = 20 * numpy_variance(n) + 3 * numpy_covariance(n)
    parts = {}
    for pair in pairs:
        c = pair.target_BK.numpy()
        parts[pair.name] = (
            share
            * pair.weight
            * (
                25 * np.mean((n[:, pair.chunk] - c) ** 2)
                + 20 * numpy_variance(c)
                + 3 * numpy_covariance(c)
            )
        )
    terms = vicreg(e, pairs, settings)
    np.testing.assert_allclose(terms.total.item(), expected + sum(parts.values()), rtol=1e-12)
    for name, value in parts.items():
        np.testing.assert_allclose(terms.parts[name].item(), value, rtol=1e-12)


def test_covariance_between_chunks_counts(batch):
    e, pairs = batch
    repeated = e.clone()
    repeated[:, 5:8] = e[:, :3]  # the second chunk repeats the first
    settings = ModelSettings(alignment=0, variance=0, covariance=1)
    assert vicreg(repeated, pairs, settings).total > vicreg(e, pairs, settings).total + 0.01


@pytest.mark.parametrize("primary_terms", ["sum", "mean"])
def test_simclr_is_the_formula_of_the_paper(batch, primary_terms):
    e, pairs = batch
    share = {"sum": 1.0, "mean": 1 / 3}[primary_terms]
    terms = simclr(e, pairs, ModelSettings(temperature=0.3, primary_terms=primary_terms))
    expected = 0.0
    for pair in pairs:
        chunk, c = e[:, pair.chunk].numpy(), pair.target_BK.numpy()
        both = numpy_nce(chunk, c, 0.3) + numpy_nce(c, chunk, 0.3)
        expected += share * pair.weight * both / 2
    np.testing.assert_allclose(terms.total.item(), expected, rtol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_right(batch, loss):
    e, pairs = batch
    targets = [pair.target_BK.clone().requires_grad_() for pair in pairs]

    def total(e, *targets):
        renewed = [pair._replace(target_BK=t) for pair, t in zip(pairs, targets, strict=True)]
        return LOSSES[loss](e, renewed, ModelSettings()).total

    assert torch.autograd.gradcheck(total, (e.clone().requires_grad_(), *targets))


@pytest.mark.parametrize("loss", LOSSES)
def test_one_patch_has_no_loss_but_a_gradient(batch, loss):
    e, pairs = batch
    single = e[:1].clone().requires_grad_()
    terms = LOSSES[loss](
        single, [p._replace(target_BK=p.target_BK[:1]) for p in pairs], ModelSettings()
    )
    terms.total.backward()
    assert terms.total.item() == 0
    assert set(terms.parts) == set(WIDTHS)
    assert not single.grad.any()


def test_perfect_embedding_has_no_loss():
    z = torch.eye(4, dtype=torch.float64).repeat(8, 1) * 10
    z = torch.cat([z, -z])  # wide, and uncorrelated
    assert invariance(z, z) == 0
    assert variance(z) == 0
    assert covariance(z) == 0
    assert contrast(torch.eye(4), torch.eye(4), temperature=0.01) < 1e-6


@pytest.mark.parametrize("loss", LOSSES)
def test_a_component_without_weight_has_no_say(batch, loss):
    e, pairs = batch
    without = [p._replace(weight=0.0) if p.name == "immune" else p for p in pairs]
    targets = pairs[1].target_BK.clone().requires_grad_()
    without[1] = without[1]._replace(target_BK=targets)
    LOSSES[loss](e.requires_grad_(), without, ModelSettings()).total.backward()
    assert not targets.grad.any()
