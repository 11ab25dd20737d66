"""Loading a model from wherever it is; in a worker, as torch, disk and network take their time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.events import Finished, Progress
from napari_splicer.gui.recent_models import note_model
from napari_splicer.gui.torch_guard import load_torch

if TYPE_CHECKING:
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.model.sources import Found
    from napari_splicer.shares import Shares


def load_from(source: str) -> Shares[tuple[Bundle, str]]:
    """Find a model, download it if need be, and read it; yields the share that is downloaded.

    Closing it stops a download.

    Returns
    -------
    (Bundle, str)
        The model, and where it came from: what finds it again.

    Raises
    ------
    SplicerError
        As :func:`napari_splicer.model.sources.find_model`.
    """
    load_torch()
    from napari_splicer.model.bundle import load_bundle
    from napari_splicer.model.sources import find_model

    found: Found | None = None
    for event in find_model(source):
        if isinstance(event, Finished):
            found = event.result
        elif isinstance(event, Progress):
            yield event.done / event.total if event.total else 0.0
    if found is None:
        raise TypeError("a stage that nobody stopped must have a result")
    bundle = load_bundle(found.folder)
    note_model(found.source, bundle.decomposition.names, bundle.channels)
    return bundle, found.source
