"""Writing the report of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_splicer.files import check_free, write_text

if TYPE_CHECKING:
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.model.record import BundleRecord


def write_report(
    model: Bundle | BundleRecord,
    path: str | Path,
    *,
    overwrite: bool = False,
    name: str | None = None,
) -> Path:
    """Write what a model learned as one HTML file, which opens offline and prints.

    Parameters
    ----------
    model : Bundle or BundleRecord
        Trained here, loaded, or inspected.
    path : str or Path
        Of the file.
    overwrite : bool
        Replace a file that is there.
    name : str, optional
        Of the model, for the title; unset: the name of the folder that the file lies in.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    WouldOverwrite
        If ``path`` exists and ``overwrite`` is off.
    CannotWrite
        If the disk is full or the place can't be written to.
    """
    from napari_splicer.report.page import report_page

    path = Path(path)
    check_free(path, overwrite=overwrite)
    write_text(path, report_page(model, name or path.resolve().parent.name), overwrite=overwrite)
    return path
