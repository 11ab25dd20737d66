"""Models of others, and for others: found wherever they are, and packed into one file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from napari_splicer.cli.terminal import Terminal

if TYPE_CHECKING:
    from napari_splicer.model.sources import Found

Model = Annotated[Path, Parameter(help="The folder of a trained model, e.g. my-run/model.")]
ZipFile = Annotated[Path, Parameter(help="The zip file to write.")]
Screen = Annotated[Terminal, Parameter(parse=False)]
Replace = Annotated[bool, Parameter(help="Replace a file that is there already.")]


def pack(model: Model, file: ZipFile, /, *, overwrite: Replace = False, screen: Screen) -> None:
    """Write a trained model as one zip file, to be passed on.

    Whoever has the file, or an https address of it, names that as the model: in step 3 of the
    plugin, or with embed --model.
    """
    from napari_splicer.model.archive import pack_bundle

    path = pack_bundle(model, file, overwrite=overwrite)
    with path.open("rb") as packed:
        checksum = hashlib.file_digest(packed, "sha256").hexdigest()
    content = {"what": "model", "path": str(path), "sha256": checksum}
    screen.display.tell("written", content, f"model: {path}\nsha256: {checksum}")


def find_model(source: str, screen: Terminal) -> Path | None:
    """Return the folder of a model, downloaded if need be; None if that was stopped.

    Raises
    ------
    InvalidModel, CannotWrite
        If there is none, or it can't be fetched.
    """
    from napari_splicer.model.sources import find_model as find
    from napari_splicer.model.sources import on_disk

    path = Path(source).expanduser()
    if path.exists():
        return on_disk(path)
    found: Found | None = screen.play(find(source, cancel=screen.cancel))
    if found is None:
        return None
    if found.source.startswith("hf://"):
        screen.display.note(f"The model is {found.source}.")
    return found.folder
