"""The whole story by mouse and keys, in the real window: a short run of docs/tour.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anndata
import pytest
from person import Person
from tour import WORDS, Tour, restore

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.gui, pytest.mark.timeout(900)]
OTHERS = ("tiles", "likeness", "restored", "several", "per-image")
"""Which are not scenes of this part."""
SMALL = {"training.steps": 8, "model.width": 4, "model.embedding": 32, "threads": 1}


def test_from_the_first_pixel_to_the_exported_table(make_napari_viewer, tmp_path: Path) -> None:
    person = Person(make_napari_viewer(show=True))
    seen = list(Tour(person, str(tmp_path), SMALL).scenes())
    assert seen == [name for name in WORDS if name not in OTHERS]
    _check_export(person)
    _check_restoring(person, make_napari_viewer)


@pytest.mark.real_data
def test_on_a_field_of_breast_tissue(make_napari_viewer, data_folder: Path, tmp_path: Path) -> None:
    field = data_folder / "mibi_dcis_risom_dev" / "Point2331_pt1105_30985"
    files = (f"{field}.ome.tif", f"{field}_mask.tif")
    person = Person(make_napari_viewer(show=True))
    seen = list(Tour(person, str(tmp_path), SMALL, files).scenes())
    assert seen == [name for name in WORDS if name not in OTHERS]
    _check_export(person)
    _check_restoring(person, make_napari_viewer)


def _check_export(person: Person) -> None:
    session = person.session
    written = next(path for path in session.exported if path.suffix == ".h5ad")
    table = anndata.read_h5ad(written)
    groups = set(table.obs[session.clusterings[0]].cat.categories)
    assert "my cells" in groups
    assert any("merge" in words for words in table.uns["splicer"]["edits"][session.clusterings[0]])


def _check_restoring(person: Person, make_napari_viewer) -> None:
    session = person.session
    groups, selection, undo = session.groups, session.selection, session.history.next_undo
    person.close()
    other = Person(make_napari_viewer(show=True))
    restore(other)
    assert other.session.groups == groups
    assert other.session.selection.tolist() == selection.tolist()
    assert other.session.history.next_undo == undo
