"""What the network is trained for: self-supervised losses.

A loss compares the chunks of the primary embedding with what the component branches made of the
other view. It never sees an encoder. The formulas are pure functions; a thin module per loss
(:class:`ChunkLoss`) applies them to every chunk.
"""

from napari_splicer.model.losses.base import ChunkLoss, Pair, Pairwise, Taught, Terms
from napari_splicer.model.losses.registry import LOSSES, OwnLoss, build_loss

__all__ = ["LOSSES", "ChunkLoss", "OwnLoss", "Pair", "Pairwise", "Taught", "Terms", "build_loss"]
