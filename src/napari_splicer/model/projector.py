"""The projector: from a representation to the embedding that the loss sees."""

from __future__ import annotations

from torch import nn


def build_projector(entering: int, hidden: int, leaving: int) -> nn.Sequential:
    """Make a projector with one hidden layer, z_BZ -> e_BD.

    Parameters
    ----------
    entering, hidden, leaving : int
        Widths of the representation Z, of the hidden layer, and of the embedding D.
    """
    return nn.Sequential(
        nn.Linear(entering, hidden, bias=False),
        nn.BatchNorm1d(hidden),
        nn.ReLU(),
        nn.Linear(hidden, leaving),
    )
