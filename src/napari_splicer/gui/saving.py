"""Keeping a model, and beside it the report of what it learned."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from napari_splicer.gui.recent_models import note_model

if TYPE_CHECKING:
    from napari_splicer.model.bundle import Bundle


def save_model(bundle: Bundle, place: str | Path) -> tuple[Path, Path]:
    """Write a model to a new folder or file, and its report beside it; both names must be free.

    Parameters
    ----------
    bundle : Bundle
    place : str or Path
        One zip file if it is called so, else a folder.

    Returns
    -------
    (Path, Path)
        The folder ``<name>`` or file ``<name>.zip``, and the file ``<name>-report.html``.

    Raises
    ------
    WouldOverwrite
        If one of them exists; then neither is written.
    CannotWrite
        If the disk is full or the place can't be written to.
    """
    from napari_splicer.files import check_free
    from napari_splicer.model.archive import pack_bundle
    from napari_splicer.model.bundle import save_bundle
    from napari_splicer.report.write import write_report

    place = Path(place)
    packed = place.suffix.lower() == ".zip"
    name = place.stem if packed else place.name
    report = place.with_name(f"{name}-report.html")
    for path in (place, report):
        check_free(path)
    if packed:
        with TemporaryDirectory() as folder:
            pack_bundle(save_bundle(bundle, Path(folder) / name), place)
    else:
        save_bundle(bundle, place)
    note_model(str(place.resolve()), bundle.decomposition.names, bundle.channels)
    return place, write_report(bundle, report, name=name)
