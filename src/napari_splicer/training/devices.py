"""Training on one device, or on several: a process for each, or one of its own for one device.

The process that was asked to train then takes no step itself. It shows what the first of the others
tells, so that it can say what happened, and end the rest, whichever of them fails, and however.
"""

from __future__ import annotations

import importlib.util
import os
import pickle
from typing import TYPE_CHECKING

import torch

from napari_splicer.errors import InvalidSettings, NoCells, NotInstalled
from napari_splicer.events import Cancel
from napari_splicer.images.open import opened_as
from napari_splicer.training.device import resolve_device
from napari_splicer.training.group import check_shares
from napari_splicer.training.launched import count_launched
from napari_splicer.training.processes import train_together
from napari_splicer.training.trainer import fit
from napari_splicer.training.worker import take_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from napari_splicer.config import RunConfig
    from napari_splicer.events import Event
    from napari_splicer.images.masks import MaskedImage


def train(
    fields: Sequence[MaskedImage],
    config: RunConfig,
    *,
    folder: Path | None = None,
    resume: bool = False,
    cancel: Cancel | None = None,
) -> Iterator[Event]:
    """Train on ``config.training.devices`` devices; see :func:`~.trainer.fit`.

    With several, losses and batch normalisation see the whole batch, so that the training is that
    of one device, to rounding. With ``config.own_process``, one device gets a process of its own,
    too: what it held of a GPU's memory is free when that ends. Under torchrun, this process trains
    on its own device; only the first one's events come, and only its ``Finished.result`` is a
    model.

    Raises
    ------
    SplicerError
        Before anything is read, if there are fewer devices, or a batch can't be shared equally.
    TrainingFailed
        Also if one of the processes was ended from outside.
    """
    count = config.training.devices
    if count == 1 and not config.own_process:
        yield from fit(fields, config, folder=folder, resume=resume, cancel=cancel)
        return
    if count > 1:
        check_devices(config)
        if count_launched() > 1:
            yield from take_part(fields, config, folder=folder, resume=resume, cancel=cancel)
            return
    if not fields:
        raise NoCells("There is no image to train on.", "Open at least one.")
    job = _packed(fields, config, folder, resume)
    finished = yield from train_together(count, job, cancel or Cancel())
    yield finished


def check_devices(config: RunConfig) -> None:
    """Check that there are as many devices as are to train.

    Raises
    ------
    InvalidSettings
        If there are fewer, or the batch can't be shared equally between them.
    NotInstalled
        If lightning-fabric is missing.
    """
    count, launched = config.training.devices, count_launched()
    if launched > 1 and launched != count:
        raise InvalidSettings(
            f"torchrun has started {launched} processes, and training.devices is {count}.",
            "Let torchrun start one process for each device.",
        )
    if ":" in config.device or resolve_device(config.device).type == "mps":
        raise InvalidSettings(
            f"The device '{config.device}' is one device, and {count} are to train.",
            "Set device to 'cuda' (or 'cpu', for processes on the CPU).",
        )
    here = int(os.environ["LOCAL_WORLD_SIZE"]) if launched > 1 else count
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if config.device != "cpu" and there < here:
        raise InvalidSettings(
            f"This computer has {there or 'no'} CUDA device{'s' if there != 1 else ''}, and {here} "
            "are to train.",
            "Train on fewer devices, or set device to 'cpu' for as many processes on the CPU.",
        )
    check_shares(config.training.batch, count)
    if importlib.util.find_spec("lightning_fabric") is None:
        raise NotInstalled(
            "Training on several devices needs the package lightning-fabric.",
            "Install it: pip install 'napari-splicer[devices]'",
        )


def _packed(
    fields: Sequence[MaskedImage], config: RunConfig, folder: Path | None, resume: bool
) -> bytes:
    """Return what the processes are to do; images that were opened from files by their names.

    Raises
    ------
    InvalidSettings
        If an image is neither in memory nor was opened by :func:`~.images.open.open_input`.
    """
    sources = [opened_as(field) or field for field in fields]
    try:
        return pickle.dumps((sources, config, folder, resume))
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        raise InvalidSettings(
            f"The images can't be handed to another process ({error}).",
            "Name them in a run file, or open them with open_inputs; or train in this process.",
        ) from error
