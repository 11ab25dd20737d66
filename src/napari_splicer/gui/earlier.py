"""What is left of the last training: one that was stopped, or one that can be given more steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_splicer.errors import listed
from napari_splicer.events import Metrics
from napari_splicer.gui.words import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_splicer.model.bundle import Bundle
    from napari_splicer.model.record import History
    from napari_splicer.pipeline import RunFolder

_NAMED = 2  # components in a sentence


@dataclass(frozen=True)
class Earlier:
    """A training as its checkpoint tells of it.

    Attributes
    ----------
    unfinished : bool
        Whether it was stopped before its end.
    of_model : bool
        Whether the model in use is the one it made.
    why_not : str
        Why it can't be given more steps; empty where it can.
    step, steps : int
        How many it has done, and was planned for.
    components : tuple of str
        Their names.
    restarts : tuple of int
        Those after which it was continued already.
    metrics : tuple of Metrics
        What it said of itself, up to where it stands.
    """

    unfinished: bool = False
    of_model: bool = False
    why_not: str = "What training needs to go on is not there any more: train again."
    step: int = 0
    steps: int = 0
    components: tuple[str, ...] = ()
    restarts: tuple[int, ...] = ()
    metrics: tuple[Metrics, ...] = ()

    @property
    def stopped(self) -> str:
        """Say what was stopped, and what would replace it; empty where nothing was."""
        if not self.unfinished:
            return ""
        names = f"; components: {listed(self.components, _NAMED)}" if self.components else ""
        return (
            f"Stopped after {self.step:,} of {count(self.steps, 'step')}{names}. Any other "
            "training, of this image or another, takes its place."
        )

    def length(self, more: int = 0) -> Mapping[str, Any]:
        """Return the settings of its length, by dotted key; with ``more`` steps after its end."""
        restarts = [*self.restarts, *([self.steps] if more else [])]
        if not restarts:
            return {}
        return {"training.steps": self.steps + more, "training.restarts": restarts}


def look(folder: RunFolder, bundle: Bundle | None) -> Earlier:
    """Look at the checkpoint of a run's folder; reads files and loads torch."""
    from napari_splicer.errors import InvalidModel, UnreadableFile
    from napari_splicer.model.storage import fingerprint
    from napari_splicer.training.checkpoint import (
        read_checkpoint_tensors,
        read_record,
        sorted_out,
    )
    from napari_splicer.training.continuing import why_not

    try:
        record = read_record(folder.checkpoint)
        networks, _ = sorted_out(read_checkpoint_tensors(folder.checkpoint))
    except (UnreadableFile, InvalidModel):
        return Earlier()
    kept = networks["average"] or networks["network"]
    same = bundle is not None and fingerprint(kept) == bundle.hash
    other = "Another training has taken the place of this model's: train again."
    return Earlier(
        unfinished=not record.complete,
        of_model=same,
        why_not=why_not(record) if same else other,
        step=record.step,
        steps=record.config.training.steps or 0,
        components=tuple(component.name for component in record.config.components),
        restarts=record.config.training.restarts,
        metrics=_as_said(record.history),
    )


def _as_said(history: History) -> tuple[Metrics, ...]:
    """Return the curves of a training as it told of them, step by step."""
    values: dict[int, dict[str, float]] = {}
    for name, curve in history.items():
        for step, value in curve:
            values.setdefault(step, {})[name] = value
    return tuple(Metrics("train", step, values[step]) for step in sorted(values))
