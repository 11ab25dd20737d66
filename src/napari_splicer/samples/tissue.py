"""synthetic_tissue: a field of view, its mask, and the truth about its cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_splicer.errors import InvalidSettings
from napari_splicer.images.image import MultiplexImage
from napari_splicer.images.masks import LabelMask, MaskedImage
from napari_splicer.samples.cells import CYTOTOXIC, TYPES, Cells, grow, lay_out
from napari_splicer.samples.granules import draw_granules
from napari_splicer.samples.staining import MARKERS, photograph, stain

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIXEL_SIZE = 0.5
"""Side of a pixel in µm."""


@dataclass(frozen=True)
class Tissue:
    """A synthetic field of view and what is known about its cells.

    Parameters
    ----------
    field : MaskedImage
        Image (uint16) and cell mask (uint32; ids are sparse and in no spatial order).
    types : pandas.DataFrame
        One row per cell, in no particular order. ``id``: in the mask; ``type``: one of
        :data:`TYPES`; ``state``: "engaged" or "resting" for CD8 T cells, "" for the others.
    contrast : float
        The dial's setting.
    seed : int
        The generator's seed.
    """

    field: MaskedImage
    types: pd.DataFrame
    contrast: float
    seed: int


def synthetic_tissue(
    *, size: int = 768, contrast: float = 0.5, seed: int = 0, name: str = "synthetic tissue"
) -> Tissue:
    """Make a synthetic tissue; see the module's docstring for what it shows.

    Parameters
    ----------
    size : int
        Height and width in pixels. 768 gives about 1,500 cells; a good quarter are CD8 T cells.
    contrast : float
        0 to 1, from "the two states of CD8 T cells are the same" to "plain to the eye".
    seed : int
        Same seed, same tissue; only granules of engaged cells move with ``contrast``.
    name : str
        The image's name.

    Raises
    ------
    InvalidSettings
        If ``contrast`` is outside 0 to 1 or ``size`` below 96.
    """
    if not 0 <= contrast <= 1:
        raise InvalidSettings(f"A contrast of {contrast} is not possible.", "Choose 0 to 1.")
    if size < 96:
        raise InvalidSettings(f"A tissue of {size} px holds too few cells.", "Choose 96 or more.")
    layout, staining, granules, camera, names = np.random.default_rng(seed).spawn(5)
    cells, stroma = lay_out(size, layout)
    index, radius = grow(cells, size, layout)
    image = stain(cells, index, radius, stroma, staining)
    image[tuple(MARKERS).index("GZMB")] += draw_granules(cells, index, contrast, granules)
    count = len(cells.kind) - 1
    ids = np.concatenate([[0], 1 + names.choice(10 * count, count, replace=False)])
    return Tissue(
        field=MaskedImage(
            image=MultiplexImage.from_array(
                photograph(image, camera),
                name=name,
                channels=tuple(MARKERS),
                pixel_size=(PIXEL_SIZE, PIXEL_SIZE),
            ),
            cells=LabelMask.from_array(ids.astype(np.uint32)[index], name="cells"),
        ),
        types=_known(cells, ids, names),
        contrast=contrast,
        seed=seed,
    )


def _known(cells: Cells, ids: NDArray[np.int64], rng: np.random.Generator) -> pd.DataFrame:
    """Return the table of cell types, its rows shuffled."""
    kind, engaged = cells.kind[1:], cells.engaged[1:]
    state = np.where(engaged, "engaged", np.where(kind == CYTOTOXIC, "resting", ""))
    table = pd.DataFrame({"id": ids[1:], "type": np.array(TYPES)[kind], "state": state})
    return table.iloc[rng.permutation(len(table))].reset_index(drop=True)
