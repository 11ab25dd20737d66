"""Smooth random fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def smooth_field(rng: np.random.Generator, size: int, scale: float) -> NDArray[np.float32]:
    """Return a random field (size, size) of mean 0, variance 1, smooth over ``scale`` px."""
    knots = np.arange(-2 * scale, size + 2 * scale, scale)
    weight = np.exp(-0.5 * ((np.arange(size)[:, None] - knots) / scale) ** 2)
    weight /= np.linalg.norm(weight, axis=1, keepdims=True)
    weight = weight.astype(np.float32)
    noise = rng.standard_normal((knots.size, knots.size), dtype=np.float32)
    field: NDArray[np.float32] = weight @ noise @ weight.T
    return field
