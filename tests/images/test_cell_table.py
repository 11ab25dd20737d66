from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import regionprops_table

from napari_splicer.images.cell_table import _joined, cell_table


@st.composite
def chunked_labels(draw):
    """Random label images: scattered or blocky, dense or sparse ids, cut at random places."""
    shape = draw(st.tuples(st.integers(1, 24), st.integers(1, 24)))
    places = draw(hnp.arrays(np.int64, shape, elements=st.integers(0, 6)))
    block = draw(st.integers(1, 4))
    places = np.kron(places, np.ones((block, block), np.int64))
    ids = draw(st.lists(st.integers(1, 2**32 - 1), min_size=6, max_size=6, unique=True))
    labels = np.array([0, *ids])[places].astype(np.uint32)
    chunks = tuple(draw(st.integers((length + 4) // 5, length)) for length in labels.shape)
    return labels, chunks, draw(st.integers(1, 40))


@settings(max_examples=50, deadline=None)
@given(chunked_labels())
def test_cells_equal_regionprops_of_the_whole_image(case):
    labels, chunks, block = case
    cells = cell_table(da.from_array(labels, chunks=chunks), block)
    # regionprops allocates by the largest id, so it sees ranks instead
    ids, ranks = np.unique(labels[labels > 0], return_inverse=True)
    dense = np.zeros(labels.shape, np.int64)
    dense[labels > 0] = ranks + 1
    expected = regionprops_table(dense, properties=("centroid", "bbox", "area"))
    np.testing.assert_array_equal(cells["id"], ids)
    np.testing.assert_allclose(cells[["y", "x"]].T, [expected[f"centroid-{i}"] for i in (0, 1)])
    np.testing.assert_array_equal(
        cells[["y0", "x0", "y1", "x1"]].T, [expected[f"bbox-{i}"] for i in range(4)]
    )
    np.testing.assert_array_equal(cells["area"], expected["area"])
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    np.testing.assert_array_equal(cells["touches_border"], np.isin(ids, edge))


@pytest.mark.parametrize(
    ("lengths", "joined"),
    [((8,) * 6, (16,) * 3), ((30, 30), (30, 30)), ((5, 5, 5, 30, 5), (15, 30, 5)), ((7,), (7,))],
)
def test_small_chunks_are_measured_together(lengths, joined):
    assert _joined(lengths, 20) == joined
