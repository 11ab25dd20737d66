"""A training on disk: one file that appears whole or not at all, and resumes exactly.

It holds no random state: whatever is drawn at a step follows from the run's seed and the step.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_splicer.config import KeptRun
from napari_splicer.errors import CannotWrite, InvalidModel, InvalidSettings, UnreadableFile
from napari_splicer.files import written
from napari_splicer.images.fingerprint import rewritten
from napari_splicer.model.record import History, NormalizationRecord
from napari_splicer.model.storage import pack, read_about, read_tensors
from napari_splicer.training.device import resolve_device

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

    from napari_splicer.config import RunConfig
    from napari_splicer.training.data import TrainingData

_RECORD = "napari-splicer-checkpoint"
NOT_DECIDING = {"devices", "checkpoint_every", "cache_gb"}
"""Settings of a training that have no bearing on what comes of it."""

_FREE: dict[str, Any] = {
    "training": NOT_DECIDING, "device": True, "precision": True, "threads": True, "output": True,
    "own_process": True,
    "inputs": True, "embedding": True, "clusterings": True, "taught": True, "projection": True,
    "export": True,
}  # fmt: skip
"""What may differ between a checkpoint and the run that goes on from it."""


class CheckpointRecord(BaseModel):
    """Where a training stands, besides its tensors.

    Parameters
    ----------
    config : RunConfig
        Resolved.
    normalization : NormalizationRecord
        Tells whether the images are still the same.
    patches : int
        How many there are to train on.
    pixels : dict of str to str
        Fingerprints of the images and masks, by what they are of; none in older checkpoints.
    step : int
        Steps done.
    batch : int
        Smaller than the settings' one, if memory ran out.
    skipped, in_a_row : int
        Steps skipped because the loss was not a number: in all, and up to this one.
    best : float or None
        Smallest loss on the patches that are held out.
    waited : int
        Looks since then.
    history : dict
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: KeptRun
    normalization: NormalizationRecord
    patches: int
    pixels: dict[str, str] = {}
    step: int = Field(ge=0)
    batch: int = Field(ge=2)
    skipped: int = Field(0, ge=0)
    in_a_row: int = Field(0, ge=0)
    best: float | None = None
    waited: int = Field(0, ge=0)
    history: History = {}

    @property
    def complete(self) -> bool:
        """Whether the training had come to its end, or to a plateau."""
        training = self.config.training
        plateau = 0 < training.patience <= self.waited
        return plateau or (training.steps is not None and self.step >= training.steps)


def checkpoint_path(folder: Path) -> Path:
    """Return the checkpoint's file in ``folder``."""
    return folder / "checkpoint.safetensors"


def write_checkpoint(folder: Path, record: CheckpointRecord, tensors: Mapping[str, Tensor]) -> Path:
    """Write a checkpoint in place of the last one; return its path.

    Raises
    ------
    CannotWrite
        If the disk is full or the folder can't be written to; the last one is then still there.
    """
    path = checkpoint_path(folder)
    with written(path, overwrite=True) as temporary:
        temporary.write_bytes(pack(tensors, {_RECORD: record.model_dump_json()}))
    return path


def read_record(folder: Path) -> CheckpointRecord:
    """Read where the training in ``folder`` stands.

    Raises
    ------
    UnreadableFile
        If there is no checkpoint.
    InvalidModel
        If it is damaged.
    """
    path = checkpoint_path(folder)
    if not path.is_file():
        raise UnreadableFile(
            f"There is no checkpoint in {folder} to go on from.", "Start the training anew."
        )
    try:
        return CheckpointRecord.model_validate_json(read_about(path).get(_RECORD, ""))
    except ValidationError as error:
        raise InvalidModel(
            f"{path} is not a checkpoint of a training.", "Start the training anew."
        ) from error


def has_unfinished(folder: Path) -> bool:
    """Return whether ``folder`` holds a readable checkpoint of a training that was stopped."""
    try:
        return not read_record(folder).complete
    except (UnreadableFile, InvalidModel):
        return False


def has_begun(folder: Path) -> bool:
    """Return whether ``folder`` holds a readable checkpoint, be the training at its end or not."""
    try:
        read_record(folder)
    except (UnreadableFile, InvalidModel):
        return False
    return True


def replacing(folder: Path) -> str:
    """Say that the checkpoint of a training that was stopped, in ``folder``, makes way."""
    return (
        f"{folder} holds the checkpoint of a training that was stopped. It will be replaced once "
        "this one has learned something. To go on with the other instead, stop this one before "
        "that (then, on the command line, --resume)."
    )


def read_checkpoint_tensors(folder: Path) -> dict[str, Tensor]:
    """Read a checkpoint's tensors, on the CPU; InvalidModel if the file is damaged."""
    return read_tensors(checkpoint_path(folder))


