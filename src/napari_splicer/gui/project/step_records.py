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


class ColumnRecord(Part):
    """An annotation: numbers, or codes of the categories that it names."""

    kept: Kept
    categories: tuple[str, ...] | None = None
    place: int = Field(0, ge=0)
    colours: tuple[str, ...] | None = None


class ColumnsRecord(Part):
    """Annotations, by name; see :class:`napari_splicer.gui.exchanging.Columns`."""

    values: dict[str, ColumnRecord] = Field(default_factory=dict)
    shown: str | None = None


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
    columns: ColumnsRecord | None = None

    def files(self) -> set[str | None]:
        """Return the files that it needs; None for those that it has none of."""
        whole, columns = self.whole, self.columns
        found = {self.selection, self.codes, self.lesson}
        if whole is not None:
            found |= {whole.codes, whole.uncertainty, whole.taught}
        if columns is not None:
            found |= {column.kept for column in columns.values.values()}
        return found


class StepRecord(Part):
    """One step that can be undone or done again."""

    words: str
    before: MomentRecord
    after: MomentRecord
