"""What a project is to hold, as it is in the window at one moment."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from napari_splicer.config import RunConfig
    from napari_splicer.gui.history import Step
    from napari_splicer.gui.project.record import ProjectRecord
    from napari_splicer.gui.project.tables import TableNow
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import LabelMask
    from napari_splicer.model.bundle import Bundle

KEPT_FIELDS = (
    "image",
    "cells",
    "regions",
    "panel_groups",
    "components",
    "colours",
    "settings",
    "bundle",
    "table",
    "clustering",
    "groups",
    "measures",
    "map_choice",
    "colour_by",
    "colour_ranges",
    "lesson",
    "sought",
    "segmentation",
    "opacity",
    "selection",
    "exported",
    "made_from",
)
"""Fields of a session of which a project tells; a change of them is a reason to save."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """Pixels that lie in no file: of a mask made or painted on here, or of an array.

    Parameters
    ----------
    name : str
        Of their layer.
    levels : tuple of array
        Resolutions, finest first.
    state : str
        The same as long as they do not change.
    """

    name: str
    levels: tuple[Any, ...]
    state: str


@dataclass(frozen=True, eq=False)
class State:
    """A project to be written, frozen: taking it copies nothing that is large.

    Parameters
    ----------
    record : ProjectRecord
        All that is small; what it says of files is filled in when they are written.
    bundle : Bundle or None
    tables : tuple of TableNow or None
        One per field of the record.
    pixels : mapping of int to Pixels
        Of origins of the record.
    selection : int64 (m,)
    measures : mapping of str to float (n,)
    done, undone : tuple of Step
    image, cells, regions
        Of the field that is chosen, for the run file.
    config : RunConfig
    order : int
        Of two states of a window, the later one has the larger.
    """

    record: ProjectRecord
    config: RunConfig
    selection: NDArray[np.int64]
    bundle: Bundle | None = None
    tables: tuple[TableNow | None, ...] = ()
    pixels: Mapping[int, Pixels] = field(default_factory=dict)
    measures: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    done: tuple[Step, ...] = ()
    undone: tuple[Step, ...] = ()
    image: MultiplexImage | None = None
    cells: LabelMask | None = None
    regions: Mapping[str, LabelMask] = field(default_factory=dict)
    order: int = field(default_factory=count(1).__next__)
