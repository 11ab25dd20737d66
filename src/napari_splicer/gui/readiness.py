"""What can be done now, why not, and what is out of date. Pure: a snapshot in, sentences out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from napari_splicer.components.decomposition import Decomposition
from napari_splicer.errors import SizeMismatch, SplicerError
from napari_splicer.gui.fitness import (
    misfit,
    missing,
    of_other_channels,
    outdated,
    part_that_needs_cells,
)
from napari_splicer.gui.words import of_tiles
from napari_splicer.patches.tile_mask import TileMask

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_splicer.events import Stage
    from napari_splicer.gui.snapshot import Job, Snapshot

StepName: TypeAlias = Literal["image", "components", "model", "embed", "cluster", "export"]
Status: TypeAlias = Literal["done", "stale", "running", "ready", "blocked"]

STEPS: tuple[StepName, ...] = ("image", "components", "model", "embed", "cluster", "export")
STEP_OF: Mapping[Stage, StepName] = {
    "open": "image",
    "segment": "image",
    "train": "model",
    "embed": "embed",
    "cluster": "cluster",
    "export": "export",
}
_DOING = {
    "open": "An image is being read",
    "segment": "A cell mask is being made",
    "train": "The model is being trained",
    "embed": "Cells are being embedded",
    "cluster": "Cells are being grouped",
    "export": "Files are being written",
}


@dataclass(frozen=True, slots=True)
class StepState:
    """One step of the journey.

    Attributes
    ----------
    status : Status
        ``done``: has a result that fits; ``stale``: has one that does not fit any more;
        ``ready``: can be done; ``blocked``: cannot, see ``why``.
    why : str
        Why it is blocked or stale, as a sentence; else empty.
    summary : str
        A few words for the step's header, e.g. ``"12 ch"``.
    """

    status: Status
    why: str = ""
    summary: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the step's button may be pressed."""
        return self.status in ("done", "stale", "ready")


@dataclass(frozen=True)
class Readiness:
    """State of all steps, the step to turn to, and one sentence about what happens next."""

    steps: Mapping[StepName, StepState]
    next_step: StepName
    advice: str


def resolve(now: Snapshot) -> Readiness:
    """Judge a snapshot of the session; see :class:`Readiness`."""
    judged = _resolve(now)
    if not now.of_tiles:
        return judged
    steps = {
        name: replace(state, why=_said_of_tiles(state.why), summary=of_tiles(state.summary))
        for name, state in judged.steps.items()
    }
    return Readiness(steps, judged.next_step, _said_of_tiles(judged.advice))


def _said_of_tiles(sentence: str) -> str:
    """Say it of tiles, unless it tells cells and tiles apart itself."""
    return sentence if "tile" in sentence else of_tiles(sentence)


def _resolve(now: Snapshot) -> Readiness:
    steps: dict[StepName, StepState] = {
        "image": _image(now),
        "components": _components(now),
        "model": _model(now),
        "embed": _embed(now),
        "cluster": _cluster(now),
        "export": _export(now),
    }
    if now.job is not None:
        steps = _while_running(steps, now.job)
        step = STEP_OF[now.job.stage]
        return Readiness(steps, step, _advice_while_running(now.job))
    step = next((name for name in STEPS if steps[name].status != "done"), "export")
    return Readiness(steps, step, _advice(step, steps[step], now))


def _image(now: Snapshot) -> StepState:
    if now.image is None:
        return StepState("ready", "Open an image and its cell mask to begin, or try the sample.")
    if now.cells is None and not now.of_tiles:
        return StepState(
            "ready",
            "Open the cell mask, choose its layer, or make one from a nuclear channel. Or describe "
            "tiles of the tissue, which need no mask.",
            _channels(now),
        )
    try:
        now.whole()
        if now.of_tiles:
            TileMask.of(now.image, now.patches)
    except SplicerError as error:
        more = f" {_what_to_do(now)}" if isinstance(error, SizeMismatch) else ""
        return StepState("ready", f"{error}{more}", _channels(now))
    if now.facts is not None and now.facts.problem:
        return StepState("ready", now.facts.problem, _channels(now))
    return StepState("done", "", _channels(now))


def _what_to_do(now: Snapshot) -> str:
    """Say how to get on without a mask that is of another size than the image."""
    if now.image is None or now.cells is None or now.cells.shape == now.image.shape:
        return "Untick it under More masks."
    return "Choose or open another cell mask, or make one of nuclei."


def _channels(now: Snapshot) -> str:
    return f"{len(now.image.channels)} ch" if now.image is not None else ""


