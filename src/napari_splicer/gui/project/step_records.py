"""Steps that can be undone, as a project keeps them; part of its record."""

from __future__ import annotations

from pydantic import Field

from napari_splicer.config import ClusteringSettings
from napari_splicer.gui.project.kept import Kept, Part


class WholeRecord(Part):
    """A clustering that was named or removed; see :class:`napari_splicer.analysis.whole.Whole`."""

    settings: ClusteringSettings | None = None
    taught: Kept | None = None
    codes: Kept
    names: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    place: int = Field(0, ge=0)
    uncertainty: Kept | None = None
    model: str = ""


class MomentRecord(Part):
    """What was selected, and how cells were grouped, before or after a step."""

    selection: Kept
    lesson: Kept
    as_taught: bool = False
    clustering: str | None = None
    codes: Kept | None = None
    names: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    whole: WholeRecord | None = None


class StepRecord(Part):
    """One step that can be undone or done again."""

    words: str
    before: MomentRecord
    after: MomentRecord
