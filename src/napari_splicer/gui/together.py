"""Several images that a person opens at once: side by side, with the masks beside them."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_splicer.config import ImageInput, RunConfig
from napari_splicer.errors import SplicerError, listed
from napari_splicer.files import write_text
from napari_splicer.gui.commands import run_folder
from napari_splicer.gui.incoming import Opening
from napari_splicer.gui.jobs import tell
from napari_splicer.gui.run_files import SIDE_BY_SIDE, put_named, read_named
from napari_splicer.gui.snapshot import Notice
from napari_splicer.gui.words import count
from napari_splicer.images.patterns import expand, usual_masks
from napari_splicer.images.read import natural, stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.gui.run_files import Named
    from napari_splicer.images.patterns import Masked
    from napari_splicer.shares import Shares

_LISTS = "images"  # folder among the results
_NAMED = 3  # images in one sentence


def open_together(link: ViewerLink, paths: Iterable[str]) -> None:
    """Open several images side by side, with the masks that lie where masks usually lie.

    Which images they are is kept as a run file among the results, by which a project finds them.
    """
    wanted = sorted(paths, key=lambda path: [natural(part) for part in Path(path).parts])
    session, folder = link.session, run_folder(link.session).path / _LISTS

    def put(read: tuple[Named, str]) -> Shares[None]:
        named, doubt = read
        if (yield from put_named(link, named)):
            words = f"{count(len(named.images), 'image')} are opened. {SIDE_BY_SIDE}"
            said = Notice("info", words, "open")
            session.notice = Notice("warning", f"{words} {doubt}", "open") if doubt else said

    def refused(error: Exception) -> None:
        if isinstance(error, SplicerError):
            session.notice = Notice("error", str(error), "open")
        else:
            tell(error)

    reading = partial(_read, wanted, folder)
    link.opener.ask(Opening(count(len(wanted), "file"), reading, put, refused))


def _read(paths: Sequence[str], folder: Path) -> Shares[tuple[Named, str]]:
    """Note the images, and their masks, in a run file, and read what it names."""
    found = usual_masks(expand([ImageInput(image=path) for path in paths], folder), folder)
    inputs, doubt = found.inputs, _doubt(found)
    text = RunConfig(inputs=inputs).to_toml()
    name = stem(Path(inputs[0].image))
    if len(inputs) > 1:
        name += f" and {len(inputs) - 1} more"
    path, number = folder / f"{name}.toml", 2
    while path.exists() and path.read_text(encoding="utf-8") != text:  # other images, or masks
        path, number = folder / f"{name} ({number}).toml", number + 1
    if not path.exists():
        write_text(path, text)
    return (yield from read_named(path)), doubt


def _doubt(found: Masked) -> str:
    """Say which masks were not found, what follows, and what to do; empty where all were."""
    said = []
    if len(found.lacking) == len(found.inputs):
        said.append(
            "No masks were found beside them. Choose or make a mask of all of them, or name their "
            "masks in a run file and open that."
        )
    elif found.lacking:
        names = [Path(image).name for image in found.lacking]
        said.append(
            f"No mask was found for {listed(names, _NAMED)}: cells there are not described. Save "
            f"it beside the image, as {stem(Path(names[0]))}_mask.tif, and open the images again."
        )
    for image, several in list(found.unclear.items())[:_NAMED]:
        files = listed([Path(path).name for path in several], _NAMED)
        said.append(
            f"Several files could be the mask of {Path(image).name} ({files}), so none is taken: "
            "name the right one in a run file and open that."
        )
    return " ".join(said)
