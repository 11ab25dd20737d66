"""fit: images + settings → events, of which the last holds the trained model."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import torch

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.errors import CannotWrite, NoCells
from napari_splicer.events import (
    Cancel,
    Checkpointed,
    Event,
    Finished,
    Metrics,
    Progress,
    Started,
    Warned,
)
from napari_splicer.files import check_writable
from napari_splicer.memory import kept_at_hand
from napari_splicer.model.bundle import Bundle
from napari_splicer.model.findings import findings
from napari_splicer.model.objectives import build_network
from napari_splicer.patches.presence import Presence
from napari_splicer.training.checkpoint import (
    as_begun,
    check_same_images,
    check_same_settings,
    has_unfinished,
    read_checkpoint_tensors,
    read_record,
    replacing,
    write_checkpoint,
)
from napari_splicer.training.continuing import as_continued
from napari_splicer.training.data import TrainingData
from napari_splicer.training.device import in_words, memory_in_use, threads
from napari_splicer.training.diagnosis import diagnose
from napari_splicer.training.group import ALONE
from napari_splicer.training.learner import Learner
from napari_splicer.training.resolve import remarks, resolve, seen_channels
from napari_splicer.training.schedule import due_for_a_close_look, due_for_a_look
from napari_splicer.training.taken import taken
from napari_splicer.training.views import Views
from napari_splicer.training.widths import needs_trial, try_out_widths

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from napari_splicer.config import RunConfig
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.diagnostics import Diagnostics
    from napari_splicer.model.splicer import SpliCER
    from napari_splicer.training.checkpoint import CheckpointRecord
    from napari_splicer.training.group import Group

_PAUSE = 60.0  # seconds of a pause after which the processes of a training hear of each other


def fit(
    fields: Sequence[MaskedImage],
    config: RunConfig,
    *,
    folder: Path | None = None,
    resume: bool = False,
    cancel: Cancel | None = None,
    group: Group = ALONE,
) -> Iterator[Event]:
    """Train a network on the cells (or tiles) of ``fields``.

    Yields at every batch. ``Finished.result`` is a :class:`Bundle` whose ``config`` repeats the
    run; it is on the CPU, in evaluation mode. torch's threads and random state are the caller's
    again afterwards.

    Parameters
    ----------
    fields : sequence of MaskedImage
    config : RunConfig
    folder : Path, optional
        Where checkpoints go: every ``config.training.checkpoint_every`` steps, at the end, when
        cancelled, and when the iterator is closed.
    resume : bool
        Go on from the checkpoint in ``folder``; if the training had ended, with the settings of
        :func:`~napari_splicer.training.continuing.with_more_steps`, for more steps. On a CPU, the
        model is then the one that an uninterrupted training would have given, to the last bit.
    cancel : Cancel, optional
        Looked at before every batch. While it is paused, no step is taken. Once it asks to stop,
        ``Finished.result`` is the model so far, or None if training had not begun.
    group : Group
        The processes that train together, each of which calls this with the same. The result of
        all but the first one is None.

    Raises
    ------
    SplicerError
        Before a pixel is read, where settings, components, masks or checkpoint do not fit, or
        ``folder`` can't be written to; after a few, where the images are not the checkpoint's.
    WouldOverwrite
        If another training is writing to ``folder``.
    TrainingFailed
        If the loss stays not a number, or the device's memory does not hold a small batch.
    """
    cancel = group.agreed(cancel or Cancel())
    if not fields:
        raise NoCells("There is no image to train on.", "Open at least one.")
    seen_channels(config, fields)  # refuses components that do not fit before anything is said
    with taken(folder if group.rank == 0 else None):
        finished = yield from _fit(fields, config, folder, resume, cancel, group)
    yield finished


def _fit(
    fields: Sequence[MaskedImage],
    config: RunConfig,
    folder: Path | None,
    resume: bool,
    cancel: Cancel,
    group: Group,
) -> Generator[Event, None, Finished]:
    record = read_record(folder) if resume and folder is not None else None
    yield Started("train", unit="steps", message="Looking at the images")
    asked = config if record is None else as_begun(config, record.config)
    run = group.of_first(lambda: resolve(asked, fields, folder))
    if record is not None:
        check_same_settings(as_continued(record, run), run)
    for remark in remarks(asked, run, fields):
        yield Warned("train", remark)
    try:
        with kept_at_hand(), threads(run.threads), ExitStack() as opened:
            return (yield from _train(fields, run, folder, record, cancel, group, opened))
    finally:
        torch.cuda.empty_cache()  # other programs want the memory; does nothing without CUDA


def _train(
    fields: Sequence[MaskedImage],
    run: RunConfig,
    folder: Path | None,
    record: CheckpointRecord | None,
    cancel: Cancel,
    group: Group,
    opened: ExitStack,
) -> Generator[Event, None, Finished]:
    """Read the patches, train on them, and return the last event."""
    device, run = run.device, group.here(run)
    channels = seen_channels(run, fields)
    network = _fresh_network(run, channels)
    if folder is not None:
        check_writable(folder, room=_room(network, run))
    presence = Presence(fields, Decomposition(run.components), channels)
    views = Views.of_network(network, run, channels, presence)
    data = opened.enter_context(closing(TrainingData(fields, run, channels, folder)))
    if record is not None:
        check_same_images(record, data)
    for remark in data.remarks():
        yield Warned("train", remark)
    for done in data.read():
        yield Progress("train", done, len(data), "patches", message="Reading patches")
        if cancel.requested:
            return _not_begun()
    if needs_trial(run):
        found = yield from try_out_widths(network, data, views, run, cancel, group)
        if found is None:
            return _not_begun()
        run, network = found, _fresh_network(found, channels)
    learner = opened.enter_context(closing(Learner(network, data, views, run, group)))
    if folder is not None:
        yield from _go_on(learner, folder, record)
    if cancel.requested and not learner.step:
        return _not_begun()  # an earlier training's checkpoint stays
    yield from _learn(learner, folder if group.rank == 0 else None, cancel)
    group.leave()
    if group.rank:
        return Finished("train", message="The first process has the model.")
    diagnostics = None
    if learner.step:
        diagnostics = diagnose(learner.model, data, views, run, fields=fields, steps=learner.step)
        yield from _told(diagnostics, run)
    bundle = Bundle(
        network=learner.model.cpu().eval(),
        decomposition=Decomposition(run.components),
        channels=tuple(channels),
        normalization=data.normalization,
        config=run.model_copy(update={"device": device}),
        history=learner.history,
        diagnostics=diagnostics,
        pixel_size=next((f.image.pixel_size for f in fields if f.image.pixel_size), None),
    )
    return Finished(
        "train",
        bundle,
        cancelled=learner.step < learner.steps and not learner.on_a_plateau,
        message=f"Trained for {learner.step} of {learner.steps} steps.",
    )


def _fresh_network(run: RunConfig, channels: Sequence[str]) -> SpliCER:
    """Return the run's network; chunks whose widths are open share the embedding equally."""
    decomposition = Decomposition(run.components)
    return build_network(run.model, decomposition, channels, run.patches.size, seed=run.seed)


