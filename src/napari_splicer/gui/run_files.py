"""Run files in the window: image, masks, components and settings as one says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Layer

from napari_splicer.config import load_run
from napari_splicer.errors import InvalidSettings, SplicerError
from napari_splicer.gui.display import bring_image, mask_layer
from napari_splicer.gui.mask_layers import bring_mask
from napari_splicer.gui.snapshot import Notice

if TYPE_CHECKING:
    from pathlib import Path

    from napari_splicer.config import RunConfig
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.images.masks import MaskedImage


def is_run_file(path: Path) -> bool:
    """Return whether a file may be a run file."""
    return path.suffix.lower() == ".toml"


def take_run_file(link: ViewerLink, path: Path) -> bool:
    """Open what a run file names, and set what it says; where that can't be, only say why.

    Of several images, the first is opened: a window works on one at a time.

    Returns
    -------
    bool
        False where nothing was taken.
    """
    session = link.session
    try:
        config = load_run(path)
        field, others = _first_image(config, path.parent)
    except SplicerError as error:
        session.notice = Notice("error", f"{path.name} was not opened. {error}", "open")
        return False
    _show(link, field)
    # What it names is in the window now; results go where the same file's would without one.
    session.settings = config.model_copy(
        update={
            "inputs": (),
            "components": (),
            "taught": (),
            "output": str((path.parent / config.output).absolute()),
        }
    )
    if config.components:
        session.colours = {}
        session.components = config.components
    session.notice = Notice("info", _said(path, field, others, config), "open")
    return True


def _first_image(config: RunConfig, folder: Path) -> tuple[MaskedImage, int]:
    """Return the first image with its masks, and how many more there are."""
    from napari_splicer.images.open import open_input
    from napari_splicer.images.patterns import expand

    if not config.inputs:
        raise InvalidSettings(
            "It names no image.", "Add an [[inputs]] entry with 'image' and 'mask'."
        )
    first, *others = expand(config.inputs, folder)
    return open_input(first, folder), len(others)


def _show(link: ViewerLink, field: MaskedImage) -> None:
    bring_image(link, field.image)
    if field.cells is not None:
        bring_mask(link, field.cells)
    regions = []
    with link.holding():  # or one of them may be taken for the mask of the cells
        for name, mask in field.regions.items():
            data, look, kind = mask_layer(mask, field.image.transform)
            regions.append(Layer.create(data, {**look, "name": name}, kind))
            link.add_layer(regions[-1])
        link.use_regions(regions)


def _said(path: Path, field: MaskedImage, others: int, config: RunConfig) -> str:
    words = f"{field.name} is opened, with components and settings of {path.name}."
    if others:
        words += (
            f" It is the first of {others + 1} images: a window works on one at a time, "
            "'napari-splicer run' on all."
        )
    if config.taught:
        words += " Examples of types are not taken."
    return words
