"""Rows of the table that are selected."""

from __future__ import annotations

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_splicer.gui.selected_rows import selected_rows
from napari_splicer.gui.session import Session


def table_of(ids) -> AnnData:
    obs = pd.DataFrame({"instance_id": np.asarray(ids, np.int64)}, index=[f"c{i}" for i in ids])
    return AnnData(np.zeros((len(ids), 1), np.float32), obs=obs)


def test_rows_follow_selection_and_table() -> None:
    session = Session()
    assert not len(selected_rows(session))
    session.table = table_of([70, 4, 2**40, 9])
    assert selected_rows(session).tolist() == [False] * 4
    session.selection = np.array([9, 2**40, 5])  # 5 is no cell of the table
    assert selected_rows(session).tolist() == [False, False, True, True]
    assert selected_rows(session) is selected_rows(session)
    session.table = table_of([9, 4])
    assert selected_rows(session).tolist() == [True, False]
    session.selection = np.array([4])
    assert selected_rows(session).tolist() == [False, True]
