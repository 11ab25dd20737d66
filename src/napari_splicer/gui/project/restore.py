"""From an opened project to a window: its layers, the session, and the results on the shelf."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields as fields_of
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels, Layer

from napari_splicer.errors import UNFORESEEN, listed
from napari_splicer.events import Metrics
from napari_splicer.gui import similar
from napari_splicer.gui.categories import colour_names
from napari_splicer.gui.incoming import Cancelled
from napari_splicer.gui.project.layer_records import dress
from napari_splicer.gui.project.putting import PutField
from napari_splicer.gui.session import Session
from napari_splicer.gui.snapshot import MIXTURE, Notice
from napari_splicer.gui.view import camera_of
from napari_splicer.shares import part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.viewer import Viewer

    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.gui.project.folder import ProjectFolder
    from napari_splicer.gui.project.opening import Opened
    from napari_splicer.gui.project.record import (
        FieldRecord,
        LayerRecord,
        ProjectRecord,
    )
    from napari_splicer.shares import Shares

_LAYERS = 0.95  # of what putting a project into a window takes
_NAMED = 3  # layers that could not be opened, and are named


def restore(link: ViewerLink, opened: Opened) -> Shares[bool]:
    """Replace all that is in a window by a project, in the GUI thread, while the link holds.

    Between two shares, the window may be heard. Where anything is thrown into it, the window is
    empty.

    Returns whether all of the project's layers could be opened. Where not, what the window holds
    must not be saved in place of the project, which knows more.
    """
    viewer, session = link.viewer, link.session
    if viewer is None:
        return False
    contents, record = opened.contents, opened.contents.record
    remarks, all_taken = [*contents.remarks, *_lacking(opened)], True
    with _all_or_nothing(link, viewer):
        made = yield from part(_open_layers(viewer, opened, remarks), 0, _LAYERS)
        layers = {number: layer for number, layer in made.items() if layer in viewer.layers}
        if made and not layers:
            raise Cancelled
        link.use_image(None)
        _empty(session)  # also of what was done with a part of the project
        _look(viewer, record)
        # That files may be replaced was said of those that were there then.
        settings = record.work.settings.with_values({"export.overwrite": False})
        session.settings, session.bundle = settings, contents.bundle
        named = {layers.get(number): name for name, number in record.work.regions.items()}
        regions = {layer: name for layer, name in named.items() if isinstance(layer, Labels)}
        link.use_regions([*regions], regions)
        changed = _changed(opened)
        last = len(record.fields) - 1
        for number, field in enumerate(record.fields):
            own = {record.layers[i].origin for i in (*field.image, *_one(field.mask))}
            putting = PutField(field, contents.tables[number], not own & changed, number == last)
            if putting.can_be_put(layers):
                session.settings = putting.settings(settings)
                taken = putting.put(link, layers)
                all_taken &= taken
                if not taken:
                    remarks.append(
                        _set_aside(
                            contents.folder, field, f"{field.name}: without all of its images"
                        )
                    )
            elif field.table is not None:
                why = f"Without the image {field.name} or its mask"
                remarks.append(_set_aside(contents.folder, field, why))
        _take_up_work(session, opened)
    whole = len(layers) == len(record.layers) and all_taken and not opened.lacking
    if not whole:
        remarks.append("The project stays as it is: what you do now is saved under another name.")
    if record.left_out:
        remarks.append(_left_out(record.left_out))
    if remarks:
        session.notice = Notice("warning", " ".join(remarks), "open")
    link.changed.emit()
    return whole


@contextmanager
def _all_or_nothing(link: ViewerLink, viewer: Viewer) -> Iterator[None]:
    """Empty a window; also of a part of a project, where the rest can't be put into it."""
    session = link.session
    viewer.layers.clear()
    _empty(session)
    try:
        yield
    except GeneratorExit:  # the window is gone
        raise
    except BaseException:
        viewer.layers.clear()
        _empty(session)
        link.changed.emit()
        raise


def _empty(session: Session) -> None:
    """Bring a session back to how it began."""
    fresh = Session()
    session.history.forget()
    session.set_up.forget()
    for name in ("made_from", "table", "clustering"):
        setattr(session, name, getattr(fresh, name))
    for each in fields_of(Session):
        setattr(session, each.name, getattr(fresh, each.name))
    session.hidden = {}


# layers ----------------------------------------------------------------------------------------


def _open_layers(viewer: Viewer, opened: Opened, remarks: list[str]) -> Shares[dict[int, Layer]]:
    """Put all layers into the viewer, in their order; return them by their number in the record."""
    record, lost = opened.contents.record, []
    made: dict[int, Layer] = {}
    given = _Given(viewer, opened)
    for number, described in enumerate(record.layers):
        layer = opened.layers.get(number)
        if layer is None:
            layer = given.layer(described)
            yield 0.0  # others' readers take their time
        if layer is None:
            lost.append(described.name)
        else:
            made[number] = layer
    if lost:
        remarks.append(_not_opened(lost))
    given.remove_others(set(made.values()))
    for count, layer in enumerate(made.values(), 1):
        if count > 1 and len(viewer.layers) == 0:
            raise Cancelled  # the window was emptied, as one is that is closed
        if layer in viewer.layers:
            viewer.layers.move(viewer.layers.index(layer), len(viewer.layers))
        else:
            viewer.add_layer(layer)
        yield count / len(made)
    return made