def sorted_out(
    tensors: Mapping[str, Tensor],
) -> tuple[dict[str, dict[str, Tensor]], dict[int, dict[str, Tensor]]]:
    """Return weights by network and name, and the optimiser's state by parameter."""
    networks: dict[str, dict[str, Tensor]] = {"network": {}, "average": {}}
    optimizer: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        if match := re.fullmatch(r"optimizer/(\d+)/(\w+)", name):
            optimizer.setdefault(int(match[1]), {})[match[2]] = value
        elif (parts := name.partition("/"))[0] in networks:
            networks[parts[0]][parts[2]] = value
    return networks, optimizer


def discard(folder: Path) -> None:
    """Remove the checkpoint in ``folder``, once its model is kept, and the folder if it is empty.

    Raises
    ------
    CannotWrite
        If the folder may not be changed.
    """
    try:
        checkpoint_path(folder).unlink(missing_ok=True)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise CannotWrite(
            f"The checkpoint in {folder} can't be removed ({error.strerror}).",
            "Remove it yourself: the model is kept elsewhere.",
        ) from error


def as_begun(config: RunConfig, past: RunConfig) -> RunConfig:
    """Return settings whose open precision, threads, widths and levels a training began with.

    Precision and threads only where it goes on on the same kind of device; with these it goes on to
    the last bit. Widths that a trial is to find are those of the same components that it found.
    Images are read at the resolution that they were read at. On a device of another kind, which
    would be given other steps, it has those it began with, where they are left to the same choice.
    """
    config = _with_widths_found(config, past)
    if config.patches.resolution == "fitting":
        read = {key: getattr(past.patches, key) for key in ("resolution", "levels")}
        patches = config.patches.model_copy(update=read)
        config = config.model_copy(update={"patches": patches})
    device = config.device if config.device != "auto" else resolve_device("auto").type
    if device.partition(":")[0] != past.device.partition(":")[0]:
        return _with_steps_begun(config, past)
    precision = past.precision if config.precision == "auto" else config.precision
    threads = config.threads or past.threads
    return config.model_copy(update={"precision": precision, "threads": threads})


def _with_steps_begun(config: RunConfig, past: RunConfig) -> RunConfig:
    now, then = config.training, past.training
    same = (now.preset, now.epochs, now.restarts) == (then.preset, then.epochs, then.restarts)
    if now.steps is not None or not same:
        return config
    return config.model_copy(update={"training": now.model_copy(update={"steps": then.steps})})


def _with_widths_found(config: RunConfig, past: RunConfig) -> RunConfig:
    """Return settings for which no trial is needed, where ``past`` is the same but for widths."""
    if config.model.widths == "equal":
        return config
    components = tuple(
        component if component.width else component.model_copy(update={"width": found.width})
        for component, found in zip(config.components, past.components, strict=False)
    )
    model = config.model.model_copy(update={"widths": past.model.widths})
    room = (past.model.embedding, past.model.shared)
    if components != past.components or (model.embedding, model.shared) != room:
        return config  # what differs will be said
    return config.model_copy(update={"components": components, "model": model})


def check_same_settings(past: RunConfig, run: RunConfig) -> None:
    """Check that an earlier training was made with the settings of the run at hand.

    Parameters
    ----------
    past, run : RunConfig
        Both resolved.

    Raises
    ------
    InvalidSettings
        Naming those that differ.
    """
    free = _FREE
    if past.training.steps == run.training.steps is not None:  # whatever they were chosen by
        free = _FREE | {"training": NOT_DECIDING | {"preset", "epochs"}}
    before, now = (config.model_dump(mode="json", exclude=free) for config in (past, run))
    different = sorted(_differences(before, now))
    if different:
        raise InvalidSettings(
            "The training to go on from was made with other settings: "
            + "; ".join(f"{name} was {old}, not {new}" for name, old, new in different)
            + ".",
            "Restore them to go on from it, or start the training anew.",
        )


def check_same_images(record: CheckpointRecord, data: TrainingData) -> None:
    """Check that a checkpoint was made on the patches of the run at hand; reads none of them.

    Raises
    ------
    InvalidSettings
        Naming images and masks that were written anew, or saying what else differs.
    """
    now, others = data.known_by(), rewritten(record.pixels, data.seen)
    if others or record.normalization != now["normalization"]:
        raise InvalidSettings(
            f"The checkpoint was made on other images or masks{f': {others}' * bool(others)}.",
            "Open those of then to go on from it, or start the training anew.",
        )
    if record.patches != now["patches"]:
        raise InvalidSettings(
            f"The checkpoint was made on {record.patches:,} patches, not {now['patches']:,}.",
            "Where images and masks are the same, give patches as much memory as then "
            "(training.cache_gb) or free space on the disk; else start the training anew.",
        )


def _differences(before: Any, now: Any, place: str = "") -> set[tuple[str, str, str]]:
    if isinstance(before, dict) and isinstance(now, dict):
        return {
            difference
            for key in before.keys() | now.keys()
            for difference in _differences(
                before.get(key), now.get(key), f"{place}.{key}" if place else key
            )
        }
    return set() if before == now else {(place, str(before), str(now))}
