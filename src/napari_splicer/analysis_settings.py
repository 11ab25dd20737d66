"""The sections of a run file that say what becomes of the table: groups of cells, and their map."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, model_validator

from napari_splicer.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHUNK = "chunk:"
_WHOLE = frozenset({"representation", "intensity"})  # what "combined" holds
SOURCE = rf"^(representation|intensity|combined|{_CHUNK}.+)$"
COLUMN = r"^_?[A-Za-z0-9.\-][A-Za-z0-9_.\-]*$"
COLOUR = r"^#[0-9A-Fa-f]{6}$"
EXPORTED = r"(?i)^(image|id|umap_([\w-]+_)?[12]|splicer_\d+)$"
"""Columns of tables written as rows; with one of these names, a clustering would be lost."""

TABLE_COLUMNS = ("instance_id", "region", "area", "y", "x", "touches_border")
"""Columns that a table of cells has before any clustering."""

PATTERNS = {
    SOURCE: "must be combined, representation, intensity or chunk:<name of a component>",
    COLUMN: "must be one word of letters, digits, _, - and .",
    COLOUR: "must be a colour such as #E69F00",
}
"""What the patterns ask for, in words."""

OneSource = Annotated[str, Field(pattern=SOURCE)]
_SEVERAL = TypeAdapter(tuple[OneSource, ...])


def is_measured(column: str) -> bool:
    """Return whether a column of exported rows was measured, and is neither groups nor labels.

    Examples
    --------
    >>> is_measured("umap_immune_1"), is_measured("intensity_CD8"), is_measured("splicer_cluster")
    (True, True, False)
    """
    return re.match(EXPORTED, column) is not None or column.startswith("intensity_")


def chunk_of(component: str) -> str:
    """Return the source that is the chunk of a component.

    Examples
    --------
    >>> chunk_of("immune")
    'chunk:immune'
    """
    return f"{_CHUNK}{component}"


def component_of(source: str) -> str | None:
    """Return the component whose chunk a source is; None for every other source.

    Examples
    --------
    >>> component_of("chunk:immune"), component_of("intensity")
    ('immune', None)
    """
    return source.removeprefix(_CHUNK) if source.startswith(_CHUNK) else None


def sources_in(source: str | Sequence[str]) -> tuple[str, ...]:
    """Return one source, or several, as a tuple.

    Examples
    --------
    >>> sources_in("combined"), sources_in(["chunk:immune", "chunk:stroma"])
    (('combined',), ('chunk:immune', 'chunk:stroma'))
    """
    return (source,) if isinstance(source, str) else tuple(source)


def overlapping(source: str) -> frozenset[str]:
    """Return the sources that hold a source, or are held by it: beside it, they count twice.

    Examples
    --------
    >>> overlapping("intensity"), overlapping("chunk:immune")
    (frozenset({'combined'}), frozenset())
    """
    if source == "combined":
        return _WHOLE
    return frozenset({"combined"} if source in _WHOLE else ())


def _one_or_several(given: Any) -> str | tuple[str, ...]:
    """Check sources; a list of one is that one."""
    found = _SEVERAL.validate_python(given if isinstance(given, list | tuple) else [given])
    if not found:
        raise ValueError("nothing is named")
    twice = next((source for source in found if found.count(source) > 1), None)
    if twice is not None:
        raise ValueError(f"'{twice}' is named twice")
    held = next((source for source in found if source in _WHOLE), None)
    if held is not None and overlapping(held) & {*found}:
        raise ValueError(f"'combined' holds '{held}' already")
    return found if len(found) > 1 else found[0]


Source = Annotated[str | tuple[str, ...], BeforeValidator(_one_or_several)]
"""What cells are compared by: one source, or several side by side."""

_COMPARED = "what makes cells similar: one source, or a list of several"

Landmarks = Annotated[
    int,
    Field(
        ge=1_000,
        description="of more than 200,000 cells, how many are compared with one another; each of "
        "the others goes with those it is most like",
    ),
]


class EditedGroup(Settings):
    """A group as a person left it."""

    name: str = Field(min_length=1, description="its name")
    colour: str = Field(pattern=COLOUR, description="its colour")
    found: tuple[str, ...] = Field(
        min_length=1, description="names, as they were found, of the groups that it is made of"
    )


class EditedGroups(Settings):
    """What was merged, named and coloured by hand, as `export` writes it.

    `cluster` makes it again where it finds the very same groups, cell by cell; else it says that
    it did not.
    """

    edits: tuple[str, ...] = Field((), description="what was done, in words; the table notes them")
    cells: str = Field(description="tells whether the cells are in the same groups")
    groups: tuple[EditedGroup, ...] = Field((), description="all of them, see below")

    @model_validator(mode="after")
    def _unambiguous(self) -> EditedGroups:
        found = [name for group in self.groups for name in group.found]
        for names in ([group.name for group in self.groups], found):
            if len(set(names)) < len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise ValueError(f"the group {twice} is named twice")
        return self


class ClusteringSettings(Settings):
    """One clustering of the cells.

    ``source``: ``"representation"``, ``"intensity"`` (mean per marker), ``"combined"`` (both) or
    ``"chunk:<component>"``; or several in a list, which count the same, however wide each is:
    ``["chunk:lineage", "chunk:granules"]``.
    """

    name: str = Field(
        "splicer_cluster",
        pattern=COLUMN,
        description="its column in the table; every clustering has its own",
    )
    source: Source = Field("combined", description=_COMPARED)
    method: Literal["leiden", "kmeans"] = Field("leiden", description="how cells are grouped")
    resolution: float = Field(1.0, gt=0, description="for leiden: higher makes more groups")
    clusters: int = Field(8, ge=2, description="for kmeans: number of groups")
    neighbours: int = Field(15, ge=2, description="for leiden: links per cell")
    landmarks: Landmarks = 50_000
    seed: int = Field(0, ge=0, lt=2**32, description="the same seed gives the same groups")
    edited: EditedGroups | None = Field(
        None, description="what was changed in them by hand, to be made again, see below"
    )

    @property
    def sources(self) -> tuple[str, ...]:
        """What makes cells similar."""
        return sources_in(self.source)


class CellType(Settings):
    """A type of cell, and the cells that were shown as examples of it."""

    name: str = Field(min_length=1, description="of the group that its cells are in")
    colour: str | None = Field(
        None, pattern=COLOUR, description="of the group; unset: the next that is free"
    )
    cells: tuple[str, ...] = Field(
        (), description='the examples, named by image and number: `["slide_12", "slide_40"]`'
    )


class TaughtSettings(Settings):
    """A clustering that was taught by examples: every cell is of the type that it resembles.

    ``sources``: one or more of those of a clustering, such as ``["chunk:granules"]``.
    """

    name: str = Field(
        "taught",
        pattern=COLUMN,
        description="its column in the table; every clustering has its own",
    )
    sources: tuple[OneSource, ...] = Field(
        ("representation",), min_length=1, description="what makes cells similar"
    )
    types: tuple[CellType, ...] = Field((), description="two or more, see below")

    @model_validator(mode="after")
    def _unambiguous(self) -> TaughtSettings:
        names = [kind.name for kind in self.types]
        if len(set(names)) < len(names):
            raise ValueError("two types of cells have the same name")
        cells = [cell for kind in self.types for cell in kind.cells]
        if len(set(cells)) < len(cells):
            twice = next(cell for cell in cells if cells.count(cell) > 1)
            raise ValueError(f"the cell {twice} is an example twice")
        return self


class ProjectionSettings(Settings):
    """The two-dimensional map of the cells (UMAP).

    ``source``: as of a clustering.
    """

    source: Source = Field("combined", description=_COMPARED)
    neighbours: int = Field(15, ge=2, description="fewer: finer islands; more: the large shape")
    min_dist: float = Field(0.3, ge=0, le=1, description="how tightly points may lie")
    landmarks: Landmarks = 50_000
    seed: int = Field(0, ge=0, lt=2**32, description="the same seed gives the same map")

    @property
    def sources(self) -> tuple[str, ...]:
        """What makes cells similar."""
        return sources_in(self.source)
