"""RunConfig: the one schema of a run, for GUI, command line, API and provenance.

A run file is this schema as TOML. Values that read ``"auto"`` or are left out (device, precision,
threads, steps, patch size in µm) are resolved once, at the start of training, and written back,
so that replaying the file repeats the run.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from napari_splicer import analysis_settings
from napari_splicer.analysis_settings import (
    EXPORTED,
    TABLE_COLUMNS,
    CellType,
    ClusteringSettings,
    EditedGroup,
    EditedGroups,
    ProjectionSettings,
    TaughtSettings,
)
from napari_splicer.errors import InvalidSettings, UnreadableFile
from napari_splicer.mistakes import mistakes
from napari_splicer.model_settings import ModelSettings, TrainingSettings
from napari_splicer.settings import (
    AugmentationSettings,
    Component,
    EmbeddingSettings,
    ExportFormat,
    ExportSettings,
    ImageInput,
    NormalizationSettings,
    PatchSettings,
    Rectangle,
    Region,
    RegionKind,
    Ring,
    Settings,
)

__all__ = [
    "AugmentationSettings",
    "CellType",
    "ClusteringSettings",
    "Component",
    "EditedGroup",
    "EditedGroups",
    "EmbeddingSettings",
    "ExportFormat",
    "ExportSettings",
    "ImageInput",
    "KeptRun",
    "ModelSettings",
    "NormalizationSettings",
    "PatchSettings",
    "ProjectionSettings",
    "Rectangle",
    "Region",
    "RegionKind",
    "Ring",
    "RunConfig",
    "Settings",
    "TaughtSettings",
    "TrainingSettings",
    "as_kept",
    "load_run",
    "parse_run",
]

_DEVICE = r"^(auto|cpu|mps|cuda(:\d+)?)$"
_PATTERNS = {
    **analysis_settings.PATTERNS,
    _DEVICE: "must be auto, cpu, mps, cuda or cuda:<number>",
}


class RunConfig(Settings):
    """Everything that decides a run. See the module's docstring."""

    version: Literal[1] = Field(1, description="of this format")
    seed: int = Field(0, ge=0, description="the same seed on the same CPU gives the same model")
    device: str = Field(
        "auto",
        pattern=_DEVICE,
        description="auto, cpu, mps, cuda or cuda:N",
    )
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="of the computation")
    threads: int | None = Field(None, ge=1, description="CPU threads; unset: chosen at the start")
    own_process: bool = Field(
        False,
        description="trains in a process of its own, which gives all memory back when it ends",
    )
    output: str = Field("splicer-run", description="folder for the results")
    inputs: tuple[ImageInput, ...] = ()
    components: tuple[Component, ...] = ()
    patches: PatchSettings = PatchSettings()
    normalization: NormalizationSettings = NormalizationSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    clusterings: tuple[ClusteringSettings, ...] = (ClusteringSettings(),)
    taught: tuple[TaughtSettings, ...] = ()
    projection: ProjectionSettings = ProjectionSettings()
    export: ExportSettings = ExportSettings()

    @model_validator(mode="after")
    def _unique_names(self) -> RunConfig:
        groups = [c.name for c in self.clusterings] + [taught.name for taught in self.taught]
        for what, names in (
            ("components", [component.name for component in self.components]),
            ("clusterings", [name.lower() for name in groups]),  # they become names of files
        ):
            doubled = sorted({name for name in names if names.count(name) > 1})
            if doubled:
                raise ValueError(f"two {what} have the same name: {', '.join(doubled)}")
        for name in groups:
            if name.lower() in TABLE_COLUMNS or re.match(EXPORTED, name):
                raise ValueError(f"a clustering can't be called {name}: the table has that column")
        return self

    def with_values(self, values: Mapping[str, Any]) -> RunConfig:
        """Return a copy with dotted keys replaced.

        Parameters
        ----------
        values : mapping
            From keys such as ``"training.epochs"`` or ``"clusterings.0.resolution"`` (entries of a
            list are counted from 0) to values; None unsets.

        Raises
        ------
        InvalidSettings
            If a key does not exist or a value does not fit.

        Examples
        --------
        >>> RunConfig().with_values({"training.epochs": 5}).training.epochs
        5
        """
        data = self.model_dump(mode="json")
        for key, value in values.items():
            place: Any = data
            inner: Any = data
            for part in key.split("."):
                place, entries = inner, _entries(inner)
                if part not in entries:
                    raise _unknown(key, part, place, data)
                inner = entries[part]
            place[int(part) if isinstance(place, list) else part] = value
        return parse_run(data)

    def to_toml(self) -> str:
        """Return the run file's text."""
        import tomli_w

        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def _entries(place: Any) -> dict[str, Any]:
    """Return what can be named within a settings table or list; nothing within a value."""
    if isinstance(place, list):
        return {str(index): entry for index, entry in enumerate(place)}
    return place if isinstance(place, dict) else {}


def _unknown(key: str, part: str, place: Any, data: Any) -> InvalidSettings:
    """Say which settings, or how many entries, there are where ``part`` of a key is not."""
    entries = _entries(place) or _entries(data)
    if isinstance(place, list):
        advice = f"Entries here: {', '.join(entries)}."
    else:
        near = get_close_matches(part, entries, n=1)
        meant = f"Did you mean '{near[0]}'? " if near else ""
        advice = f"{meant}Settings here: {', '.join(entries)}."
    return InvalidSettings(f"There is no setting '{key}'.", advice)


def _names(schema: type[Settings] = Settings) -> set[str]:
    """Return the names of all settings, of whatever section."""
    return {*schema.model_fields}.union(*map(_names, schema.__subclasses__()))


def parse_run(data: Mapping[str, Any], source: str = "The settings") -> RunConfig:
    """Check ``data`` against the schema.

    Raises
    ------
    InvalidSettings
        Naming every field that does not fit, and ``source``.
    """
    try:
        return RunConfig.model_validate(data)
    except ValidationError as error:
        raise InvalidSettings(
            f"{source} cannot be used: {mistakes(error, _names(), _PATTERNS, data)}.",
            "Correct that and try again; docs/run-file.md explains every setting.",
        ) from error


def load_run(path: str | Path) -> RunConfig:
    """Read a run file (TOML).

    Raises
    ------
    UnreadableFile
        If it does not exist, or is no text.
    InvalidSettings
        If it is not TOML, or does not fit the schema.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UnreadableFile(
            f"The run file {path} cannot be read ({error.strerror}).", "Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            f"The run file {path} is not a text file in UTF-8.",
            "Choose a run file (.toml), or save it as UTF-8 in the text editor.",
        ) from error
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        paths = " Write paths with / instead of \\." if "\\" in text else ""
        raise InvalidSettings(
            f"The run file {path} is not valid TOML: {error}.",
            f"Correct that line and try again.{paths}",
        ) from error
    # Nothing is left open in the run file that goes with a result.
    resolved = all(data.get(key, "auto") != "auto" for key in ("device", "precision", "threads"))
    if resolved and "steps" in data.get("training", {}):
        data = as_kept(data)
    return parse_run(data, source=f"The run file {path}")


def as_kept(data: Any) -> Any:
    """Return the settings in a record, with what older versions did and had no word for.

    They cut patches from the full resolution of an image, whatever other ones it has.
    """
    if not isinstance(data, Mapping):
        return data
    patches = data.get("patches", {})
    if not isinstance(patches, Mapping) or "resolution" in patches:
        return data
    return {**data, "patches": {**patches, "resolution": "full"}}


KeptRun = Annotated[RunConfig, BeforeValidator(as_kept)]
"""Settings in a record, of this version or an older one."""
