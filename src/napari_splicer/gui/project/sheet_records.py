"""Several images side by side, as a project knows them: by their files, and where each lies."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from napari_splicer.gui.project.kept import Part

Number = Annotated[int, Field(ge=0)]
Side = Annotated[int, Field(ge=1)]


class SheetImage(Part):
    """One image on a sheet, its files as indices into the origins.

    Place and numbers are kept, so that those of other images stay where one is not found.
    """

    name: str
    image: Number
    mask: Number | None = None
    regions: dict[str, Number] = Field({})
    panel: Number | None = None
    pixel_size: float | None = Field(None, gt=0)
    shape: tuple[Side, Side]
    y: Number
    x: Number
    first: Number
    last: Number

    @property
    def files(self) -> tuple[int, ...]:
        """All its files."""
        others = (self.mask, self.panel)
        return (self.image, *(n for n in others if n is not None), *self.regions.values())


class SheetRecord(Part):
    """Images that lie side by side, with the channels of all of them."""

    name: str
    shape: tuple[Side, Side]
    channels: tuple[str, ...]
    images: tuple[SheetImage, ...]

    @property
    def files(self) -> set[int]:
        """All its files, as indices into the origins."""
        return {number for image in self.images for number in image.files}
