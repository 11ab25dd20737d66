"""``bundle.json``: what a bundle says about itself, checked as untrusted input."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import Component, KeptRun
from napari_splicer.errors import InvalidModel
from napari_splicer.model.diagnostics import KeptDiagnostics

History = dict[str, list[tuple[int, float]]]
"""Curves of a training: by metric, (step, value)."""

FORMAT_VERSION = 1
WEIGHTS = "model.safetensors"
RECORD = "bundle.json"
LARGEST_RECORD = 64 * 2**20
"""Bytes beyond which a file is no record of a model."""

_LARGEST_FLOAT32 = (2 - 2**-23) * 2.0**127

Intensity = Annotated[float, Field(ge=-_LARGEST_FLOAT32, le=_LARGEST_FLOAT32)]


class NormalizationRecord(BaseModel):
    """A :class:`~napari_splicer.patches.normalization.Normalization` in JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    channels: tuple[str, ...]
    lower: tuple[Intensity, ...]
    upper: tuple[Intensity, ...]
    curve: float

    @model_validator(mode="after")
    def _consistent(self) -> NormalizationRecord:
        if not len(self.channels) == len(self.lower) == len(self.upper):
            raise ValueError("one lower and one upper bound per channel are needed")
        return self


class BundleRecord(BaseModel):
    """``bundle.json``: what a bundle says about itself, without its weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["napari-splicer-bundle"] = "napari-splicer-bundle"
    format_version: int = Field(FORMAT_VERSION, ge=1)
    components: tuple[Component, ...]
    channels: tuple[str, ...] = Field(min_length=1)
    normalization: NormalizationRecord
    config: KeptRun
    history: History = {}
    diagnostics: KeptDiagnostics = None
    versions: dict[str, str] = {}
    pixel_size: tuple[float, float] | None = None
    licence: str = ""
    notes: str = ""
    hash: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _consistent(self) -> BundleRecord:
        used = {channel for component in self.components for channel in component.channels}
        if missing := sorted(used - set(self.channels)):
            raise ValueError(f"components use channels that are not listed: {', '.join(missing)}")
        if self.normalization.channels != self.channels:
            raise ValueError("the normalisation is of other channels")
        return self

    @property
    def decomposition(self) -> Decomposition:
        """The components, to be matched with an image's channels."""
        return Decomposition(self.components)


def inspect_bundle(folder: str | Path) -> BundleRecord:
    """Read what a bundle says about itself; its weights are not touched.

    Raises
    ------
    InvalidModel
        If the folder is no bundle, or its JSON is damaged or of a newer format.
    """
    path = Path(folder) / RECORD
    if not path.is_file():
        raise InvalidModel(
            f"{folder} is not a SpliCER model: it has no {RECORD}.",
            f"Choose the folder that holds {RECORD} and {WEIGHTS}.",
        )
    if path.stat().st_size > LARGEST_RECORD:
        raise InvalidModel(f"{path} is far larger than any model's.", "Choose another model.")
    content = path.read_bytes()
    try:
        if (found := _Versioned.model_validate_json(content).format_version) > FORMAT_VERSION:
            raise InvalidModel(
                f"The model {folder} is of format {found}; this version of napari-splicer reads "
                f"up to {FORMAT_VERSION}.",
                "Update napari-splicer.",
            )
        return BundleRecord.model_validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InvalidModel(
            f"{path} does not describe a model: {place}: {first['msg']}.", "Copy the model again."
        ) from error


class _Versioned(BaseModel):
    """What the JSON of every format, also a future one, has."""

    format: Literal["napari-splicer-bundle"]
    format_version: int
