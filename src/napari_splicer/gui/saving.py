"""Keeping a model, and beside it the report of what it learned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_splicer.model.bundle import Bundle


def save_model(bundle: Bundle, folder: str | Path) -> tuple[Path, Path]:
    """Write a model to a new folder, and its report beside it; both names must be free.

    Returns
    -------
    (Path, Path)
        The folder ``<name>``, and the file ``<name>-report.html``.

    Raises
    ------
    WouldOverwrite
        If one of them exists; then neither is written.
    CannotWrite
        If the disk is full or the place can't be written to.
    """
    from napari_splicer.files import check_free
    from napari_splicer.model.bundle import save_bundle
    from napari_splicer.report.write import write_report

    folder = Path(folder)
    report = folder.with_name(f"{folder.name}-report.html")
    for path in (folder, report):
        check_free(path)
    save_bundle(bundle, folder)
    return folder, write_report(bundle, report, name=folder.name)
