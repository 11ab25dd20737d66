"""What all records of a project share: how strict they are, and where its large things lie."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from napari_splicer.settings import Settings

FOLDERS = ("models", "tables", "layers", "history")
"""What a project keeps its large things in; nothing else in its folder is ever removed."""

_NO_NAME = r"/\\:\x00-\x1f"  # that no name in a folder holds, so that none leads out of it

Kept = Annotated[
    str, Field(pattern=rf"^({'|'.join(FOLDERS)})/[^.{_NO_NAME}][^{_NO_NAME}]*$", max_length=300)
]
"""A file or folder within the project."""


class Part(BaseModel):
    """Base of what a project says of itself: as strict as settings, but none of them."""

    model_config = Settings.model_config
