"""``napari-splicer segment``: cell masks for images that have none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from napari_splicer.cli.options import Nuclei, Overwrite, Screen
from napari_splicer.errors import CannotWrite, InvalidSettings, SplicerError

_ENDING = "_cells.ome.zarr"


def segment(
    *images: Annotated[Path, Parameter(help="Images without a mask.")],
    nuclei: Annotated[Nuclei, Parameter(name="*")] = Nuclei(),
    panel: Annotated[
        Path | None, Parameter(help="A panel.csv or markers.csv that names their channels.")
    ] = None,
    folder: Annotated[
        Path | None, Parameter(help="Where to write the masks, instead of beside the images.")
    ] = None,
    overwrite: Overwrite = False,
    screen: Screen,
) -> None:
    """Make cell masks from a nuclear channel, for images that have none.

    Nuclei are found by their brightness, divided where they touch, and grown by a fixed width.
    Programs made for this, such as Cellpose, StarDist and Mesmer, find cells better: use one of
    them if you can. Writes IMAGE_cells.ome.zarr beside each image, where the other commands find
    it.

    Example: napari-splicer segment slide.ome.tif --channel DAPI --diameter 8
    """
    from napari_splicer import pipeline
    from napari_splicer.files import check_free
    from napari_splicer.images.open import open_image
    from napari_splicer.images.read import stem

    settings = nuclei.settings()
    places = {image: (folder or image.parent) / f"{stem(image)}{_ENDING}" for image in _all(images)}
    made = set(places.values())  # by this command, before: no images
    places = {image: place for image, place in places.items() if image not in made}
    for place in places.values():
        check_free(place, overwrite=overwrite)
    failed: dict[Path, SplicerError] = {}
    for image, place in places.items():
        try:
            opened = open_image(image, pixel_size=nuclei.pixel_size, panel=panel)
            events = pipeline.segment(
                opened, settings, path=place, overwrite=overwrite, cancel=screen.cancel
            )
            if screen.play(events) is None:
                return
        except SplicerError as error:
            if len(places) == 1 or isinstance(error, CannotWrite):  # a full disk is one for all
                raise
            failed[image] = error
            screen.display.note(f"{image.name} gets no mask: {error.message}")
            continue
        screen.wrote("mask", place)
    if failed:
        raise _told(failed, len(places))


def _told(failed: dict[Path, SplicerError], count: int) -> SplicerError:
    """Return one error, of the first one's kind, that tells what is wrong with each image."""
    first, *_ = failed.values()
    each = " ".join(f"{image.name}: {error.message}" for image, error in failed.items())
    have = "has" if len(failed) == 1 else "have"
    return type(first)(f"{len(failed)} of {count} images {have} no mask. {each}", first.advice)


def _all(images: tuple[Path, ...]) -> list[Path]:
    """Return every image, also of patterns that the shell has left as they are."""
    from napari_splicer.config import ImageInput
    from napari_splicer.images.patterns import expand

    if not images:
        raise InvalidSettings(
            "No image is named.", "Name one: napari-splicer segment slide.ome.tif --channel DAPI"
        )
    inputs = expand([ImageInput(image=str(image)) for image in images], Path())
    return [Path(one.image) for one in inputs]
