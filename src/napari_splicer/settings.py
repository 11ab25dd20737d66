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

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rectangle(Settings):
    """A rectangle of the patch; edges as fractions of its side, 0 = top or left."""

    shape: Literal["rectangle"] = "rectangle"
    top: float = Field(0.0, ge=0, le=1)
    left: float = Field(0.0, ge=0, le=1)
    bottom: float = Field(1.0, ge=0, le=1)
    right: float = Field(1.0, ge=0, le=1)

    @model_validator(mode="after")
    def _not_empty(self) -> Rectangle:
        if self.bottom <= self.top or self.right <= self.left:
            raise ValueError("the rectangle is empty: bottom must exceed top, and right left")
        return self


class Ring(Settings):
    """A ring around the patch's centre; radii as fractions of half its side."""

    shape: Literal["ring"] = "ring"
    inner: float = Field(0.0, ge=0)
    outer: float = Field(1.0, gt=0)

    @model_validator(mode="after")
    def _not_empty(self) -> Ring:
        if self.outer <= self.inner:
            raise ValueError("the ring is empty: outer must exceed inner")
        return self


class Region(Settings):
    """Where in the patch a component looks.

    ``whole`` patch; ``cell``: the patch's own cell; ``surroundings``: everything but the own cell;
    ``other_cells``; ``background``: outside all cells; ``inside`` / ``outside`` the mask named
    ``mask``; a geometric ``section``.
    """

    kind: RegionKind = "whole"
    mask: str | None = None
    section: Annotated[Rectangle | Ring, Field(discriminator="shape")] | None = None

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
    """A set of channels seen in a region, with a chunk of the primary embedding to fill.

    Parameters
    ----------
    name : str
        Unique within a decomposition.
    channels : tuple of str
        Names of the image's channels.
    region : Region
        Pixels outside it are set to 0 after normalisation.
    width : int, optional
        Dimensions of its chunk; None shares what is left of the embedding equally.
    weight : float
        Its weight in the loss.
    """

    name: str = Field(min_length=1)
    channels: tuple[str, ...]
    region: Region = Region()
    width: int | None = Field(None, ge=1)
    weight: float = Field(1.0, ge=0)


class ImageInput(Settings):
    """One image with its masks, as paths."""

    image: str
    mask: str | None = None
    regions: dict[str, str] = {}
    panel: str | None = None
    pixel_size: float | None = Field(None, gt=0, description="µm; overrides the file's")
    name: str | None = None


class PatchSettings(Settings):
    """What is cut out around every cell or tile.

    ``size`` is the side of what the network sees, in its pixels; ``size_um`` the side in µm.
    With ``size_um`` unset, it becomes ``size`` × the pixel size, where that is known.
    """

    sites: Literal["cells", "grid"] = "cells"
    size: int = Field(32, ge=8, le=512)
    size_um: float | None = Field(None, gt=0)
    stride: int | None = Field(None, ge=1, description="grid step in pixels; default: size")


class NormalizationSettings(Settings):
    """How raw intensities become network input, per channel.

    ``lower`` and ``upper`` are quantiles that become 0 and 1; ``curve`` > 0 bends the scale
    (arcsinh) so that dim signal counts; ``scope`` fits once for all images or for each one.
    """

    lower: float = Field(0.01, ge=0, lt=1)
    upper: float = Field(0.998, gt=0, le=1)
    curve: float = Field(5.0, ge=0)
    scope: Literal["dataset", "image"] = "dataset"


class AugmentationSettings(Settings):
    """How two views of the same patch differ. Strengths; 0 or False switches a family off."""

    rotate: bool = True
    flip: bool = True
    scale: float = Field(0.1, ge=0, lt=0.5, description="relative zoom, ±")
    shift: float = Field(0.06, ge=0, lt=0.5, description="fraction of the patch side, ±")
    gain: float = Field(0.0, ge=0, lt=1, description="relative intensity per channel, ±")
    noise: float = Field(0.03, ge=0, description="standard deviation, in normalised units")
    blur: float = Field(0.0, ge=0, le=1, description="probability of a light blur")
    mask_jitter: int = Field(1, ge=0, le=8, description="pixels by which masks grow or shrink")


class ModelSettings(Settings):
    """The network and what it is trained for."""

    objective: Literal["splicer", "je"] = "splicer"
    loss: Literal["vicreg", "simclr"] = "vicreg"
    encoder: str = "compact"
    width: int = Field(32, ge=4, description="channels of the compact encoder's first stage")
    branch_width: int | None = Field(None, ge=4, description="same for branches; default: half")
    embedding: int = Field(256, ge=8, description="primary embedding, all chunks together")
    hidden: int = Field(512, ge=8, description="projector's hidden layer")
    shared: int = Field(0, ge=0, description="chunk aligned between two primary views")
    alignment: float = Field(25.0, ge=0)
    variance: float = Field(25.0, ge=0)
    covariance: float = Field(1.0, ge=0)
    temperature: float = Field(0.2, gt=0, description="of simclr")
    primary_terms: Literal["sum", "mean"] = "sum"


class TrainingSettings(Settings):
    """How long and how fast. ``preset`` gives ``epochs``; ``steps`` overrides both."""

    preset: Literal["quick", "standard", "thorough"] = "quick"
    epochs: int | None = Field(None, ge=1)
    steps: int | None = Field(None, ge=1)
    batch: int = Field(128, ge=4)
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.05, ge=0)
    warmup: float = Field(0.1, ge=0, lt=1, description="fraction of steps")
    clip: float = Field(1.0, gt=0, description="largest gradient norm")
    checkpoint_every: int = Field(200, ge=1, description="steps")
    cache_gb: float = Field(2.0, gt=0, description="memory for training patches")


class EmbeddingSettings(Settings):
    """How patches are sent through the trained network."""

    batch: int = Field(512, ge=1)


class ClusteringSettings(Settings):
    """One clustering of the cells.

    ``source``: ``"representation"``, ``"intensity"`` (mean per marker), ``"combined"`` (both) or
    ``"chunk:<component>"``.
    """

    name: str = Field("splicer_cluster", pattern=r"^_?[A-Za-z0-9.\-][A-Za-z0-9_.\-]*$")
    source: str = Field("combined", pattern=r"^(representation|intensity|combined|chunk:.+)$")
    method: Literal["leiden", "kmeans"] = "leiden"
    resolution: float = Field(1.0, gt=0)
    clusters: int = Field(8, ge=2, description="for kmeans")
    neighbours: int = Field(15, ge=2)
    seed: int = 0


class ProjectionSettings(Settings):
    """The two-dimensional map of the cells (UMAP)."""

    source: str = Field("combined", pattern=r"^(representation|intensity|combined|chunk:.+)$")
    neighbours: int = Field(15, ge=2)
    min_dist: float = Field(0.3, ge=0, le=1)
    seed: int = 0


ExportFormat = Literal["h5ad", "zarr", "csv", "parquet", "ome-tiff", "ome-zarr"]


class ExportSettings(Settings):
    """What is written where."""

    formats: tuple[ExportFormat, ...] = ("h5ad", "csv", "ome-tiff")
    overwrite: bool = False
