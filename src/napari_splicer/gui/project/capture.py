"""From a window to a :class:`State`: its session, its layers, and the results on its shelf.

Runs in the GUI thread and takes hold of everything that is large without copying it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any

from napari.layers import Image

from napari_splicer.gui.fitness import same_model
from napari_splicer.gui.project.layer_records import describe
from napari_splicer.gui.project.record import (
    FORMAT_VERSION,
    FieldRecord,
    MadeFrom,
    Origin,
    ProjectRecord,
    ViewRecord,
    WorkRecord,
)
from napari_splicer.gui.project.sheets import describe_sheet, from_files
from napari_splicer.gui.project.state import State
from napari_splicer.gui.project.tables import TableNow
from napari_splicer.gui.reading import OWN, is_own
from napari_splicer.gui.snapshot import Snapshot
from napari_splicer.gui.view import camera_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anndata import AnnData
    from napari.layers import Layer

    from napari_splicer.events import Stage
    from napari_splicer.gui.history import Step
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.gui.project.provenance import Provenance
    from napari_splicer.gui.project.record import LayerRecord, Same
    from napari_splicer.gui.project.state import Pixels
    from napari_splicer.gui.session import Session
    from napari_splicer.images.image import MultiplexImage
    from napari_splicer.images.sheet import Sheet


@dataclass
class _Layers:
    """The layers of a project, in the viewer's order, and where they come from."""

    origins: list[Origin] = field(default_factory=list)
    records: list[LayerRecord] = field(default_factory=list)
    pixels: dict[int, Pixels] = field(default_factory=dict)
    index: dict[Layer, int] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    sheets: dict[Sheet, bool] = field(default_factory=dict)  # and whether their masks are wanted

    def on_sheet(self, sheet: Sheet, origin: Origin) -> Origin:
        """Return where a layer of images side by side comes from."""
        self.sheets[sheet] = self.sheets.get(sheet, False) or origin.mask
        return origin.model_copy(update={"kind": "sheet", "sheet": [*self.sheets].index(sheet)})


def worth_keeping(session: Session) -> bool:
    """Return whether anything was done, or begun, that a new window would not do by itself."""
    chosen = bool(session.components) and session.components != session.suggested
    # A training keeps its steps so far, and only a project leads back to them.
    begun = session.job is not None or bool(session.metrics)
    return chosen or begun or session.bundle is not None or session.table is not None


def lost_layers(state: State, *, saved: bool) -> tuple[str, ...]:
    """Return the names of layers that nothing would bring back: they are in no file or project.

    Parameters
    ----------
    state : State
    saved : bool
        Whether it is, or is about to be, a project.
    """
    layers = () if saved else state.record.layers
    drawn = (layer.name for layer in layers if layer.origin in state.pixels)
    return (*state.record.left_out, *drawn)


def capture(link: ViewerLink, provenance: Provenance, *, keep_images: bool = False) -> State:
    """Take hold of all that a window holds.

    Parameters
    ----------
    link : ViewerLink
    provenance : Provenance
    keep_images : bool
        Whether images that lie in no file become part of the project.
    """
    session = link.session
    layers = _layers(link, provenance, keep_images)
    fields, tables = _fields(link, layers)
    done, undone = map(_kept_steps, session.history.steps)
    sheets = tuple(describe_sheet(s, layers.origins, masks=m) for s, m in layers.sheets.items())
    record = ProjectRecord(
        format_version=FORMAT_VERSION if sheets else 1,
        sheets=sheets,
        name="" if session.image is None else session.image.name,
        origins=tuple(layers.origins),
        layers=tuple(layers.records),
        fields=tuple(fields),
        work=_work(session, link, layers),
        view=_view(link),
        left_out=tuple(layers.left_out),
    )
    return State(
        record=record,
        config=session.snapshot().config,
        selection=session.selection,
        bundle=session.bundle,
        tables=tuple(tables),
        pixels=layers.pixels,
        measures=dict(session.measures),
        done=done,
        undone=undone,
        image=session.image,
        cells=session.cells,
        regions=dict(session.regions),
    )


