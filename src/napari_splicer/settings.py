"""The sections of a run file, one class each: frozen, and unknown keys are refused.

:mod:`napari_splicer.config` puts them together and is where everybody imports them from.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

RegionKind = Literal[
    "whole", "cell", "surroundings", "other_cells", "background", "inside", "outside", "section"
]


class Settings(BaseModel):
    """Base of all settings: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Rectangle(Settings):
    """A rectangle of the patch; edges as fractions of its side, 0 = top or left."""

    shape: Literal["rectangle"] = Field("rectangle", description="a rectangle")
    top: float = Field(0.0, ge=0, le=1, description="upper edge, 0 = top of the patch")
    left: float = Field(0.0, ge=0, le=1, description="left edge, 0 = left of the patch")
    bottom: float = Field(1.0, ge=0, le=1, description="lower edge, 1 = bottom of the patch")
    right: float = Field(1.0, ge=0, le=1, description="right edge, 1 = right of the patch")

    @model_validator(mode="after")
    def _not_empty(self) -> Rectangle:
        if self.bottom <= self.top or self.right <= self.left:
            raise ValueError("the rectangle is empty: bottom must exceed top, and right left")
        return self

    @property
    def aside(self) -> bool:
        """Whether its middle is not the patch's."""
        return abs(self.top + self.bottom - 1) > 1e-6 or abs(self.left + self.right - 1) > 1e-6


class Ring(Settings):
    """A ring around the patch's centre; radii as fractions of half its side."""

    shape: Literal["ring"] = Field("ring", description="a ring")
    inner: float = Field(0.0, ge=0, description="inner radius; 0 makes it a disc")
    outer: float = Field(1.0, gt=0, description="outer radius, 1 = touches the patch's edge")

    @model_validator(mode="after")
    def _not_empty(self) -> Ring:
        if self.outer <= self.inner:
            raise ValueError("the ring is empty: outer must exceed inner")
        return self


class Region(Settings):
    """Where in the patch a component looks.

    ``whole`` patch; ``cell``: the patch's own cell; ``surroundings``: everything but the own cell;
    ``other_cells``; ``background``: outside all cells; ``inside`` / ``outside`` the mask named
    ``mask``; a geometric ``section``, of which a side of the patch means something only where
    patches are not turned (``augmentation.rotate`` and ``augmentation.flip`` off).
    """

    kind: RegionKind = Field("whole", description="where it looks, see above")
    mask: str | None = Field(
        None, description="for inside and outside: a name from the images' regions"
    )
    section: Annotated[Rectangle | Ring, Field(discriminator="shape")] | None = Field(
        None, description="for section: a rectangle or a ring, see below"
    )

    @model_validator(mode="after")
    def _complete(self) -> Region:
        if (self.kind in ("inside", "outside")) != (self.mask is not None):
            raise ValueError("regions 'inside' and 'outside', and only they, name a mask")
        if (self.kind == "section") != (self.section is not None):
            raise ValueError("region 'section', and only it, has a rectangle or ring")
        return self

    def describe(self) -> str:
        """Return the region in plain words, e.g. ``"around this cell"``."""
        words = {
            "whole": "whole patch",
            "cell": "this cell",
            "surroundings": "around this cell",
            "other_cells": "other cells",
            "background": "outside all cells",
            "inside": f"inside {self.mask}",
            "outside": f"outside {self.mask}",
        }
        if self.kind != "section":
            return words[self.kind]
        return "a ring of the patch" if isinstance(self.section, Ring) else "a part of the patch"


class Component(Settings):
    """A set of channels seen in a region, with a chunk of the primary embedding to fill."""

    name: str = Field(min_length=1, description="its name; every component has its own")
    channels: tuple[str, ...] = Field(description="names of the image's channels")
    region: Region = Field(Region(), description="where it looks; everything else is blanked")
    width: int | None = Field(
        None, ge=1, description="dimensions of its chunk; unset: an equal share of what is left"
    )
    weight: float = Field(1.0, ge=0, description="its weight in the loss")


