"""More steps for a training that has come to its end.

Its learning rate has fallen to 0 by then. So it warms up and falls once more, over the further
steps: a warm restart (Loshchilov, Hutter, arXiv 1608.03983). The settings say where
(``training.restarts``), so that the run file trains the same model from the start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_splicer.errors import InvalidSettings

if TYPE_CHECKING:
    from napari_splicer.config import RunConfig
    from napari_splicer.training.checkpoint import CheckpointRecord

_ANEW = "Go on with it without more steps, or start the training anew."


def with_more_steps(record: CheckpointRecord, steps: int) -> RunConfig:
    """Return the settings of a training that goes on for ``steps`` steps more.

    Parameters
    ----------
    record : CheckpointRecord
        Of the training that has ended; to be resumed with what is returned.
    steps : int
        At least 1.

    Raises
    ------
    InvalidSettings
        If it has not ended: see :func:`why_not`.
    """
    if why := why_not(record):
        raise InvalidSettings(why, _ANEW)
    past = record.config.training
    return record.config.with_values(
        {
            "training.steps": record.step + steps,
            "training.restarts": (*past.restarts, record.step),
        }
    )


def why_not(record: CheckpointRecord) -> str:
    """Say why a training can't be given more steps; empty where it can."""
    if not record.complete:
        return "The training was stopped before its end, so it is not given more steps."
    if record.step != record.config.training.steps:
        return "The training ended early because it no longer improved: more steps change little."
    return ""


def as_continued(record: CheckpointRecord, run: RunConfig) -> RunConfig:
    """Return the settings that the checkpoint of a run must have been made with.

    Those of the checkpoint, unless ``run`` continues it with more steps: then with these.

    Raises
    ------
    InvalidSettings
        If ``run`` gives more steps to a training that has not ended.
    """
    past, now = record.config.training, run.training
    if past.steps is None or now.restarts != (*past.restarts, past.steps):
        return record.config
    if why := why_not(record):
        raise InvalidSettings(why, _ANEW)
    more = past.model_copy(update={"steps": now.steps, "restarts": now.restarts})
    return record.config.model_copy(update={"training": more})
