"""RunConfig: the one schema of a run, for GUI, command line, API and provenance.

A run file is this schema as TOML. Values that read ``"auto"`` or are left out (device, precision,
threads, steps, patch size in µm) are resolved once, at the start of training, and written back,
so that replaying the file repeats the run.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_splicer.errors import InvalidSettings, UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    loss: Literal["vicreg"] = "vicreg"
    encoder: str = "compact"
    width: int = Field(32, ge=4, description="channels of the compact encoder's first stage")
    branch_width: int | None = Field(None, ge=4, description="same for branches; default: half")
    embedding: int = Field(256, ge=8, description="primary embedding, all chunks together")
    hidden: int = Field(512, ge=8, description="projector's hidden layer")
    shared: int = Field(0, ge=0, description="chunk aligned between two primary views")
    alignment: float = Field(25.0, ge=0)
    variance: float = Field(25.0, ge=0)
    covariance: float = Field(1.0, ge=0)
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


class RunConfig(Settings):
    """Everything that decides a run. See the module's docstring."""

    version: Literal[1] = 1
    seed: int = Field(0, ge=0)
    device: str = Field("auto", pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$")
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    threads: int | None = Field(None, ge=1)
    output: str = "splicer-run"
    inputs: tuple[ImageInput, ...] = ()
    components: tuple[Component, ...] = ()
    patches: PatchSettings = PatchSettings()
    normalization: NormalizationSettings = NormalizationSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    clusterings: tuple[ClusteringSettings, ...] = (ClusteringSettings(),)
    projection: ProjectionSettings = ProjectionSettings()
    export: ExportSettings = ExportSettings()

    @model_validator(mode="after")
    def _unique_names(self) -> RunConfig:
        for what, names in (
            ("components", [c.name for c in self.components]),
            ("clusterings", [c.name for c in self.clusterings]),
        ):
            doubled = sorted({name for name in names if names.count(name) > 1})
            if doubled:
                raise ValueError(f"two {what} have the same name: {', '.join(doubled)}")
        return self

    def with_values(self, values: Mapping[str, Any]) -> RunConfig:
        """Return a copy with dotted keys replaced, e.g. ``{"training.epochs": 5}``.

        Raises
        ------
        InvalidSettings
            If a key does not exist or a value does not fit.
        """
        data = self.model_dump()
        for key, value in values.items():
            *parents, leaf = key.split(".")
            place: Any = data
            for parent in parents:
                place = place.get(parent) if isinstance(place, dict) else None
            if not isinstance(place, dict) or leaf not in place:
                known = ", ".join(sorted(place if isinstance(place, dict) else data))
                raise InvalidSettings(f"There is no setting '{key}'.", f"Settings here: {known}.")
            place[leaf] = value
        return parse_run(data)

    def to_toml(self) -> str:
        """Return the run file's text."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def parse_run(data: Mapping[str, Any], source: str = "the settings") -> RunConfig:
    """Check ``data`` against the schema.

    Raises
    ------
    InvalidSettings
        Naming every field that does not fit, and ``source``.
    """
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in item['loc']) or 'run'}: {item['msg']}"
            for item in error.errors()
        ]
        raise InvalidSettings(
            f"{source} cannot be used: {'; '.join(lines)}.", "Correct these and try again."
        ) from error


def load_run(path: str | Path) -> RunConfig:
    """Read a run file (TOML).

    Raises
    ------
    UnreadableFile
        If it does not exist or is not TOML.
    InvalidSettings
        If it does not fit the schema.
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableFile(
            f"The run file {path} cannot be read ({error.strerror}).", "Check the path."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableFile(
            f"The run file {path} is not valid TOML: {error}.", "Correct that line and try again."
        ) from error
    return parse_run(data, source=f"The run file {path}")