def _not_begun() -> Finished:
    return Finished("train", cancelled=True, message="Stopped before training began.")


def _told(diagnostics: Diagnostics | None, run: RunConfig) -> Iterator[Event]:
    """Yield what the user should know about the trained network."""
    if diagnostics is None:
        yield Warned(
            "train",
            "Of some patches the network makes what is no number. Lower the learning rate "
            "(training.learning_rate), and check the image for extreme values.",
        )
        return
    for finding in findings(diagnostics, run.components):
        yield Warned("train", str(finding))


def _room(network: SpliCER, run: RunConfig) -> int:
    """Return the bytes that a training needs on the disk.

    A checkpoint holds the weights, two moments of each, and their average where there is one; it
    lies there twice while it is replaced, and the model comes on top.
    """
    weights: int = sum(tensor.nbytes for tensor in network.state_dict().values())
    return weights * (2 * (4 if run.training.ema else 3) + 1)


def _go_on(learner: Learner, folder: Path, record: CheckpointRecord | None) -> Iterator[Event]:
    """Go back to where the checkpoint stands, or say that it will be replaced."""
    if record is not None:
        learner.restore(record, read_checkpoint_tensors(folder))
    elif has_unfinished(folder):
        yield Warned("train", replacing(folder))


def _learn(learner: Learner, folder: Path | None, cancel: Cancel) -> Iterator[Event]:
    """Take the steps that are left; stop early if asked to."""
    where = f"On {in_words(learner.device)}"
    begun, first = time.perf_counter(), learner.step
    try:
        while not (learner.step == learner.steps or learner.on_a_plateau or cancel.requested):
            if cancel.paused:
                begun += _held(cancel)
                continue
            before = learner.step
            outcome = learner.advance()
            values = outcome.values
            at = (learner.settings, learner.step, learner.steps)
            if learner.step > before and due_for_a_look(*at):
                values = values | learner.look()
            if learner.step > before and due_for_a_close_look(*at):
                values = values | learner.look_closely()
            if outcome.remark:
                yield Warned("train", outcome.remark)
            yield Metrics("train", learner.step, values | memory_in_use(learner.device))
            pace = (time.perf_counter() - begun) / max(1, learner.step - first)
            left = pace * (learner.steps - learner.step)
            yield Progress("train", learner.step, learner.steps, "steps", left, where)
            due = learner.step % learner.checkpoint_every == 0 and learner.step < learner.steps
            if folder is not None and due:
                yield _checkpoint(learner, folder)
    except GeneratorExit:
        if folder is not None:
            write_checkpoint(folder, learner.record(), learner.tensors())
        raise
    if learner.on_a_plateau:
        yield Warned(
            "train",
            f"Training stopped early, after {learner.step} of {learner.steps} steps: the loss on "
            "patches that are not trained on no longer fell.",
        )
    if folder is not None:
        yield _checkpoint(learner, folder)


def _held(cancel: Cancel) -> float:
    """Hold until the pause ends; return the seconds that it took."""
    begun = time.perf_counter()
    while cancel.still_paused(_PAUSE):
        pass
    return time.perf_counter() - begun


def _checkpoint(learner: Learner, folder: Path) -> Event:
    try:
        path = write_checkpoint(folder, learner.record(), learner.tensors())
    except CannotWrite as error:
        return Warned("train", f"The checkpoint was not written, training goes on. {error}")
    return Checkpointed("train", learner.step, str(path))
