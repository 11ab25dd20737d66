"""Run files in the window: image, masks, components and settings as one says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from napari.layers import Labels, Layer

from napari_splicer import pipeline
from napari_splicer.config import load_run
from napari_splicer.errors import SplicerError
from napari_splicer.gui.display import choose_opened, mask_layer
from napari_splicer.gui.incoming import Opening, add_layers, layers_of
from napari_splicer.gui.jobs import tell
from napari_splicer.gui.snapshot import Notice
from napari_splicer.images.masks import MaskedImage
from napari_splicer.images.side_by_side import laying_out
from napari_splicer.shares import part

if TYPE_CHECKING:
    from pathlib import Path

    from napari_splicer.config import RunConfig
    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.images.masks import LabelMask
    from napari_splicer.shares import Shares

_LAYING, _CHANNELS = 0.2, 0.8  # of what reading takes; the rest is for the masks

SIDE_BY_SIDE = "They lie side by side; models and tables know each by its own name."


def is_run_file(path: Path) -> bool:
    """Return whether a file may be a run file."""
    return path.suffix.lower() == ".toml"


@dataclass(frozen=True, eq=False)
class Named:
    """What a run file names, as layers: its image, or all of them side by side."""

    config: RunConfig
    images: tuple[str, ...]
    channels: list[Layer]
    cells: Labels | None
    regions: dict[str, Labels]


def open_run_file(link: ViewerLink, path: Path) -> None:
    """Open what a run file names, and set what it says; where that can't be, only say why.

    Several images are laid side by side (:class:`~napari_splicer.images.sheet.Sheet`).
    """

    def refused(error: Exception) -> None:
        if isinstance(error, SplicerError):
            link.session.notice = Notice("error", f"{path.name} was not opened. {error}", "open")
        else:
            tell(error)

    link.opener.ask(
        Opening(path.name, partial(read_named, path), partial(_put, link, path), refused)
    )


def read_named(path: Path) -> Shares[Named]:
    """Read a run file and make layers of what it names, in a thread."""
    config = load_run(path)
    fields = pipeline.open_inputs(config, path.parent)
    field = fields[0]
    if len(fields) > 1:
        sheet = yield from part(laying_out(fields, path.stem, str(path)), 0, _LAYING)
        field = MaskedImage(sheet.image(), sheet.cells(), sheet.regions())
    channels = yield from part(layers_of(field.image), _LAYING, _CHANNELS)
    cells = None if field.cells is None else _layer(field.cells, field)
    regions = {}
    for name, mask in field.regions.items():
        yield _CHANNELS
        regions[name] = _layer(mask, field, name)
    return Named(config, tuple(field.name for field in fields), channels, cells, regions)


def _layer(mask: LabelMask, field: MaskedImage, name: str | None = None) -> Labels:
    data, look, _ = mask_layer(mask, field.image.transform)
    return Labels(data, **{**look, "name": name or look["name"]})


def _put(link: ViewerLink, path: Path, named: Named) -> Shares[None]:
    there = yield from put_named(link, named)
    if not there:
        return
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


def put_named(link: ViewerLink, named: Named) -> Shares[bool]:
    """Show the layers and choose them; return whether all of them are there."""
    layers = [*named.channels, *([] if named.cells is None else [named.cells])]
    layers += named.regions.values()
    there = yield from add_layers(link, layers)
    if len(there) < len(layers):
        return False  # a person took one away, or emptied the window
    # Or one of them may be taken for the mask of the cells.
    names = {layer: name for name, layer in named.regions.items()}
    link.use_regions([*names], names)
    choose_opened(link, named.channels)
    if named.cells is not None:
        link.use_mask(named.cells)
    return True


def _said(path: Path, named: Named) -> str:
    several = len(named.images) > 1
    opened = f"{len(named.images)} images are" if several else f"{named.images[0]} is"
    words = f"{opened} opened, with components and settings of {path.name}."
    if several:
        words += f" {SIDE_BY_SIDE}"
    if named.config.taught:
        words += " Examples of types are not taken."
    return words
