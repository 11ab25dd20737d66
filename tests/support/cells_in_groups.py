"""A small table of cells with sparse, shuffled ids, in groups that lie well apart."""

from __future__ import annotations

import anndata as ad
import numpy as np
import pandas as pd

from napari_splicer.embedding.table import note_representation

MARKERS = ("DAPI", "CD3", "CD20", "PanCK", "Ki-67")
PLACES = np.array([[-6.0, 0.0], [6.0, 0.0], [0.0, 8.0]])


def make_table(cells: int = 90, groups: int = 3, seed: int = 0) -> ad.AnnData:
    """Return cells in well separated groups "1", "2", … on the map, ids up to 2**32."""
    rng = np.random.default_rng(seed)
    codes = np.arange(cells) % groups
    places = np.resize(PLACES, (groups, 2)) + 20 * (np.arange(groups) // 3)[:, None]
    ids = rng.choice(2**32 - 1, cells, replace=False) + 1
    table = ad.AnnData(
        rng.gamma(2, 10, (cells, len(MARKERS))).astype(np.float32)
        * (1 + 4 * (np.arange(len(MARKERS)) % groups == codes[:, None])),
        obs=pd.DataFrame(
            {
                "instance_id": ids,
                "region": pd.Categorical(["field"] * cells),
                "area": rng.uniform(30, 90, cells),
                "y": rng.uniform(8, 120, cells),
                "x": rng.uniform(8, 120, cells),
                "kind": pd.Categorical.from_codes(codes, [str(i + 1) for i in range(groups)]),
            },
            index=[f"field-{i}" for i in ids],
        ),
        var=pd.DataFrame(index=list(MARKERS)),
    )
    table.obsm["X_umap"] = (places[codes] + rng.normal(0, 0.6, (cells, 2))).astype(np.float32)
    representation = np.eye(groups, 6)[codes] * 8 + rng.normal(0, 1, (cells, 6))
    chunks = rng.normal(0, 1, (cells, 8)).astype(np.float32)
    chunks[:, :4] += np.log1p(table.X[:, 1:2])
    components = {"immune": slice(0, 4), "nuclei": slice(4, 8)}
    table.obsm.update(X_splicer=representation.astype(np.float32), X_splicer_chunks=chunks)
    note_representation(table, representation.shape[1], components)
    table.uns["kind_colors"] = [f"#{40 + 200 * i // groups:02x}8040" for i in range(groups)]
    table.uns["splicer"]["clusterings"] = {"kind": {}}
    return table
