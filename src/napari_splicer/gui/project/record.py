"""``splicer-project.json``: what a project says of itself, checked as untrusted input.

It is written last. Whatever it names is complete by then and is never changed afterwards, so that
a save which is interrupted anywhere leaves the state before.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, Field, ValidationError

from napari_splicer.analysis_settings import COLOUR
from napari_splicer.config import Component, RunConfig, TaughtSettings
from napari_splicer.errors import CannotWrite, UnreadableFile
from napari_splicer.events import Stage
from napari_splicer.files import PROJECT_RECORD
from napari_splicer.gui.map_choice import MapChoice
from napari_splicer.gui.project.kept import Kept, Part
from napari_splicer.gui.project.sheet_records import SheetRecord
from napari_splicer.gui.project.step_records import StepRecord
from napari_splicer.mistakes import mistakes
from napari_splicer.segmentation.settings import SegmentationSettings

if TYPE_CHECKING:
    from pathlib import Path

FORMAT_VERSION = 2
"""Of projects with several images side by side; all others are as they were in version 1."""
RECORD = PROJECT_RECORD
SUFFIX = ".splicer"
NAPARI = "napari"
"""What layers call the reader of napari itself."""
_LARGEST = 64 * 2**20  # bytes

Same = Literal["image", "cells", "tiles", "bundle", "table"]
Numbers = tuple[float, ...]


class Origin(Part):
    """Where layers come from.

    ``path`` is absolute, ``beside`` the same path from the project's folder, so that a project can
    travel with its images. A reader of its own is none; otherwise napari opened it with ``reader``.
    Of images side by side, ``sheet`` is which of the record's they are, ``path`` the run file.
    """

    kind: Literal["file", "sample", "kept", "sheet"]
    path: str = ""
    beside: str = ""
    reader: str = ""
    mask: bool = False
    sample: tuple[str, str] = ("", "")
    kept: Kept | None = None
    sheet: int | None = Field(None, ge=0)
    fingerprint: str = ""


class Look(Part):
    """How a layer looks; what its kind does not have is None."""

    visible: bool = True
    opacity: float = 1.0
    blending: str = "translucent"
    gamma: float | None = None
    colormap: str | None = None
    contrast_limits: tuple[float, float] | None = None
    contour: int | None = None


class Placing(Part):
    """Where a layer lies, in the terms of napari."""

    scale: Numbers
    translate: Numbers
    rotate: tuple[Numbers, ...]
    shear: Numbers
    affine: tuple[Numbers, ...]
    units: tuple[str, ...]


class LayerRecord(Part):
    """One layer: the ``place``-th of those that opening ``origins[origin]`` gives.

    ``sheet``: of a mask of several images side by side, what these are called together.
    """

    name: str
    kind: str
    origin: int = Field(ge=0)
    place: int = Field(0, ge=0)
    look: Look = Look()
    placing: Placing | None = None
    sheet: str = ""


class MadeFrom(Part):
    """What a result was made from: settings, and which things have stayed the same since."""

    settings: RunConfig
    components: tuple[Component, ...] = ()
    panel_groups: dict[str, tuple[str, ...]] = Field({})
    same: tuple[Same, ...] = ()
    same_regions: tuple[str, ...] = ()


class TableRecord(Part):
    """A table of cells, with digests of its parts that tell what has to be written anew."""

    kept: Kept
    parts: dict[str, str] = Field({})


class FieldRecord(Part):
    """One image with its mask, as indices into ``layers``, and what was made of it.

    ``image`` is empty where its layers are no part of the project.
    ``places`` says which channels of the layers ``channels`` names, where a panel dropped some.
    ``lesson`` and ``hidden`` are those of an image that waits; the chosen one's are in the work.
    """

    name: str
    image: tuple[int, ...] = ()
    stacked: bool = False
    channels: tuple[str, ...] = ()
    places: tuple[int, ...] | None = None
    panel_groups: dict[str, tuple[str, ...]] = Field({})
    mask: int | None = None
    table: TableRecord | None = None
    clustering: str | None = None
    exported: tuple[str, ...] = ()
    made_from: dict[Stage, MadeFrom] = Field({})
    lesson: TaughtSettings = TaughtSettings()
    hidden: dict[str, tuple[str, ...]] = Field({})


class ViewRecord(Part):
    """What the viewer looks at."""

    center: Numbers = ()
    zoom: float | None = Field(None, gt=0)
    step: tuple[int, ...] = ()


class WorkRecord(Part):
    """What the session holds beside images and tables."""

    settings: RunConfig = RunConfig()
    components: tuple[Component, ...] = ()
    suggested: tuple[Component, ...] = ()
    colours: dict[str, Annotated[str, Field(pattern=COLOUR)]] = Field({})
    bundle: Kept | None = None
    regions: dict[str, int] = Field({})
    map_choice: MapChoice = MapChoice()
    colour_by: str | None = None
    colour_ranges: dict[str, tuple[float, float]] = Field({})
    sought: tuple[int, ...] = ()
    sought_by: str = ""
    opacity: float = Field(0.6, ge=0, le=1)
    hidden: dict[str, tuple[str, ...]] = Field({})
    picked: int | None = None
    selection: Kept | None = None
    lesson: TaughtSettings = TaughtSettings()
    segmentation: SegmentationSettings = SegmentationSettings()
    measures: dict[str, Kept] = Field({})
    done: tuple[StepRecord, ...] = ()
    undone: tuple[StepRecord, ...] = ()
    metrics: tuple[tuple[int, dict[str, float]], ...] = ()


class ProjectRecord(Part):
    """``splicer-project.json``, whole.

    ``id`` and ``saves`` tell whether it is still the one that a window has read or written.
    ``set_aside`` names what could not be taken up when the project was opened: it stays there.
    """

    format: Literal["napari-splicer-project"] = "napari-splicer-project"
    format_version: int = Field(1, ge=1)
    id: str = Field("", pattern=r"^[0-9a-f]*$")
    saves: int = Field(0, ge=0)
    date: AwareDatetime = datetime.fromtimestamp(0).astimezone()
    name: str = ""
    origins: tuple[Origin, ...] = ()
    layers: tuple[LayerRecord, ...] = ()
    sheets: tuple[SheetRecord, ...] = ()
    fields: tuple[FieldRecord, ...] = ()  # the one that is chosen comes last
    work: WorkRecord = WorkRecord()
    view: ViewRecord = ViewRecord()
    left_out: tuple[str, ...] = ()
    set_aside: tuple[Kept, ...] = ()

    def names(self) -> set[str]:
        """Return all files and folders of the project that this needs."""
        work = self.work
        moments = [m for step in (*work.done, *work.undone) for m in (step.before, step.after)]
        found = {*self.set_aside, *work.measures.values(), work.bundle, work.selection}
        found |= {origin.kept for origin in self.origins}
        found |= {field.table.kept for field in self.fields if field.table is not None}
        found |= {name for moment in moments for name in moment.files()}
        return {name for name in found if name is not None}


def read_record(folder: Path) -> ProjectRecord:
    """Read and check what a project says of itself.

    Raises
    ------
    UnreadableFile
        If ``folder`` is no project, damaged, or of a newer version.
    """
    path = folder / RECORD
    if not path.is_file():
        raise UnreadableFile(
            f"{folder} is no SpliCER project: it has no {RECORD}.",
            f"Choose a folder whose name ends with {SUFFIX}.",
        )
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is far too large")
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UnreadableFile(
            f"The project {folder} is damaged: {RECORD} can't be read ({error}).",
            "Copy the whole folder again; its tables and models can be opened one by one.",
        ) from error
    if not isinstance(data, dict) or data.get("format") != "napari-splicer-project":
        raise UnreadableFile(
            f"{path} is of another program.", f"Choose a folder whose name ends with {SUFFIX}."
        )
    version = data.get("format_version")
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise UnreadableFile(
            f"The project {folder} was written by a newer version of napari-splicer "
            f"(format {version}; this one reads up to {FORMAT_VERSION}).",
            "Update napari-splicer to open it.",
        )
    try:
        record = ProjectRecord.model_validate(data)
    except ValidationError as error:
        raise UnreadableFile(
            f"The project {folder} is damaged: in {RECORD}, {mistakes(error)}.",
            "Copy the whole folder again; its tables and models can be opened one by one.",
        ) from error
    _check_places(record, path)
    return record


def record_text(record: ProjectRecord, folder: Path) -> str:
    """Return what is written of a record; raise CannotWrite if it could not be read again."""
    text = record.model_dump_json(indent=1)
    try:
        if len(text.encode()) > _LARGEST:
            raise ValueError("it is far too large")
        _check_places(ProjectRecord.model_validate_json(text), folder / RECORD)
    except (ValueError, UnreadableFile) as error:  # a ValidationError is a ValueError
        said = mistakes(error) if isinstance(error, ValidationError) else str(error)
        raise CannotWrite(
            f"{folder / RECORD} can't be written: it could not be read again ({said}).",
            "Undo the last step; what was saved before is kept.",
        ) from error
    return text


def _check_places(record: ProjectRecord, path: Path) -> None:
    """Refuse a record that points to layers or origins which it does not list."""
    layers = [*record.work.regions.values()]
    for field in record.fields:
        layers += [*field.image, *(() if field.mask is None else (field.mask,))]
    listed = range(len(record.layers))
    origins = {layer.origin for layer in record.layers}
    files = {number for sheet in record.sheets for number in sheet.files}
    sheets = {-1 if o.sheet is None else o.sheet for o in record.origins if o.kind == "sheet"}
    lost = any(layer not in listed for layer in layers)
    lost |= max(origins | files, default=-1) >= len(record.origins)
    lost |= not sheets <= {*range(len(record.sheets))}
    if lost or any(record.origins[number].kind != "file" for number in files):
        raise UnreadableFile(
            f"{path} is damaged: it names layers that it does not describe.",
            "Copy the whole folder again.",
        )
