"""What lies in memory while cells are embedded to the disk."""

from __future__ import annotations

import weakref

from napari_splicer.embedding import embed
from napari_splicer.embedding.embed import embed_cells
from napari_splicer.embedding.place import Place
from napari_splicer.events import Progress


def test_rows_on_the_disk_are_not_held(fields, bundle, config, tmp_path, monkeypatch) -> None:
    made = []
    rows = embed.rows_without_values

    def watched(*arguments):
        table = rows(*arguments)
        made.append(weakref.ref(table))
        return table

    monkeypatch.setattr(embed, "rows_without_values", watched)
    for event in embed_cells(fields, bundle, config, place=Place(tmp_path / "t.zarr")):
        if isinstance(event, Progress):
            assert made[0]() is None
            break
