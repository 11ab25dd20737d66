from __future__ import annotations

import pytest
from loss_batch import chunks_and_targets


@pytest.fixture
def batch():
    return chunks_and_targets()


@pytest.fixture
def views(batch):
    e, pairs = batch
    return e[:, :5], pairs[0].target_BK
