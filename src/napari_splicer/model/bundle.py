"""A trained model on disk: a folder with ``model.safetensors`` and ``bundle.json``.

The JSON says everything that is needed to use the weights: components, channels in order, their
normalisation, the resolved run settings, versions. It is checked as untrusted input.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from napari_splicer.errors import (
    InvalidComponent,
    InvalidModel,
    InvalidSettings,
    SplicerError,
    WouldOverwrite,
)
from napari_splicer.files import written
from napari_splicer.model.objectives import build_network
from napari_splicer.model.record import (
    RECORD,
    WEIGHTS,
    BundleRecord,
    History,
    NormalizationRecord,
    inspect_bundle,
)
from napari_splicer.model.storage import fingerprint, pack, read_tensors
from napari_splicer.patches.normalization import Normalization
from napari_splicer.versions import package_versions

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_splicer.components.decomposition import Decomposition
    from napari_splicer.config import RunConfig
    from napari_splicer.model.diagnostics import Diagnostics
    from napari_splicer.model.splicer import SpliCER

__all__ = [
    "Bundle",
    "BundleRecord",
    "check_place",
    "inspect_bundle",
    "load_bundle",
    "save_bundle",
]


@dataclass(frozen=True, eq=False)
class Bundle:
    """A trained network and all that is needed to apply it to another image.

    Parameters
    ----------
    network : SpliCER
    decomposition : Decomposition
    channels : tuple of str
        What the primary sees, in this order.
    normalization : Normalization
        Of these channels.
    config : RunConfig
        Resolved: nothing reads "auto".
    history : dict
        By metric, pairs of step and value.
    diagnostics : Diagnostics, optional
        What the representation holds; None in models of older versions.
    versions : dict of str to str
        Of the packages that trained it.
    pixel_size : (float, float), optional
        µm, (y, x), of the images it was trained on; None if unknown.
    licence, notes : str
        For those it is passed on to.
    """

    network: SpliCER = field(repr=False)
    decomposition: Decomposition
    channels: tuple[str, ...]
    normalization: Normalization
    config: RunConfig
    history: History = field(default_factory=dict, repr=False)
    diagnostics: Diagnostics | None = field(default=None, repr=False)
    versions: Mapping[str, str] = field(default_factory=lambda: package_versions("torch", "timm"))
    pixel_size: tuple[float, float] | None = None
    licence: str = ""
    notes: str = ""

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the weights: which model this is."""
        return fingerprint(self.network.state_dict())

    @property
    def can_do_without(self) -> bool:
        """Whether it was trained to do without some of its components, which an image may lack.

        Where every component has an encoder of its own, nothing was learned to do without.
        """
        dropped = bool(self.config.training.component_dropout)
        return dropped and bool(self.decomposition.components) and not self.network.sees_parts


def save_bundle(bundle: Bundle, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write a bundle; it appears whole or not at all.

    Parameters
    ----------
    bundle : Bundle
    folder : str or Path
        Made here; its parents too.
    overwrite : bool
        Replace a bundle that is there. A folder that holds anything else is never replaced.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    WouldOverwrite
        As :func:`check_place`.
    CannotWrite
        If the disk is full or the place can't be written to.
    """
    folder = Path(folder)
    check_place(folder, overwrite=overwrite)
    record = BundleRecord(
        components=bundle.decomposition.components,
        channels=bundle.channels,
        normalization=NormalizationRecord.model_validate(bundle.normalization.to_dict()),
        config=bundle.config,
        history=bundle.history,
        diagnostics=bundle.diagnostics,
        versions=dict(bundle.versions),
        pixel_size=bundle.pixel_size,
        licence=bundle.licence,
        notes=bundle.notes,
        hash=bundle.hash,
    )
    with written(folder, overwrite=overwrite) as temporary:
        temporary.mkdir()
        (temporary / WEIGHTS).write_bytes(pack(bundle.network.state_dict()))
        (temporary / RECORD).write_text(record.model_dump_json(indent=1), encoding="utf-8")
    return folder


def load_bundle(folder: str | Path) -> Bundle:
    """Read a bundle, on the CPU, ready to embed (evaluation mode).

    Raises
    ------
    InvalidModel
        If the folder is no bundle, damaged, incomplete, altered, or of a newer format.
    NotInstalled
        If the encoder needs a package that is missing.
    """
    folder = Path(folder)
    record = inspect_bundle(folder)
    shapes = _expected_shapes(record, folder)
    tensors = read_tensors(folder / WEIGHTS, shapes)
    if fingerprint(tensors) != record.hash:
        raise InvalidModel(
            f"The weights in {folder / WEIGHTS} are not those that {RECORD} describes.",
            "The file was altered or belongs to another model: copy the whole folder again.",
        )
    network = _network(record)
    network.load_state_dict(tensors)
    return Bundle(
        network=network.eval(),
        decomposition=record.decomposition,
        channels=record.channels,
        normalization=Normalization.from_dict(record.normalization.model_dump()),
        config=record.config,
        history=record.history,
        diagnostics=record.diagnostics,
        versions=record.versions,
        pixel_size=record.pixel_size,
        licence=record.licence,
        notes=record.notes,
    )


def _network(record: BundleRecord) -> SpliCER:
    return build_network(
        record.config.model, record.decomposition, record.channels, record.config.patches.size
    )


def _expected_shapes(record: BundleRecord, folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the network that the record describes, without taking memory."""
    try:
        with torch.device("meta"):
            network = _network(record)
    except (RuntimeError, InvalidSettings, InvalidComponent) as error:
        reason = error.message if isinstance(error, SplicerError) else str(error)
        raise InvalidModel(
            f"The network that {folder / RECORD} describes cannot be made: {reason.rstrip('.')}.",
            "Copy the model again, or update napari-splicer.",
        ) from error
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def check_place(folder: Path, *, overwrite: bool = False) -> None:
    """Refuse a folder that a bundle must not replace; ask before a long training, not after it.

    Raises
    ------
    WouldOverwrite
        If it is there, and ``overwrite`` is off or it holds other files than a model's. Hidden
        files, which file managers leave behind, do not count.
    """
    if not folder.exists():
        return
    entries = {entry.name for entry in folder.iterdir()} if folder.is_dir() else {folder.name}
    entries = {name for name in entries if not name.startswith(".")}
    if entries - {WEIGHTS, RECORD}:
        raise WouldOverwrite(
            f"{folder} exists and holds other files than a model's.", "Choose another folder."
        )
    if entries and not overwrite:
        raise WouldOverwrite(
            f"There is a model in {folder} already.", "Choose another folder, or allow overwriting."
        )
