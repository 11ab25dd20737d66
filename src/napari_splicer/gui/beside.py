"""Where file dialogs begin: beside the image, where its mask and its panel usually lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_splicer.gui.session import Session


def folder_of_image(session: Session) -> str:
    """Return the folder that the chosen image was opened from.

    Returns
    -------
    str
        Empty for an image that lies in no file; Qt then begins where it ended.
    """
    source = None if session.image is None else session.image.source
    folder = None if source is None else Path(source).parent
    return str(folder) if folder is not None and folder.is_dir() else ""
