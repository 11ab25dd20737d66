"""Shelf: results of images that were worked on before, given back when they are chosen again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias
from weakref import WeakKeyDictionary

from napari_splicer.gui.cell_work import CellWork, begin_anew
from napari_splicer.gui.snapshot import of_one_image

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from anndata import AnnData
    from napari.layers import Layer

    from napari_splicer.events import Stage
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.snapshot import Snapshot
    from napari_splicer.images.masks import LabelMask

Pair: TypeAlias = "tuple[Layer, Layer]"
"""An image and its mask; of tiles, which have none, the image twice."""

_MadeFrom: TypeAlias = "Mapping[Stage, Snapshot]"
_OF_ONE_IMAGE: tuple[Stage, ...] = ("embed", "cluster", "export")


@dataclass(frozen=True, eq=False)
class Kept:
    """Results of one image and mask, and what they were made from."""

    table: AnnData
    clustering: str | None
    exported: tuple[Path, ...]
    made_from: _MadeFrom
    work: CellWork


class Shelf:
    """Keeps a table for each pair of image and mask, while their layers are there.

    The model stays on the session: it is for all images.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._now: Pair | None = None
        self._cells: dict[Pair, LabelMask | None] = {}  # as they were seen last
        self._pairs: WeakKeyDictionary[LabelMask, Pair] = WeakKeyDictionary()
        self._changed: Pair | None = None  # whose the table is, if that was of a mask as it was
        self._kept: dict[Pair, Kept] = {}
        session.table_comes.connect(self._make_way)
        session.table_left.connect(self._replace)
        session.events.table.connect(self._note_changed)

    @property
    def kept(self) -> Mapping[Pair, Kept]:
        """The results that wait for their image, by image and mask."""
        return dict(self._kept)

    def turn_to(self, pair: Pair) -> None:
        """Put away the results of the pair before, and take down those of ``pair``, if any.

        To be called after image and mask were set on the session.
        """
        if pair != self._now or pair in self._kept:
            if self._now not in (None, pair) and self._session.settings.export.overwrite:
                # That files may be replaced was said of those of the image before.
                no = {"export.overwrite": False}
                self._session.settings = self._session.settings.with_values(no)
            self._now, owner = pair, self._owner()
            if owner != pair:
                self._put_away(owner)
                self._take_down(pair)
            made = self._session.made_from.get("embed")
            if made is not None and made.image is not None and self._owner() == pair:
                # The very objects that the table was made from, not their equals.
                self._session.panel_groups = made.panel_groups
                self._session.image = made.image
                if not made.of_tiles and self._cells.get(pair) is made.cells:  # not painted on
                    self._session.cells = made.cells
        units = self._cells[pair] = self._session.snapshot().units
        if units is not None:
            self._pairs.setdefault(units, pair)

    def forget(self, layer: Layer) -> None:
        """Let go of what can't be chosen again; results on the session stay there."""
        self._kept = {pair: kept for pair, kept in self._kept.items() if layer not in pair}
        self._cells = {pair: cells for pair, cells in self._cells.items() if layer not in pair}
        for units in [units for units, pair in self._pairs.items() if layer in pair]:
            del self._pairs[units]
        if self._changed is not None and layer in self._changed:
            self._changed = None
        if self._now is not None and layer in self._now:
            self._now = None

    def _make_way(self, made: Snapshot) -> None:
        """Put away what is of another image, or mask, than a table that is about to come.

        What was made, and done, before with the cells of that table is taken down: it goes on.
        """
        before = self._session.made_from.get("embed")
        here, there = self._owner(), self._pair_of(made.units)
        if before is not None and before.units is made.units:
            return
        if here is not None and here != there:
            self._put_away(here)
        elif here is None and before is not None and not of_one_image(before, made):
            begin_anew(self._session)  # its layers are gone
        if there is not None and here != there:
            self._take_down(there)

    def _replace(self, table: AnnData, successor: AnnData, clustering: str) -> None:
        """Take the groups that were made of a table which is here by now."""
        for pair, kept in self._kept.items():
            if kept.table is table:
                work = kept.work.forgetting(clustering)
                self._kept[pair] = replace(kept, table=successor, clustering=clustering, work=work)

    def _put_away(self, owner: Pair | None) -> None:
        session = self._session
        if session.table is None or owner is None:
            return
        own = {s: made for s, made in session.made_from.items() if s in _OF_ONE_IMAGE}
        self._kept[owner] = Kept(
            session.table, session.clustering, session.exported, own, CellWork.of(session)
        )
        session.made_from = {s: m for s, m in session.made_from.items() if s not in own}
        session.table = None
        session.exported = ()
        begin_anew(session)

    def _note_changed(self) -> None:
        """Remember whose a table is that does not tell: a project's, of a mask that has changed."""
        chosen = self._session.snapshot().units is not None
        self._changed = self._now if chosen and self._session.table is not None else None

    def _owner(self) -> Pair | None:
        """Return whose table is on the session: a job may end after another image was chosen."""
        made = self._session.made_from.get("embed")
        if made is None:
            return None
        return self._changed if made.units is None else self._pair_of(made.units)

    def _pair_of(self, mask: LabelMask | None) -> Pair | None:
        """Return whose cells a mask has, or had before it was painted on."""
        return None if mask is None else self._pairs.get(mask)

    def _take_down(self, pair: Pair) -> None:
        session, kept = self._session, self._kept.pop(pair, None)
        if kept is None:
            return
        kept.work.before_the_table(session)
        session.made_from = {**session.made_from, **kept.made_from}
        session.table = kept.table
        self._changed = pair  # though another may be chosen by now
        session.clustering = kept.clustering
        session.exported = kept.exported
        kept.work.after_the_table(session)
