"""The papers' formulas of losses, transcribed in numpy: plain, slow, and of nothing of ours."""

from __future__ import annotations

import numpy as np


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


def numpy_predictor(x, weights):
    """Linear without bias, batch normalisation as it stands, ReLU, linear; ``weights`` by name."""
    w = {name: value.numpy() for name, value in weights.items()}
    hidden = x @ w["0.weight"].T
    hidden = (hidden - w["1.running_mean"]) / np.sqrt(w["1.running_var"] + 1e-5)
    hidden = np.maximum(0, hidden * w["1.weight"] + w["1.bias"])
    return hidden @ w["3.weight"].T + w["3.bias"]


def numpy_sigreg(z, directions):
    unit = directions / np.sqrt((directions**2).sum(axis=0))
    return np.mean([numpy_epps_pulley(z @ unit[:, i]) for i in range(unit.shape[1])])
