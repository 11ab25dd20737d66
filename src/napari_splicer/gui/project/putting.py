"""PutField: one image of a project with its mask and results, put into a window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Image, Labels

from napari_splicer.gui.reading import OWN, ImageChoice, image_choices, image_name
from napari_splicer.gui.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anndata import AnnData
    from napari.layers import Layer

    from napari_splicer.config import RunConfig
    from napari_splicer.events import Stage
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.gui.project.record import FieldRecord, MadeFrom
    from napari_splicer.gui.session import Session


class PutField:
    """One image with its mask and results, to be put into a window.

    Results of an image or mask that is not the same any more are taken up as out of date.
    """

    def __init__(
        self, record: FieldRecord, table: AnnData | None, same: bool, chosen: bool
    ) -> None:
        self._record, self._table, self._same, self._chosen = record, table, same, chosen

    def can_be_put(self, layers: Mapping[int, Layer]) -> bool:
        """Return whether it is the chosen one, or has the layers by which it can be chosen."""
        mask = None if self._record.mask is None else layers.get(self._record.mask)
        found = mask is not None or self._of_tiles
        return self._chosen or (self._choice(layers) is not None and found)

    @property
    def _of_tiles(self) -> bool:
        made = self._record.made_from.get("embed")
        return made is not None and made.settings.patches.sites == "grid"

    def settings(self, now: RunConfig) -> RunConfig:
        """Return the window's settings; of one for the shelf, with its own patches."""
        made = self._record.made_from.get("embed")
        if self._chosen or made is None:
            return now
        return now.model_copy(update={"patches": made.settings.patches})

    def put(self, link: ViewerLink, layers: Mapping[int, Layer]) -> bool:
        """Choose image and mask, and take up what was made of them; return whether it could be.

        The results of the image before go to the shelf, as when a person chooses another. A table
        of images that were never among those side by side has no place for its cells, nor has one
        of several where none of them is there.
        """
        record, session = self._record, link.session
        link.use_mask(None)
        choice = self._choice(layers)
        if choice is not None and self._table is not None:
            _call(choice, record.name)
        link.use_image(choice)
        mask = None if record.mask is None else layers.get(record.mask)
        link.use_mask(mask if isinstance(mask, Labels) else None)
        self._name_channels(link)
        session.lesson = record.lesson  # those of the chosen image are put there at the end
        session.hidden = {name: frozenset(groups) for name, groups in record.hidden.items()}
        session.panel_groups = record.panel_groups
        if self._table is not None and _is_lost(self._table, session):
            return False
        session.made_from = self._made_from(session)
        session.table = self._table
        if self._table is not None and record.clustering in session.clusterings:
            session.clustering = record.clustering
        session.exported = tuple(map(Path, record.exported))
        return True

    def _choice(self, layers: Mapping[int, Layer]) -> ImageChoice | None:
        own = tuple(layers[i] for i in self._record.image if isinstance(layers.get(i), Image))
        if not own or len(own) < len(self._record.image):
            return None
        choices = image_choices(layers.values())
        choice = next((choice for choice in choices if {*choice.layers} == {*own}), None)
        return None if choice is None else replace(choice, layers=own)

    def _name_channels(self, link: ViewerLink) -> None:
        session, record = link.session, self._record
        image = session.image
        if image is None:
            return
        places = record.places
        if places and max(places) < len(image.channels):
            image = replace(image.select([image.channels[i] for i in places]), whole=image)
        if len(record.channels) == len(image.channels) and record.channels != image.channels:
            image = image.with_channels(record.channels)
        session.image = image

    def _made_from(self, session: Session) -> dict[Stage, Snapshot]:
        return {stage: self._snapshot(m, session) for stage, m in self._record.made_from.items()}

    def _snapshot(self, made: MadeFrom, session: Session) -> Snapshot:
        """Return what a result was made from: the very things where they are the same."""
        same = {*made.same}
        # By image and mask a result is known on the shelf; there, the model makes it out of date.
        if not self._same:
            same -= {"image", "cells", "tiles"} if self._chosen else {"bundle"}
        return Snapshot(
            image=session.image if "image" in same else None,
            cells=session.cells if "cells" in same else None,
            tiles=session.tiles if "tiles" in same else None,
            regions={n: m for n, m in session.regions.items() if n in made.same_regions},
            panel_groups=made.panel_groups,
            components=made.components,
            settings=made.settings,
            bundle=session.bundle if "bundle" in same else None,
            table=self._table if "table" in same else None,
            sheet=session.sheet,
        )


def _is_lost(table: AnnData, session: Session) -> bool:
    sheet = None if session.image is None else session.image.sheet
    names = table.obs["region"].unique()
    return len(names) > 1 if sheet is None else bool(sheet.lacks(names))


def _call(choice: ImageChoice, name: str) -> None:
    """Let an image be called as its table says; by its layers it may have another name by now."""
    if image_name(choice.layers[0]) != name:
        for layer in choice.layers:
            layer.metadata[OWN] = {**layer.metadata.get(OWN, {}), "image": name}
