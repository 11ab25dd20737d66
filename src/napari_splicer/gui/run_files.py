"""Run files in the window: image, masks, components and settings as one says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Labels, Layer

from napari_splicer.config import load_run
from napari_splicer.errors import InvalidSettings, SplicerError
from napari_splicer.gui.display import choose_opened, mask_layer
from napari_splicer.gui.incoming import Opening, add_layers, layers_of
from napari_splicer.gui.jobs import tell
from napari_splicer.gui.snapshot import Notice
from napari_splicer.shares import part

if TYPE_CHECKING:
    from pathlib import Path

    from napari_splicer.config import RunConfig
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.images.masks import LabelMask, MaskedImage
    from napari_splicer.shares import Shares

_CHANNELS = 0.8  # of what reading takes; the rest is for the masks


def is_run_file(path: Path) -> bool:
    """Return whether a file may be a run file."""
    return path.suffix.lower() == ".toml"


@dataclass(frozen=True, eq=False)
class _Named:
    """What a run file names: its first image and the masks of that, as layers."""

    config: RunConfig
    image: str
    others: int
    channels: list[Layer]
    cells: Labels | None
    regions: dict[str, Labels]


def open_run_file(link: ViewerLink, path: Path) -> None:
    """Open what a run file names, and set what it says; where that can't be, only say why.

    Of several images, the first is opened: a window works on one at a time.
    """

    def refused(error: Exception) -> None:
        if isinstance(error, SplicerError):
            link.session.notice = Notice("error", f"{path.name} was not opened. {error}", "open")
        else:
            tell(error)

    link.opener.ask(Opening(path.name, partial(_read, path), partial(_put, link, path), refused))


def _read(path: Path) -> Shares[_Named]:
    config = load_run(path)
    field, others = _first_image(config, path.parent)
    channels = yield from part(layers_of(field.image), 0, _CHANNELS)
    cells = None if field.cells is None else _layer(field.cells, field)
    regions = {}
    for name, mask in field.regions.items():
        yield _CHANNELS
        regions[name] = _layer(mask, field, name)
    return _Named(config, field.name, others, channels, cells, regions)


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


def _layer(mask: LabelMask, field: MaskedImage, name: str | None = None) -> Labels:
    data, look, _ = mask_layer(mask, field.image.transform)
    return Labels(data, **{**look, "name": name or look["name"]})


def _put(link: ViewerLink, path: Path, named: _Named) -> Shares[None]:
    layers = [*named.channels, *([] if named.cells is None else [named.cells])]
    layers += named.regions.values()
    there = yield from add_layers(link, layers)
    if len(there) < len(layers):
        return  # a person took one away, or emptied the window
    # Or one of them may be taken for the mask of the cells.
    names = {layer: name for name, layer in named.regions.items()}
    link.use_regions([*names], names)
    choose_opened(link, named.channels)
    if named.cells is not None:
        link.use_mask(named.cells)
    # What it names is in the window now; results go where the same file's would without one.
    session, config = link.session, named.config
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
    session.notice = Notice("info", _said(path, named), "open")


def _said(path: Path, named: _Named) -> str:
    words = f"{named.image} is opened, with components and settings of {path.name}."
    if named.others:
        words += (
            f" It is the first of {named.others + 1} images: a window works on one at a time, "
            "'napari-splicer run' on all."
        )
    if named.config.taught:
        words += " Examples of types are not taken."
    return words
