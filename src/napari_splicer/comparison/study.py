"""compare: the same images, patches and steps for every objective; then what each can answer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import product
from time import perf_counter
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import numpy as np
import torch

from napari_splicer import pipeline
from napari_splicer.analysis_settings import component_of
from napari_splicer.comparison import questions as ask
from napari_splicer.components.decomposition import Decomposition
from napari_splicer.config import ModelSettings, RunConfig
from napari_splicer.errors import InvalidSettings, UnusableChannel, WouldOverwrite
from napari_splicer.events import Event, Finished, Progress, Started, Warned, through
from napari_splicer.files import check_writable, file_name, write_text
from napari_splicer.quality import rankme
from napari_splicer.training.checkpoint import NOT_DECIDING, discard, has_begun
from napari_splicer.training.resolve import seen_channels

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.events import Cancel
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle

OBJECTIVES: tuple[str, ...] = get_args(ModelSettings.model_fields["objective"].annotation)
INTENSITY = "mean intensity"

Scores: TypeAlias = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Contest:
    """What is compared.

    Attributes
    ----------
    objectives, losses : tuple of str
        Every one with every one.
    seeds : int
        How many trainings of each, with the seeds that follow ``config.seed``.
    labels : Path, optional
        Known classes of cells; see :func:`~napari_splicer.comparison.questions.questions`.
    """

    objectives: tuple[str, ...] = OBJECTIVES
    losses: tuple[str, ...] = ("vicreg",)
    seeds: int = 1
    labels: Path | None = None

    def runs(self, config: RunConfig) -> Iterator[tuple[str, RunConfig]]:
        """Yield the name of every training and its settings.

        Raises
        ------
        InvalidSettings
            If an objective is unknown.
        """
        for seed, loss, objective in product(range(self.seeds), self.losses, self.objectives):
            values = {
                "model.objective": objective,
                "model.loss": loss,
                "seed": config.seed + seed,
            }
            yield f"{objective}, {loss}", config.with_values(values)


@dataclass(frozen=True)
class Measured:
    """What was measured of one training, or of mean intensity, which needs none.

    Attributes
    ----------
    name : str
        Objective and loss; or "mean intensity".
    seed : int
    seconds : float
        To train and embed; 0 for mean intensity. Of the last part where it was stopped between.
    rankme : float
        Effective rank of the representation (arXiv 2210.02885).
    scores : dict
        By source of features (``"representation"``, ``"combined"``, ``"intensity"``, and
        ``"chunk:<component>"`` where there are any) and question: ``auroc``, ``macro_f1``,
        ``balanced_accuracy``, ``accuracy``, and ``knn_accuracy`` of the 20 nearest neighbours.
    """

    name: str
    seed: int
    seconds: float
    rankme: float
    scores: dict[str, Scores]


def compare(
    fields: Sequence[MaskedImage],
    config: RunConfig,
    contest: Contest,
    folder: Path,
    *,
    overwrite: bool = False,
    cancel: Cancel | None = None,
) -> Iterator[Event]:
    """Train every objective on the same images, and probe what cells' descriptions tell.

    What was measured is kept in ``folder``: a comparison that was stopped goes on, in the middle of
    a training too.

    Parameters
    ----------
    fields : sequence of MaskedImage
    config : RunConfig
        Components and all settings but objective, loss and seed.
    contest : Contest
    folder : Path
    overwrite : bool
        Measure again what was measured with other settings.
    cancel : Cancel, optional

    Yields
    ------
    Event
        Those of every stage; the last is ``Finished("compare")`` with a tuple of
        :class:`Measured`: mean intensity, then the trainings that were done.

    Raises
    ------
    InvalidSettings
        If there is nothing to ask, or an objective is unknown.
    WouldOverwrite
        If ``folder`` holds results of other settings.
    InvalidComponent
        If the images are not such that every objective can be trained on them.
    """
    check_writable(folder)
    runs = list(contest.runs(config))
    for name, run in runs:
        _kept(folder, name, run, overwrite=overwrite)  # refuse before hours of training
    inputs = Decomposition(config.components).channels
    if not inputs:
        raise InvalidSettings("There are no components to compare with.", "Define components.")
    for _, run in runs:
        seen_channels(run, fields)
    ask.check_askable(fields, inputs, contest.labels)
    measured = yield from through(pipeline.embed(fields, None, config, cancel=cancel))
    if measured.cancelled:
        yield Finished("compare", (), cancelled=True)
        return
    asked = ask.questions(measured.result, inputs, contest.labels)
    for name, run in runs:
        _kept(folder, name, run, asked, overwrite=overwrite)
    seen = np.asarray(measured.result[:, list(inputs)].X)
    if lost := int((~np.isfinite(seen)).any(axis=1).sum()):
        cells = f"{lost:,} cell holds" if lost == 1 else f"{lost:,} cells hold"
        yield Warned(
            "compare", f"{cells} no finite value of a channel, and may not be asked about."
        )
    yield Started("compare", total=len(runs), unit="models")
    alone = yield from _scores(measured.result, inputs, ("intensity",), asked, cancel)
    if alone is None:
        yield Finished("compare", (), cancelled=True)
        return
    found = [Measured(INTENSITY, config.seed, 0.0, float(len(inputs)), alone)]
    for done, (name, run) in enumerate(runs):
        kept = _kept(folder, name, run, asked, overwrite=overwrite)
        if kept is None:
            began = perf_counter()
            place = folder / _key(name, run)
            noted, about = folder / f"{place.name}.json", {"config": _deciding(run)}
            write_text(noted, json.dumps(about), overwrite=True)  # as what it was begun
            table = yield from _train_and_embed(fields, run, place, cancel, overwrite=overwrite)
            scores = None
            if table is not None:
                seconds = perf_counter() - began
                # Rows stand in the order of reading, which the size of patches decides.
                table = table[measured.result.obs_names].copy()
                scores = yield from _scores(table, inputs, ask.sources_of(table), asked, cancel)
            if table is None or scores is None:
                yield Finished("compare", tuple(found), cancelled=True)
                return
            rank = rankme(torch.from_numpy(np.asarray(table.obsm["X_splicer"])))
            kept = Measured(name, run.seed, seconds, rank, scores)
            text = json.dumps({**about, "asked": ask.digests(asked), "measured": asdict(kept)})
            write_text(noted, text, overwrite=True)
            discard(pipeline.RunFolder(place).checkpoint)
        found.append(kept)
        yield Progress("compare", done + 1, len(runs), "models", message=name)
    yield Finished("compare", tuple(found))


def _scores(
    table: AnnData,
    inputs: Sequence[str],
    sources: Sequence[str],
    asked: Sequence[ask.Question],
    cancel: Cancel | None,
) -> Generator[Event, None, dict[str, Scores] | None]:
    """Return the scores by source, or None if it was stopped before."""
    found = {}
    for source in sources:
        try:
            scores = ask.score(table, inputs, source, asked, cancel=cancel)
        except UnusableChannel as error:
            if component_of(source) is None:
                raise
            yield Warned("compare", error.message)  # one dead chunk must not end a comparison
            continue
        if scores is None:
            return None
        found[source] = scores
    return found


def _kept(
    folder: Path,
    name: str,
    run: RunConfig,
    asked: Sequence[ask.Question] | None = None,
    *,
    overwrite: bool,
) -> Measured | None:
    """Return what was measured of a run before, None if nothing was.

    What is asked about is known only once the cells are measured; until then, it is not compared.
    """
    path = folder / f"{_key(name, run)}.json"
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    then, now = kept["config"], _deciding(run)
    then["training"] = {k: v for k, v in then["training"].items() if k not in NOT_DECIDING}
    same_settings = then == now
    whole = "measured" in kept  # else it was stopped
    if same_settings and whole and (asked is None or kept.get("asked") == ask.digests(asked)):
        return Measured(**kept["measured"])
    if overwrite or (same_settings and not whole):
        return None
    what = "that asks about other cells or labels" if same_settings else "with other settings"
    raise WouldOverwrite(
        f"{folder} holds a comparison {what} ({path.name}).",
        "Choose another folder, or allow overwriting.",
    )


def _key(name: str, run: RunConfig) -> str:
    return file_name(f"{name}, seed {run.seed}")


def _deciding(run: RunConfig) -> dict[str, Any]:
    """Return the settings that decide a result, as JSON holds them."""
    aside = dict.fromkeys(
        ("output", "export", "clusterings", "taught", "projection", "device", "threads",
         "own_process"), True
    )  # fmt: skip
    return dict(json.loads(run.model_dump_json(exclude={**aside, "training": NOT_DECIDING})))


def _train_and_embed(
    fields: Sequence[MaskedImage],
    run: RunConfig,
    folder: Path,
    cancel: Cancel | None,
    *,
    overwrite: bool,
) -> Generator[Event, None, AnnData | None]:
    """Return the table of cells, or None if it was stopped before.

    The checkpoint stays: a model that has not been asked yet is not trained again.
    """
    place = pipeline.RunFolder(folder).checkpoint
    begun = has_begun(place)
    try:
        trained = yield from through(
            pipeline.train(fields, run, folder=folder, resume=begun, cancel=cancel)
        )
    except InvalidSettings as error:  # it was begun on other images, or with other settings
        if not begun:
            raise
        if not overwrite:
            raise WouldOverwrite(
                f"{folder} holds a training that was stopped. {error.message}",
                "Choose another folder, or allow overwriting.",
            ) from error
        discard(place)
        trained = yield from through(pipeline.train(fields, run, folder=folder, cancel=cancel))
    if trained.cancelled:
        return None
    bundle: Bundle = trained.result
    embedded = yield from through(pipeline.embed(fields, bundle, run, cancel=cancel))
    table: AnnData | None = None if embedded.cancelled else embedded.result
    return table
