"""Tables are the same to the last bit, however patches were normalised: one by one, by the tile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, Region
from napari_splicer.embedding.embed import embed_cells
from napari_splicer.embedding.forward import Forward
from napari_splicer.events import Finished
from napari_splicer.images.masks import MaskedImage
from napari_splicer.model.objectives import build_network
from napari_splicer.patches import tile_normalizer
from napari_splicer.patches.reader import NormalizedBatch

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_splicer.config import RunConfig
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.patches.reader import PatchBatch

PARTS = (
    Component(name="t/cell", channels=("CD8", "GZMB"), region=Region(kind="cell")),
    Component(name="tumour", channels=("PanCK",), region=Region(kind="surroundings")),
)


def both_ways(fields, bundle: Bundle, run: RunConfig, monkeypatch) -> list[AnnData]:
    """Embed one by one, then by the tile; see that it was so."""
    tables, kinds, really = [], set(), Forward.__call__

    def looked_at(self: Forward, batch: PatchBatch):
        kinds.add(type(batch))
        return really(self, batch)

    monkeypatch.setattr(Forward, "__call__", looked_at)
    for overlap in (np.inf, 0):
        monkeypatch.setattr(tile_normalizer, "OVERLAP", overlap)
        kinds.clear()
        *_, last = embed_cells(fields, bundle, run)
        assert isinstance(last, Finished)
        assert {kind is NormalizedBatch for kind in kinds} == {overlap == 0}
        tables.append(last.result)
    return tables


def alike(tables: list[AnnData]) -> bool:
    return all(
        np.array_equal(tables[0].obsm[name], tables[1].obsm[name])
        for name in ("X_splicer", "X_splicer_chunks")
    )


@pytest.mark.parametrize("scope", ["dataset", "image"])
@pytest.mark.parametrize("sites", ["cells", "grid"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_tables_are_alike(fields, bundle, config, precision, sites, scope, monkeypatch) -> None:
    values = {"precision": precision, "patches.sites": sites, "normalization.scope": scope}
    run = config.with_values(values)
    asked = replace(bundle, config=bundle.config.with_values(values))
    assert alike(both_ways(fields, asked, run, monkeypatch))


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_also_where_the_network_sees_parts_one_by_one(
    fields, bundle, config, precision, monkeypatch
) -> None:
    run = config.with_values(
        {"components": PARTS, "model.objective": "concat", "precision": precision}
    )
    parts = Decomposition(PARTS)
    network = build_network(run.model, parts, parts.channels, 16, seed=0).eval()
    asked = replace(bundle, network=network, decomposition=parts, config=run)
    assert alike(both_ways(fields, asked, run, monkeypatch))


def test_also_where_an_image_lacks_a_channel(fields, bundle, config, monkeypatch) -> None:
    less = fields[1]
    kept = [name for name in less.image.channels if name != "PanCK"]
    image = less.image.select(kept)
    run = config.with_values({"training.component_dropout": 0.2})
    asked = replace(bundle, config=run)
    assert asked.can_do_without
    fewer = [fields[0], MaskedImage(image, less.cells, less.regions)]
    assert alike(both_ways(fewer, asked, run, monkeypatch))
