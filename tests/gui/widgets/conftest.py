"""A small table of cells with sparse, shuffled ids, and a session that holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cells_in_groups import make_table as _make_table

from napari_splicer.gui.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    import anndata as ad


@pytest.fixture
def make_table() -> Callable[..., ad.AnnData]:
    return _make_table


@pytest.fixture
def session() -> Session:
    session = Session()
    session.table = _make_table()
    return session