def _left_out(names: tuple[str, ...]) -> str:
    return (
        f"The project never held {listed(names, _NAMED)}, which lay in no file. What was "
        "made of it is here; images can be kept in a project by the menu at the top."
    )


def _not_opened(names: list[str]) -> str:
    layers = "The layer" if len(names) == 1 else "The layers"
    return f"{layers} {listed(names, _NAMED)} could not be opened again."


class _Given:
    """The layers that others' readers and samples give; each origin is opened when asked for."""

    def __init__(self, viewer: Viewer, opened: Opened) -> None:
        self._viewer = viewer
        self._opened = opened
        self._places = {place.origin: place for place in opened.places}
        self._layers: dict[int, list[Layer]] = {}
        self._read = dict(opened.read)

    def layer(self, record: LayerRecord) -> Layer | None:
        """Return the layer that a record describes; None where its origin has none such."""
        layers = self._layers.setdefault(record.origin, [])
        while len(layers) <= record.place:
            more = self._open(record.origin)
            if not more:
                return None
            layers += more
        layer = layers[record.place]
        dress(layer, record)
        return layer

    def remove_others(self, wanted: set[Layer]) -> None:
        """Take away what came with the wanted layers and had been removed before."""
        for layer in [layer for layers in self._layers.values() for layer in layers]:
            if layer not in wanted and layer in self._viewer.layers:
                self._viewer.layers.remove(layer)

    def _open(self, number: int) -> list[Layer]:
        """Put all layers of an origin into the viewer, once more if there are some already."""
        read = self._read.pop(number, None)
        if read:
            return [self._viewer.add_layer(layer) for layer in read]
        origin = self._opened.contents.record.origins[number]
        place = self._places.get(number)
        try:
            if origin.kind == "sample":
                return list(self._viewer.open_sample(*origin.sample))
            if origin.reader and place is not None and place.status != "missing":
                return list(self._viewer.open(str(place.path), plugin=origin.reader))
        except UNFORESEEN:  # a reader that is not here any more, or fails
            return []
        return []


def _look(viewer: Viewer, record: ProjectRecord) -> None:
    view, camera = record.view, camera_of(viewer)
    if len(view.center) == len(camera.center):
        camera.center = view.center
    if view.zoom is not None:
        camera.zoom = view.zoom
    if len(view.step) == viewer.dims.ndim:
        viewer.dims.current_step = view.step


# results ---------------------------------------------------------------------------------------


def _changed(opened: Opened) -> set[int]:
    """Return which origins give other pixels than before; of images side by side, any of them."""
    record, status = opened.contents.record, {p.origin: p.status for p in opened.places}
    changed = {number for number, now in status.items() if now == "changed"}
    other = [any(status[n] != "same" for n in sheet.files) for sheet in record.sheets]
    return changed | {
        n
        for n, origin in enumerate(record.origins)
        if origin.sheet is not None and other[origin.sheet]
    }


def _lacking(opened: Opened) -> list[str]:
    """Say which images are not there of those that lie side by side; cells of none move."""
    lacking = opened.lacking
    more = f"And {len(lacking) - _NAMED} more." if len(lacking) > _NAMED else ""
    return [*lacking[:_NAMED], *filter(None, [more])]


def _set_aside(folder: ProjectFolder, field: FieldRecord, why: str) -> str:
    place = ""
    if field.table is not None:
        folder.set_aside(field.table.kept)
        place = str(folder.path / field.table.kept)
    return f"{why}, the results stay in {place}."


def _take_up_work(session: Session, opened: Opened) -> None:
    contents, work = opened.contents, opened.contents.record.work
    session.colours = work.colours
    session.suggested, session.components = work.suggested, work.components
    session.metrics = tuple(Metrics("train", step, values) for step, values in work.metrics)
    session.hidden = {name: frozenset(groups) for name, groups in work.hidden.items()}
    session.opacity, session.picked = work.opacity, work.picked
    session.colour_ranges = work.colour_ranges
    session.lesson, session.segmentation = work.lesson, work.segmentation
    if session.table is None:
        return
    session.measures, session.map_choice = contents.measures, work.map_choice
    known = set(colour_names(session)) - (set() if session.of_tiles else {MIXTURE})
    if work.colour_by in known:
        session.colour_by = work.colour_by
    if work.sought:
        session.sought = similar.question(session, work.sought, work.sought_by)
    session.selection = np.intersect1d(contents.selection, session.ids())
    session.history.take_up(contents.done, contents.undone)


def _one(number: int | None) -> tuple[int, ...]:
    return () if number is None else (number,)
