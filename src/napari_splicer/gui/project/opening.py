"""Opening a project, up to where the window is touched: all that reads files, for a worker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import npe2
from napari.layers import Layer
from napari.layers._source import layer_source  # there is no public way to tell it

from napari_splicer.errors import UNFORESEEN
from napari_splicer.gui.display import image_layers, mask_layer
from napari_splicer.gui.project.contents import read_project
from napari_splicer.gui.project.layer_records import dress
from napari_splicer.gui.project.places import find_files
from napari_splicer.gui.project.record import NAPARI, RECORD, read_record
from napari_splicer.gui.project.sheets import lay_again
from napari_splicer.gui.reading import OWN
from napari_splicer.images.image import Affine2D
from napari_splicer.images.open import open_image, open_mask
from napari_splicer.shares import part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from napari_splicer.gui.display import LayerData
    from napari_splicer.gui.project.contents import Contents
    from napari_splicer.gui.project.places import Place
    from napari_splicer.gui.project.record import LayerRecord, Origin, ProjectRecord
    from napari_splicer.images.sheet import Sheet
    from napari_splicer.shares import Shares


@dataclass(frozen=True)
class Wanted:
    """A project to be opened, and what a person has said of its files so far.

    Parameters
    ----------
    path : Path
        Of the project's folder, or of the record in it.
    moved : mapping of int to Path
        Where the files of some origins lie now.
    as_they_are : bool
        Whether to do without files that are missing, and to take those that have changed.
    """

    path: Path
    moved: Mapping[int, Path] = field(default_factory=dict)
    as_they_are: bool = False

    @property
    def folder(self) -> Path:
        """The project's folder, absolute."""
        path = self.path.expanduser().absolute()
        return path.parent if path.name == RECORD else path


@dataclass(frozen=True)
class Question:
    """Files of a project of which something must be asked."""

    wanted: Wanted
    places: tuple[Place, ...]

    @property
    def missing(self) -> tuple[Place, ...]:
        """Those that were not found."""
        return tuple(place for place in self.places if place.status == "missing")

    @property
    def changed(self) -> tuple[Place, ...]:
        """Those that hold other pixels than when the project was saved."""
        return tuple(place for place in self.places if place.status == "changed")


@dataclass(frozen=True, eq=False)
class Opened:
    """A project that is ready to be put into a window.

    ``layers`` are those of its layers whose origins need not be opened by napari, by number;
    ``read``, by origin, all that napari's own reader makes of others. ``lacking`` says which of the
    images that lie side by side are not there.
    """

    wanted: Wanted
    contents: Contents
    places: tuple[Place, ...]
    layers: Mapping[int, Layer]
    read: Mapping[int, Sequence[Layer]]
    lacking: tuple[str, ...] = ()


def open_project(wanted: Wanted) -> Shares[Opened | Question]:
    """Read a project and make its layers; a question where the files of some are not there.

    Raises
    ------
    UnreadableFile
        If it is no project, is damaged, or of a newer version.
    """
    folder = wanted.folder
    yield 0.0
    places = find_files(read_record(folder), folder, wanted.moved)
    if not wanted.as_they_are and any(place.status != "same" for place in places):
        return Question(wanted, places)
    yield 0.1
    contents = read_project(folder)
    yield 0.2
    given, lacking = yield from part(_given(contents, places), 0.2, 0.4)
    read = yield from part(_read_by_napari(contents.record.origins, places), 0.4, 0.6)
    layers = yield from part(_layers(contents.record.layers, given), 0.6, 1.0)
    return Opened(wanted, contents, places, layers, read, lacking)


