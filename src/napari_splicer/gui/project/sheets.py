"""From images side by side to their record, and back: each is found, or missed, by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_splicer.config import ImageInput
from napari_splicer.errors import SplicerError
from napari_splicer.gui.project.provenance import absolute
from napari_splicer.gui.project.record import Origin
from napari_splicer.gui.project.sheet_records import SheetImage, SheetRecord
from napari_splicer.images.open import open_input, opened_as
from napari_splicer.images.sheet import Sheet
from napari_splicer.images.side_by_side import common_pixel_size
from napari_splicer.images.spots import Absent, Spot, last_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_splicer.gui.project.places import Place


def from_files(sheet: Sheet) -> bool:
    """Return whether all images of a sheet were opened from files."""
    return all(opened_as(spot.field) is not None for spot in sheet.spots)


def describe_sheet(sheet: Sheet, origins: list[Origin], *, masks: bool) -> SheetRecord:
    """Return the record of a sheet whose images come from files, which are noted in ``origins``.

    Parameters
    ----------
    sheet : Sheet
    origins : list of Origin
    masks : bool
        Whether the masks of the cells are wanted: one that was painted on lies in the project.
    """
    spots = sorted(sheet.all_spots, key=lambda spot: (spot.y, spot.x))
    return SheetRecord(
        name=sheet.name,
        shape=sheet.shape,
        channels=sheet.channels,
        images=tuple(_describe(spot, origins, masks) for spot in spots),
    )


def _describe(spot: Spot | Absent, origins: list[Origin], masks: bool) -> SheetImage:
    if isinstance(spot, Absent):
        files, shape = spot.settings, spot.shape
    else:
        files, shape = _files_of(spot), spot.field.image.shape

    def noted(path: str, mask: bool) -> int:
        origin = Origin(kind="file", path=path, mask=mask)
        if origin not in origins:
            origins.append(origin)
        return origins.index(origin)

    return SheetImage(
        name=spot.name,
        image=noted(files.image, mask=False),
        mask=noted(files.mask, mask=True) if masks and files.mask else None,
        regions={name: noted(path, mask=True) for name, path in files.regions.items()},
        panel=noted(files.panel, mask=False) if files.panel else None,
        pixel_size=files.pixel_size,
        shape=shape,
        y=spot.y,
        x=spot.x,
        first=spot.first,
        last=spot.last,
    )


def _files_of(spot: Spot) -> ImageInput:
    """Return what an image on a sheet was opened as, by absolute paths."""
    opened = opened_as(spot.field)
    if opened is None:
        raise ValueError(f"{spot.name} was not opened from files")
    files, folder = opened

    def lying(path: str) -> str:
        return absolute(path if "://" in path else str((folder or Path()) / path))

    return files.model_copy(
        update={
            "image": lying(files.image),
            "mask": files.mask and lying(files.mask),
            "regions": {name: lying(path) for name, path in files.regions.items()},
            "panel": files.panel and lying(files.panel),
        }
    )


def lay_again(
    record: SheetRecord, source: str, places: Mapping[int, Place]
) -> tuple[Sheet | None, tuple[str, ...]]:
    """Open the images of a sheet and lay them where they lay; masks are read.

    Parameters
    ----------
    record : SheetRecord
    source : str
        The run file that named them.
    places : mapping of int to Place
        Where files lie now, by origin.

    Returns
    -------
    sheet : Sheet or None
        None where no image could be opened.
    lacking : tuple of str
        What is not on it, in words.
    """
    spots: list[Spot] = []
    absent: list[Absent] = []
    lacking: list[str] = []
    end = max((image.last for image in record.images), default=0)
    for image in record.images:
        files, why = _found(image, places)
        try:
            field = open_input(files) if not why else None
        except SplicerError as error:
            field, why = None, str(error)
        if field is not None and field.image.shape != image.shape:
            field, why = None, f"{Path(files.image).name} is of another size now."
        if field is None:
            absent.append(
                Absent(image.name, files, image.shape, image.y, image.x, image.first, image.last)
            )
            lacking.append(f"{image.name} is not shown: {why}")
            continue
        if image.mask is not None and files.mask is None:
            lacking.append(f"{image.name} is without its mask: {_name(image.mask, places)}")
        first, last = image.first, image.last
        count = last_id(field.cells)
        if count > last - first:  # its own cells have numbers of no others; all others keep theirs
            first, last = end, end + count
            end = last
        spots.append(Spot(field, image.y, image.x, first, last))
    if not spots:
        return None, tuple(lacking)
    sheet = Sheet(
        name=record.name,
        spots=tuple(spots),
        shape=record.shape,
        channels=record.channels,
        pixel_size=common_pixel_size([spot.field.image.pixel_size for spot in spots]),
        source=source,
        absent=tuple(absent),
    )
    return sheet, tuple(lacking)


def _found(image: SheetImage, places: Mapping[int, Place]) -> tuple[ImageInput, str]:
    """Return the files of an image as they lie now, and why it can't be opened, if so."""

    def there(number: int | None) -> str | None:
        lies = number is not None and places[number].status != "missing"
        return str(places[number].path) if lies and number is not None else None

    files = ImageInput(
        image=str(places[image.image].path),
        mask=there(image.mask),
        regions={name: path for name, n in image.regions.items() if (path := there(n)) is not None},
        panel=there(image.panel),
        pixel_size=image.pixel_size,
        name=image.name,
    )
    lost = [n for n in (image.image, image.panel) if n is not None and there(n) is None]
    return files, _name(lost[0], places) if lost else ""


def _name(number: int, places: Mapping[int, Place]) -> str:
    return f"{places[number].path.name} was not found."
