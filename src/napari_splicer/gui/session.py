"""Session: what the person decided and what was computed, one per viewer.

Docks and layers read and write it, and redraw on the signal of the field that changed
(``session.events.<field>``, psygnal). It knows neither Qt nor napari, and starts nothing. What
can be undone is in ``history`` (of the table) and ``set_up`` (of components and names).
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from psygnal import Signal, SignalGroupDescriptor

from napari_splicer.analysis.groups import clustering_names
from napari_splicer.config import RunConfig, TaughtSettings
from napari_splicer.gui.categories import colour_names
from napari_splicer.gui.cell_work import keep_to_cells
from napari_splicer.gui.history import History
from napari_splicer.gui.map_choice import MapChoice
from napari_splicer.gui.numbering import sheet_of, shown_ids
from napari_splicer.gui.set_up import SetUpHistory
from napari_splicer.gui.snapshot import Snapshot, legend, representation
from napari_splicer.gui.tiling import Tiling
from napari_splicer.segmentation.settings import SegmentationSettings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.config import Component
    from napari_splicer.events import Metrics, Stage
    from napari_splicer.gui.snapshot import Facts, Group, Job, Light, Notice, Sought
    from napari_splicer.gui.stopped import Stopped
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.masks import LabelMask
    from napari_splicer.model.bundle import Bundle
    from napari_splicer.patches.tile_mask import TileMask

_CHOSEN = ("image", "cells", "tiles", "regions", "bundle")
_MADE = ("table", "measures", "mixture", "metrics", "made_from")


def _no_cells() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


@dataclass(eq=False)
class Session:
    """The state behind the SpliCER and Explorer docks of one viewer.

    Every field has a signal of its name under ``events``, emitted with ``(new, old)`` when it is
    assigned something else. Arrays, tables and mappings are replaced, never changed in place.

    Attributes
    ----------
    image, cells, regions
        The chosen image, its cell mask, and further masks by name.
    tiles : TileMask or None
        Tiles of the image, where they are described, not cells; follows image and settings.
    facts : Facts or None
        What reading image and mask has shown; None until that is done.
    panel_groups : mapping of str to tuple of str
        The image's channels by group, as its panel file names them; empty without one.
    components, suggested : tuple of Component
        What the person cut the image into; those that were put there unasked, until one is changed.
    colours : mapping of str to str
        Colours of components, by name, where they are not those of the palette.
    settings : RunConfig
        All other settings; its own ``inputs`` and ``components`` stay empty.
    segmentation : SegmentationSettings
        How a cell mask is made where there is none.
    bundle : Bundle or None
        The model, trained here or loaded.
    table, clustering : AnnData or None, str or None
        One row per cell, with its clusterings; the active one, a column of ``table.obs``.
    groups : tuple of Group
        Legend of the active clustering, in the order of its codes.
    measures : mapping of str to float (n,)
        Further numbers of the table's cells, row by row: how alike they are to one cell, …
    map_choice, colour_by, colour_ranges : MapChoice, str or None, mapping of str to (float, float)
        What places cells on the map; what colours map and overlay: a channel, a measure, a column,
        or ``MIXTURE``, None: groups; ends of a number's colours, where a person has set them.
    lights : mapping of str to Light
        How the viewer shows each channel, where it has a layer for each.
    mixture : uint8 (n, 3) or None
        Colour of every row of the table by its first three principal components, if known.
    sought : Sought or None
        The cells that all others are compared to, and by what.
    lesson : TaughtSettings
        Types of cells that the person teaches, with their examples.
    brush : int or None
        Index of the type whose examples are painted on the image, while that is done.
    opacity : float
        Of the cluster overlay, 0 to 1.
    selection : int64 (n,)
        Label ids of the selected cells, sorted and unique.
    hovered, picked, hovered_group : int or None
        Label ids of the cells under the mouse and last clicked; the group under it in a legend.
    job, metrics, notice : Job or None, tuple of Metrics, Notice or None
        What runs; what the training that runs, or ran last, said of itself; the last thing worth
        saying: a warning, an error, the end of a job.
    exported : tuple of Path
        What the last export wrote.
    made_from : mapping of stage to Snapshot
        What each result was made from, to tell when it is out of date.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor(
        equality_operators={
            **dict.fromkeys((*_CHOSEN, *_MADE), operator.is_),
            "selection": np.array_equal,
        }
    )
    cell_requested: ClassVar[Signal] = Signal(int, description="Fly to this cell in the viewer")
    cell_clicked: ClassVar[Signal] = Signal(int, description="Clicked in the image or on the map")
    table_comes: ClassVar[Signal] = Signal(object, description="Made from this Snapshot")
    mask_made: ClassVar[Signal] = Signal(object, description="A cell mask of the image was made")
    clusterings_changed: ClassVar[Signal] = Signal(description="Columns of the table changed")
    trust_noted: ClassVar[Signal] = Signal(description="The table notes how sure groups are")
    map_made: ClassVar[Signal] = Signal(description="The table holds another map of its cells")
    drawing_requested: ClassVar[Signal] = Signal(description="Select by drawing on the image")
    table_left: ClassVar[Signal] = Signal(object, object, str, description="Old, new, groups")

    image: MultiplexImage | None = None
    cells: LabelMask | None = None
    tiles: TileMask | None = None
    regions: Mapping[str, LabelMask] = field(default_factory=dict)
    facts: Facts | None = None
    panel_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    components: tuple[Component, ...] = ()
    suggested: tuple[Component, ...] = ()
    colours: Mapping[str, str] = field(default_factory=dict)
    settings: RunConfig = field(default_factory=RunConfig)
    segmentation: SegmentationSettings = field(default_factory=SegmentationSettings)
    bundle: Bundle | None = None
    table: AnnData | None = None
    clustering: str | None = None
    groups: tuple[Group, ...] = ()
    measures: Mapping[str, NDArray[np.floating[Any]]] = field(default_factory=dict)
    map_choice: MapChoice = field(default_factory=MapChoice)
    colour_by: str | None = None
    colour_ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    lights: Mapping[str, Light] = field(default_factory=dict)
    mixture: NDArray[np.uint8] | None = None
    sought: Sought | None = None
    lesson: TaughtSettings = field(default_factory=TaughtSettings)
    brush: int | None = None
    opacity: float = 0.6
    selection: NDArray[np.int64] = field(default_factory=_no_cells)
    hovered: int | None = None
    hovered_group: int | None = None
    picked: int | None = None
    job: Job | None = None
    metrics: tuple[Metrics, ...] = ()
    notice: Notice | None = None
    exported: tuple[Path, ...] = ()
    made_from: Mapping[Stage, Snapshot] = field(default_factory=dict)
    sheet = property(sheet_of)

    def __post_init__(self) -> None:
        self._runs = 0
        self.stopped: Stopped | None = None  # an embedding, whose cells are gone on with
        self._hidden: dict[str, frozenset[str]] = {}
        self.tiling = Tiling(self)
        self.events.table.connect(self._table_changed)
        self.events.clustering.connect(self._refresh_groups)
        self.history = History(self)
        self.set_up = SetUpHistory(self)

    def snapshot(self) -> Snapshot:
        """Freeze what decides the next run, for a worker or for :mod:`readiness`."""
        frozen = {each.name: getattr(self, each.name) for each in fields(Snapshot)}
        copied = {name: dict(frozen[name]) for name in ("regions", "panel_groups")}
        return Snapshot(**{**frozen, **copied})

    def next_run(self) -> int:
        """Return a new run number; results that carry an older one are refused."""
        self._runs += 1
        return self._runs

    @property
    def table_fits(self) -> bool:
        """Whether the table's cells, if there is one, are those of the chosen mask."""
        made = self.made_from.get("embed")
        units = self.snapshot().units
        return units is not None and (made is None or made.units is units)

    @property
    def of_tiles(self) -> bool:
        """Whether tiles of the tissue are described, not cells."""
        return self.snapshot().of_tiles

    def words(self, sentence: str) -> str:
        """Return a sentence about cells; about tiles where those are described."""
        return self.snapshot().words(sentence)

    # selection ---------------------------------------------------------------------------------

    def select(self, ids: Iterable[int] | NDArray[np.int64]) -> None:
        """Make ``ids`` the selection, a step that can be undone; an empty list clears it."""
        chosen = np.sort(ids if isinstance(ids, np.ndarray) else np.fromiter(ids, np.int64))
        chosen = chosen[np.diff(chosen, prepend=chosen[:1] - 1) > 0]  # np.unique: 100 times slower
        cells = self.words("1 cell" if len(chosen) == 1 else f"{len(chosen):,} cells")
        with self.history.step(f"Select {cells}" if len(chosen) else "Clear the selection"):
            self.selection = chosen

    # clusterings -------------------------------------------------------------------------------

    @property
    def clusterings(self) -> tuple[str, ...]:
        """Names of the table's clusterings, oldest first."""
        return () if self.table is None else clustering_names(self.table)

    def ids(self) -> NDArray[np.int64]:
        """Return the label ids of the table's cells, row by row."""
        return _no_cells() if self.table is None else shown_ids(self, self.table.obs)

    def codes(self) -> NDArray[np.int64]:
        """Return the group index (into :attr:`groups`) of the table's cells; -1 where none."""
        if self.table is None or self.clustering is None:
            return np.full(len(self.ids()), -1, np.int64)
        return np.asarray(self.table.obs[self.clustering].cat.codes, np.int64)

    def cells_of(self, group: int) -> NDArray[np.int64]:
        """Return the label ids of the cells in group ``group``."""
        return np.asarray(self.ids()[self.codes() == group], np.int64)

    def groups_edited(self) -> None:
        """Follow a change of clusterings, their names, colours or cells; an export is then old."""
        exported = self.made_from.get("export")
        if exported is not None:
            self.made_from = {**self.made_from, "export": replace(exported, table=None)}
        self._refresh_groups()

    def show_group(self, group: int, visible: bool) -> None:
        """Show or hide a group of the active clustering, on the image and on the map."""
        if self.clustering is not None:
            name = self.groups[group].name
            hidden = self._hidden.get(self.clustering, frozenset())
            self._hidden[self.clustering] = hidden - {name} if visible else hidden | {name}
            self._refresh_groups()

    def show_only(self, groups: Collection[int]) -> None:
        """Show these groups of the active clustering, and hide all others."""
        if self.clustering is not None:
            others = (each.name for i, each in enumerate(self.groups) if i not in groups)
            self.hidden = {**self._hidden, self.clustering: frozenset(others)}

    @property
    def hidden(self) -> Mapping[str, frozenset[str]]:
        """Names of the groups that are not shown, by clustering; set as a whole."""
        return dict(self._hidden)

    @hidden.setter
    def hidden(self, hidden: Mapping[str, frozenset[str]]) -> None:
        self._hidden = dict(hidden)
        self._refresh_groups()

    def _table_changed(self, new: AnnData | None, old: AnnData | None) -> None:
        names = self.clusterings
        if self.clustering not in names:
            self.clustering = names[-1] if names else None
        if new is None or old is None or not new.obs_names.equals(old.obs_names):
            self.measures = {}  # they are of the rows of the table before
        if representation(new) is not representation(old):
            self.mixture = None
        if self.colour_by not in colour_names(self):
            self.colour_by = None
        keep_to_cells(self, new, old)
        self._refresh_groups()

    def _refresh_groups(self) -> None:
        table, name, codes = self.table, self.clustering, self.codes()
        hidden = self._hidden.get(name or "", frozenset())
        self.groups = () if table is None or name is None else legend(table, name, codes, hidden)
        if (self.hovered_group or 0) >= len(self.groups):
            self.hovered_group = None


_SESSIONS: WeakKeyDictionary[Any, Session] = WeakKeyDictionary()


def session_for(viewer: object) -> Session:
    """Return the viewer's session, made when first asked for; it lives as long as the viewer."""
    viewer = unwrapped(viewer)
    if viewer not in _SESSIONS:
        _SESSIONS[viewer] = Session()
    return _SESSIONS[viewer]


def unwrapped(viewer: Any) -> Any:
    """Return the viewer itself: napari hands each dock a proxy of its own."""
    return getattr(viewer, "__wrapped__", viewer)
