"""Several images that a person opens at once: side by side, with the masks beside them."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from napari_splicer.config import ImageInput, RunConfig
from napari_splicer.errors import SplicerError, UnreadableFile
from napari_splicer.files import write_text
from napari_splicer.gui.commands import run_folder
from napari_splicer.gui.incoming import Opening
from napari_splicer.gui.jobs import tell
from napari_splicer.gui.run_files import SIDE_BY_SIDE, put_named, read_named
from napari_splicer.gui.snapshot import Notice
from napari_splicer.gui.words import count
from napari_splicer.images.patterns import expand, with_usual_masks
from napari_splicer.images.read import natural, stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_splicer.gui.layers import ViewerLink
    from napari_splicer.gui.run_files import Named
    from napari_splicer.shares import Shares

_LISTS = "images"  # folder among the results
_NO_MASKS = "Choose or make a mask of all of them, or name their masks in a run file and open that."


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
    inputs, doubt = expand([ImageInput(image=path) for path in paths], folder), ""
    try:
        inputs = with_usual_masks(inputs, folder)
    except UnreadableFile as error:  # some lack one, or may have several
        doubt = f"{error.message} {_NO_MASKS}"
    text = RunConfig(inputs=inputs).to_toml()
    name = stem(Path(inputs[0].image))
    if len(inputs) > 1:
        name += f" and {len(inputs) - 1} more"
    path = folder / f"{name} {hashlib.sha256(text.encode()).hexdigest()[:6]}.toml"
    if not path.exists():
        write_text(path, text)
    return (yield from read_named(path)), doubt
