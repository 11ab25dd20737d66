"""A tissue with nuclei, small enough to be found in a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_splicer.samples import synthetic_tissue

if TYPE_CHECKING:
    from napari_splicer.images.masks import MaskedImage


@pytest.fixture(scope="session")
def tissue() -> MaskedImage:
    """About 250 cells in 320 × 320 pixels of 0.5 µm; its nuclear channel is called DNA."""
    return synthetic_tissue(size=320).field