def _given(
    contents: Contents, places: Iterable[Place]
) -> Shares[tuple[dict[int, list[LayerData]], tuple[str, ...]]]:
    """Return what origins give that need not be opened by napari, by origin; and what lacks."""
    lying = {place.origin: place for place in places}
    origins = contents.record.origins
    shown = {layer.origin for layer in contents.record.layers}
    given: dict[int, list[LayerData]] = {}
    for number, origin in enumerate(origins):
        yield number / len(origins)
        place = lying.get(number)
        if origin.kind == "kept" and number in contents.pixels:
            kinds = {layer.kind for layer in contents.record.layers if layer.origin == number}
            for kind in kinds & {"image", "labels"}:
                given[number] = [_kept(contents.pixels[number], str(origin.kept), kind)]
        elif place is not None and place.status != "missing":
            _note_place(contents, origin, place)
            if not origin.reader and number in shown:
                given[number] = _from_file(origin, place.path)
    sheets, lacking = yield from _sheets(contents.record, lying)
    for number, origin in enumerate(origins):
        sheet = None if origin.sheet is None else sheets[origin.sheet]
        if sheet is not None and origin.mask:
            cells = sheet.cells()
            given[number] = [] if cells is None else [mask_layer(cells, Affine2D())]
        elif sheet is not None:
            given[number] = image_layers(sheet.image())
    return given, lacking


def _sheets(
    record: ProjectRecord, lying: Mapping[int, Place]
) -> Shares[tuple[list[Sheet | None], tuple[str, ...]]]:
    """Lay images side by side as they lay; say which are not there."""
    sheets: list[Sheet | None] = []
    lacking: list[str] = []
    for number, described in enumerate(record.sheets):
        yield 1.0
        source = next((o.path for o in record.origins if o.sheet == number), "")
        sheet, lacks = lay_again(described, source, lying)
        sheets.append(sheet)
        lacking += lacks
    return sheets, tuple(lacking)


def _layers(
    records: Sequence[LayerRecord], given: Mapping[int, list[LayerData]]
) -> Shares[dict[int, Layer]]:
    """Make the layers whose origins give what they are made of; by number."""
    layers: dict[int, Layer] = {}
    for number, record in enumerate(records):
        yield number / len(records)
        own = given.get(record.origin, [])
        if record.place < len(own):
            layers[number] = Layer.create(*own[record.place])
            dress(layers[number], record)
    _lay_on_sheet(records, layers)
    return layers


def _lay_on_sheet(records: Sequence[LayerRecord], layers: Mapping[int, Layer]) -> None:
    """Let masks that lie in the project know of which images side by side they are."""
    seen = [layer.metadata.get(OWN, {}).get("sheet") for layer in layers.values()]
    sheets = {sheet.name: sheet for sheet in seen if sheet is not None}
    for number, layer in layers.items():
        own = layer.metadata.get(OWN, {})
        if own.get("sheet") is None and records[number].sheet in sheets:
            layer.metadata[OWN] = {**own, "sheet": sheets[records[number].sheet]}


def _kept(levels: list[object], name: str, kind: str) -> LayerData:
    multiscale = len(levels) > 1
    settings = {"multiscale": multiscale, "metadata": {OWN: {"kept": name}}}
    return (levels if multiscale else levels[0], settings, kind)


def _from_file(origin: Origin, path: Path) -> list[LayerData]:
    if origin.mask:
        return [mask_layer(open_mask(path), Affine2D())]
    return image_layers(open_image(path))


def _read_by_napari(
    origins: Sequence[Origin], places: Sequence[Place]
) -> Shares[dict[int, list[Layer]]]:
    """Return what napari's own reader makes of files, by origin; nothing of those where it fails.

    Readers of others may look for the window, or for a person, and are asked there.
    """
    read: dict[int, list[Layer]] = {}
    for count, place in enumerate(places):
        yield count / len(places)
        if origins[place.origin].reader == NAPARI and place.status != "missing":
            read[place.origin] = _by_napari(place.path)
    return read


def _by_napari(path: Path) -> list[Layer]:
    """Not by way of a viewer, which would show its progress in whatever window there is."""
    try:
        with layer_source(path=str(path), reader_plugin=NAPARI):
            given = npe2.read([str(path)], stack=False, plugin_name=NAPARI)
            return [Layer.create(*described) for described in given]
    except UNFORESEEN:
        return []


def _note_place(contents: Contents, origin: Origin, place: Place) -> None:
    """Make a file that was found elsewhere, or is taken as it is now, the project's."""
    contents.folder.moved(str(place.path), origin.mask, origin.reader, place.fingerprint)