class ImageInput(Settings):
    """One image with its masks, as paths; or many, as patterns.

    ``image = "slides/*.ome.tif"`` stands for every image that fits; ``**`` stands for any folders.
    In the paths of masks, ``{stem}`` then is an image's name without extensions and ``{folder}``
    the folder that it lies in.
    """

    image: str = Field(description="path of the image (OME-TIFF, TIFF, folder, OME-Zarr)")
    mask: str | None = Field(None, description="path of the cell mask (0 = no cell)")
    regions: dict[str, str] = Field({}, description="further masks by name: { tumour = 'path' }")
    panel: str | None = Field(None, description="path of a panel.csv or markers.csv")
    pixel_size: float | None = Field(None, gt=0, description="µm; overrides the file's")
    name: str | None = Field(None, description="name in the table; unset: the file's name")


class PatchSettings(Settings):
    """What is cut out around every cell or tile.

    ``size`` is the side of what the network sees, in its pixels; ``size_um`` the side in µm.
    With ``size_um`` unset, it becomes ``size`` × the pixel size, where that is known. Where the
    network's pixels are coarser than an image's, a ``fitting`` ``resolution`` cuts patches from a
    smaller level of the image's pyramid, if it has one: the coarsest that is as fine as the network
    sees. Cells are found and measured at full resolution whatever it is.
    """

    sites: Literal["cells", "grid"] = Field("cells", description="one patch per cell, or tiles")
    size: int = Field(32, ge=8, le=512, description="side of what the network sees, in pixels")
    size_um: float | None = Field(
        None, gt=0, description="side in µm; unset: size × pixel size, where that is known"
    )
    stride: int | None = Field(None, ge=1, description="grid step in pixels; unset: size")
    resolution: Literal["fitting", "full"] = Field(
        "fitting", description="of the image that patches are cut from, where it has several"
    )
    levels: dict[str, Annotated[float, Field(ge=1)]] = Field(
        {},
        description="by image, how many times coarser than the full resolution the level is that "
        "was found to fit, so that it is found again: { slide = 4.0 }",
    )


class NormalizationSettings(Settings):
    """How raw intensities become network input, per channel.

    ``lower`` and ``upper`` are quantiles that become 0 and 1; ``curve`` > 0 bends the scale
    (arcsinh) so that dim signal counts; ``scope`` fits once for all images or for each one.
    """

    lower: float = Field(0.01, ge=0, lt=1, description="quantile that becomes 0")
    upper: float = Field(0.998, gt=0, le=1, description="quantile that becomes 1")
    curve: float = Field(5.0, ge=0, description="how much dim signal is raised (arcsinh); 0 = not")
    scope: Literal["dataset", "image"] = Field(
        "dataset", description="fit once for all images, or for each one"
    )

    @model_validator(mode="after")
    def _in_order(self) -> NormalizationSettings:
        if self.lower >= self.upper:
            raise ValueError("lower must be smaller than upper")
        return self


class AugmentationSettings(Settings):
    """How two views of the same patch differ. Strengths; 0 or False switches a family off."""

    rotate: bool = Field(True, description="by any angle")
    flip: bool = Field(True, description="left-right and top-bottom")
    scale: float = Field(0.1, ge=0, lt=0.5, description="relative zoom, ±")
    shift: float = Field(0.06, ge=0, lt=0.5, description="fraction of the patch side, ±")
    gain: float = Field(0.0, ge=0, lt=1, description="relative intensity per channel, ±")
    noise: float = Field(0.03, ge=0, description="standard deviation, in normalised units")
    blur: float = Field(0.0, ge=0, le=1, description="probability of a light blur")
    mask_jitter: int = Field(1, ge=0, le=8, description="pixels masks grow, shrink and move by, ±")
    styles: float = Field(
        0.0,
        ge=0,
        le=1,
        description="share of the frequencies, from the lowest, whose strengths all patches of a "
        "batch take from one of them; slides look alike, brightness is lost",
    )


class EmbeddingSettings(Settings):
    """How patches are sent through the trained network."""

    batch: int | None = Field(
        None,
        ge=1,
        description="patches that go through the network at a time; unset: as many as a CPU's "
        "cache holds, up to 128, or 1024 on another device",
    )


ExportFormat = Literal["h5ad", "zarr", "csv", "parquet", "ome-tiff", "ome-zarr"]


class ExportSettings(Settings):
    """What is written where."""

    formats: tuple[ExportFormat, ...] = Field(
        ("h5ad", "csv", "ome-tiff"), description="tables and cluster images to write"
    )
    overwrite: bool = Field(False, description="replace files that are there already")