def _kept_steps(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return steps without those on columns that no file gives; no other depends on them."""
    return tuple(
        step
        for step in steps
        if all(part is None or part.plain for part in (step.before.columns, step.after.columns))
    )


def _layers(link: ViewerLink, provenance: Provenance, keep_images: bool) -> _Layers:
    found = _Layers()
    for layer in link.layers:
        if is_own(layer):
            continue
        origin, pixels = provenance.origin(layer), None
        sheet = layer.metadata.get(OWN, {}).get("sheet")
        if origin is not None and origin.kind == "file" and sheet is not None and from_files(sheet):
            origin = found.on_sheet(sheet, origin)
        if origin is None or origin.kind == "kept":
            image = isinstance(layer, Image)
            wanted = origin is not None or keep_images or not image
            pixels = provenance.pixels(layer) if wanted else None
            if pixels is None:
                found.left_out.append(layer.name)
                continue
        found.index[layer] = len(found.records)
        place = 0 if origin is None else provenance.place(layer)
        found.records.append(describe(layer, _origin(found, origin, pixels), place))
    return found


def _origin(found: _Layers, origin: Origin | None, pixels: Pixels | None) -> int:
    """Return the number of an origin, noted if it is new."""
    if pixels is not None:
        found.pixels[len(found.origins)] = pixels
        found.origins.append(Origin(kind="kept"))
    elif origin is not None and origin not in found.origins:
        found.origins.append(origin)
    return len(found.origins) - 1 if origin is None or pixels else found.origins.index(origin)


def _fields(link: ViewerLink, layers: _Layers) -> tuple[list[FieldRecord], list[TableNow | None]]:
    """Describe the images with results, and last the one that is chosen."""
    session = link.session
    fields: list[FieldRecord] = []
    tables: list[TableNow | None] = []
    for (first, mask), kept in link.shelf.kept.items():
        made = kept.made_from.get("embed")
        image = None if made is None else made.image
        cells = None if made is None else made.cells
        tiles = None if made is None else made.tiles
        now = Snapshot(image, cells, bundle=session.bundle, table=kept.table, tiles=tiles)
        own = [c for c in link.images() if c.layers[0] is first]
        fields.append(
            FieldRecord(
                **_image(image, kept.table, own[0].layers if own else (), link, layers),
                panel_groups={} if made is None else dict(made.panel_groups),
                mask=None if mask is first else layers.index.get(mask),
                clustering=kept.clustering,
                exported=tuple(map(str, kept.exported)),
                made_from=_made_from(kept.made_from, now),
                lesson=kept.work.lesson,
                hidden=_sorted(kept.work.hidden),
            )
        )
        tables.append(TableNow.of(kept.table))
    made = session.made_from.get("embed")
    image = session.image or (None if made is None else made.image)
    if image is not None or session.table is not None:
        fields.append(
            FieldRecord(
                **_image(image, session.table, link.image_layers, link, layers),
                panel_groups=dict(session.panel_groups),
                mask=None if link.mask_layer is None else layers.index.get(link.mask_layer),
                clustering=session.clustering,
                exported=tuple(map(str, session.exported)),
                made_from=_made_from(session.made_from, session.snapshot()),
            )
        )
        tables.append(None if session.table is None else TableNow.of(session.table))
    return fields, tables


def _image(
    image: MultiplexImage | None,
    table: AnnData | None,
    own: tuple[Image, ...],
    link: ViewerLink,
    layers: _Layers,
) -> dict[str, Any]:
    """Describe an image; by what its table says of it where it is gone."""
    known = bool(own) and all(layer in layers.index for layer in own)
    choice = next((c for c in link.images() if {*c.layers} == {*own}), None)
    return {
        "name": _name_in(table) if image is None else image.name,
        "image": tuple(layers.index[layer] for layer in own) if known else (),
        "stacked": choice is not None and choice.stacked,
        "channels": () if image is None else image.channels,
        "places": None if image is None else image.places,
    }


def _sorted(hidden: Mapping[str, frozenset[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(sorted(groups)) for name, groups in hidden.items()}


def _name_in(table: AnnData | None) -> str:
    names = () if table is None else table.obs["region"].astype(str).unique()
    return next(iter(names), "")


def _made_from(made_from: Mapping[Stage, Snapshot], now: Snapshot) -> dict[Stage, MadeFrom]:
    return {stage: _made(made, now) for stage, made in made_from.items()}


def _made(made: Snapshot, now: Snapshot) -> MadeFrom:
    """Note settings, and what is the very same now as when the result was made."""
    names: tuple[Same, ...] = ("image", "cells", "tiles", "bundle", "table")
    return MadeFrom(
        settings=made.settings,
        components=made.components,
        panel_groups=dict(made.panel_groups),
        same=tuple(name for name in names if _same(name, made, now)),
        same_regions=tuple(n for n, mask in made.regions.items() if now.regions.get(n) is mask),
    )


def _same(name: Same, made: Snapshot, now: Snapshot) -> bool:
    if name == "bundle":
        return same_model(made.bundle, now.bundle)
    return getattr(made, name) is getattr(now, name)


def _work(session: Session, link: ViewerLink, layers: _Layers) -> WorkRecord:
    return WorkRecord(
        settings=session.settings,
        components=session.components,
        suggested=session.suggested,
        colours=dict(session.colours),
        regions={n: layers.index[k] for n, k in link.region_layers.items() if k in layers.index},
        map_choice=session.map_choice,
        colour_by=session.colour_by,
        colour_ranges=dict(session.colour_ranges),
        sought=() if session.sought is None else session.sought.cells,
        sought_by="" if session.sought is None else session.sought.source,
        opacity=session.opacity,
        lesson=session.lesson,
        segmentation=session.segmentation,
        hidden=_sorted(session.hidden),
        picked=session.picked,
        metrics=tuple((m.step, _finite(m.values)) for m in session.metrics),
    )


def _finite(values: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in values.items() if isfinite(value)}


def _view(link: ViewerLink) -> ViewRecord:
    viewer = link.viewer
    if viewer is None:
        return ViewRecord()
    camera = camera_of(viewer)
    return ViewRecord(
        center=tuple(map(float, camera.center)),
        zoom=float(camera.zoom),
        step=tuple(map(int, viewer.dims.current_step)),
    )