def _components(now: Snapshot) -> StepState:
    if now.image is None:
        return StepState("blocked", "Choose an image first: components are made of its channels.")
    image = _image(now)
    if image.status != "done":
        return StepState("blocked", f"Step 1 is not complete: {image.why}")
    if not now.components:
        return StepState("ready", "There is no component yet: add one, or take a suggestion.")
    count = str(len(now.components))
    if now.bundle is not None and now.components == now.bundle.decomposition.components:
        lacking = missing(now)
        if lacking:
            return StepState(
                "ready",
                "These are the components of the model, which needs channels that this image "
                f"lacks: {', '.join(lacking)}. Rename them in step 1, use another model, or take a "
                "suggestion and train anew.",
                count,
            )
        if not now.bundle.decomposition.match(now.image.channels).complete:
            return StepState("done", "", count)  # the model does without what this image lacks
    foreign = of_other_channels(now)
    if foreign:
        return StepState("ready", foreign, count)
    try:
        Decomposition(now.components).validate(now.whole(), sites=now.settings.patches.sites)
    except SplicerError as error:
        return StepState("ready", str(error), count)
    return StepState("done", "", count)


def _model(now: Snapshot) -> StepState:
    components = _components(now)
    if components.status == "blocked":
        return components
    if now.bundle is None:
        if components.status != "done":
            return StepState("blocked", components.why)
        return StepState("ready")
    why = misfit(now)
    return StepState("stale" if why else "done", why, _model_summary(now))


def _model_summary(now: Snapshot) -> str:
    return "trained" if "train" in now.made_from else "loaded"


def _embed(now: Snapshot) -> StepState:
    image = _image(now)
    if image.status != "done":
        return StepState("blocked", f"Step 1 is not complete: {image.why}")
    lacking = missing(now)
    if lacking:
        return StepState(
            "blocked", f"The model needs channels that this image lacks: {', '.join(lacking)}."
        )
    own = part_that_needs_cells(now)
    if own and now.of_tiles:
        return StepState(
            "blocked",
            f"The model's component {own} looks at a cell of its own, which tiles do not have. "
            "Train a model on tiles, or describe every cell, in step 1.",
        )
    if now.table is None:
        if now.bundle is None:
            return StepState("blocked", "There is no model yet: train or load one in step 3.")
        return StepState("ready")
    return _with_table(now, f"{now.table.n_obs:,} cells")


def _with_table(now: Snapshot, summary: str) -> StepState:
    why = outdated(now)
    return StepState("stale" if why else "done", why, summary)


def _cluster(now: Snapshot) -> StepState:
    if now.table is None:
        return StepState("blocked", "There is nothing to group yet: embed the cells in step 4.")
    if now.clustering is None:
        return StepState("ready")
    groups = len(now.table.obs[now.clustering].cat.categories)
    return _with_table(now, f"{groups} groups")


def _export(now: Snapshot) -> StepState:
    if now.table is None:
        return StepState("blocked", "There is no table yet: embed the cells in step 4.")
    of_table = now.made_from.get("embed")
    if of_table is not None and of_table.units is not now.units:
        return StepState(
            "blocked",
            "The table is of another image or mask: embed the cells of this one, or choose that "
            "image again.",
        )
    made = now.made_from.get("export")
    if made is None:
        return StepState("ready")
    if made.table is not now.table:
        return StepState("stale", "The table has changed since it was exported.", "exported")
    return StepState("done", "", "exported")


def _while_running(steps: Mapping[StepName, StepState], job: Job) -> dict[StepName, StepState]:
    why = f"{_DOING[job.stage]}: wait until that is done, or cancel it."
    running = STEP_OF[job.stage]
    fraction = job.fraction
    percent = "…" if fraction is None else f"{fraction:.0%}"
    changed: dict[StepName, StepState] = dict(steps)
    for name in ("model", "embed", "cluster", "export"):
        changed[name] = StepState("blocked", why, steps[name].summary)
    changed[running] = StepState("running", why, percent)
    return changed


def _advice_while_running(job: Job) -> str:
    if job.cancelling:
        return "Stopping at the next batch; everything done so far is kept."
    if job.paused:
        return "Paused: resume it, or cancel and keep everything learned so far."
    return {
        "train": "After training, all cells are embedded and grouped by themselves.",
        "embed": "When all cells are embedded, they are grouped by themselves.",
        "cluster": "The groups will appear on the image and in the Explorer.",
        "export": "The paths of the written files will appear here.",
        "open": "The image appears when it is read.",
        "segment": "The mask appears over the image, and is chosen, when it is made.",
    }[job.stage]


def _instead(now: Snapshot) -> str:
    """Say what can be done with a model that is out of date, other than training again."""
    return "go on with the model as it is" if _embed(now).allowed else "use another model"


def _advice(step: StepName, state: StepState, now: Snapshot) -> str:
    if state.why:
        after = {
            "model": f" Train again to bring it up to date, or {_instead(now)}.",
            "embed": " Embed again to bring the table up to date.",
            "cluster": " Embed again to bring the groups up to date.",
            "export": " Export again to bring the files up to date.",
        }
        return state.why + (after.get(step, "") if state.status == "stale" else "")
    advice: dict[StepName, str] = {
        "model": "Next: train a model, or use a trained one.",
        "embed": "Next: embed the cells, so that alike cells come to lie together.",
        "cluster": "Next: group the cells; the groups appear on the image.",
        "export": "Next: name the groups, look at them in the Explorer, then export the table.",
    }
    if step == "export" and state.status == "done":
        return "All done. Change any step to try another way; nothing is lost."
    return advice.get(step, "")
