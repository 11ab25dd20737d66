"""From a snapshot of the session to a pipeline verb, and from its events back onto the session.

A :class:`Run` is made from a frozen snapshot and carries a number; :func:`apply` refuses events of
a run that is not the session's current one. No Qt: what a worker thread does with a run, a test
does in a loop.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_splicer import pipeline
from napari_splicer.config import ClusteringSettings, RunConfig
from napari_splicer.events import Cancel, Finished, Metrics, Progress, Started, Warned
from napari_splicer.files import file_name
from napari_splicer.gui.failures import details_of, in_words
from napari_splicer.gui.naming import free_name
from napari_splicer.gui.readiness import resolve
from napari_splicer.gui.results import keep
from napari_splicer.gui.snapshot import Job, Notice, detached, warning_after
from napari_splicer.gui.threads import with_spare_threads
from napari_splicer.gui.training_report import thinned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from anndata import AnnData

    from napari_splicer.events import Event, Stage
    from napari_splicer.gui.earlier import Earlier
    from napari_splicer.gui.session import Session
    from napari_splicer.gui.snapshot import Snapshot

DEFAULT_CLUSTERING = ClusteringSettings()


@dataclass(frozen=True, eq=False)
class Run:
    """One run of one verb, not yet started.

    Attributes
    ----------
    number : int
        Results of older numbers are refused.
    stage : Stage
    inputs : Snapshot
        What it is made from.
    config : RunConfig
        The settings it runs with.
    folder : Path or None
        Where training keeps its checkpoint, or export its files.
    resume : Earlier or None
        The training whose checkpoint this one goes on from.
    earlier : AnnData or None
        The cells that an embedding had described when it was stopped.
    replace : bool
        Whether a clustering of the same name is made anew.
    group : str or None
        The one group that is divided into parts, instead of all cells into groups.
    follows : bool
        Whether it began by itself after another.
    table : AnnData or None
        What grouping and export read: the session's table as it was, whatever is edited meanwhile.
    cancel : Cancel
    """

    number: int
    stage: Stage
    inputs: Snapshot
    config: RunConfig
    folder: Path | None = None
    resume: Earlier | None = None
    earlier: AnnData | None = None
    replace: bool = False
    group: str | None = None
    follows: bool = False
    table: AnnData | None = None
    cancel: Cancel = field(default_factory=Cancel)

    def __str__(self) -> str:
        return f"SpliCER: {self.stage}"

    def events(self) -> Iterator[Event]:
        """Run the verb; to be called in the worker."""
        fields = self.inputs.fields()
        if self.stage == "train":
            resume = self.resume is not None
            return pipeline.train(
                fields, self.config, folder=self.folder, resume=resume, cancel=self.cancel
            )
        if self.stage == "embed":
            return pipeline.embed(
                fields, self.inputs.bundle, self.config, earlier=self.earlier, cancel=self.cancel
            )
        if self.table is None:
            raise RuntimeError(f"there is no table to {self.stage}")
        if self.stage == "cluster" and self.group is not None:
            from napari_splicer.analysis.cluster import split_group

            return split_group(
                self.table, self.group, self.config.clusterings[0], cancel=self.cancel
            )
        if self.stage == "cluster":
            return pipeline.cluster(
                self.table, self.config, replace=self.replace, cancel=self.cancel
            )
        if self.folder is None:
            raise RuntimeError("there is no folder to export to")
        return pipeline.export(self.table, fields, self.config, self.folder, cancel=self.cancel)


def run_folder(session: Session) -> pipeline.RunFolder:
    """Return where the session's files go: ``settings.output``, in the home folder if relative."""
    return pipeline.RunFolder(Path.home() / session.settings.output)


def export_folder(session: Session) -> Path:
    """Return where an export goes unless another folder is chosen: one per image."""
    exports = run_folder(session).exports
    return exports if session.image is None else exports / file_name(session.image.name)


def estimate(config: RunConfig, cells: int, channels: Sequence[str] = ()) -> Mapping[str, float]:
    """Return how many seconds each preset takes; trains a few steps on noise and loads torch."""
    from napari_splicer.training.estimate import estimate_seconds

    return estimate_seconds(with_spare_threads(config), cells, channels)


def train(session: Session, *, resume: Earlier | None = None, more: int = 0) -> Run:
    """Prepare training on the session's image, or going on with an earlier one, for more steps."""
    run = _run(session, "train", folder=run_folder(session).path)
    if resume is None:
        return run
    return replace(run, config=run.config.with_values(resume.length(more)), resume=resume)


def embed(session: Session, *, with_model: bool = True) -> Run:
    """Prepare embedding; without a model, the table holds mean intensities only.

    It goes on with the cells that were described when one of the same was stopped.
    """
    run = _run(session, "embed")
    if not with_model:
        config = run.config
        if run.inputs.of_tiles:  # those that lie on the image are as large as the model has them
            config = config.model_copy(update={"patches": run.inputs.patches})
        run = replace(run, config=config, inputs=replace(run.inputs, bundle=None))
    if session.stopped is not None and session.stopped.is_of(run.inputs):
        run = replace(run, earlier=session.stopped.table)
    return run


def cluster(session: Session, settings: ClusteringSettings = DEFAULT_CLUSTERING) -> Run:
    """Prepare one more clustering, under a name that is still free."""
    taken = (*session.clusterings, *session.history.groupings)
    name = free_name(settings.name, taken)
    return _grouping(session, settings.model_copy(update={"name": name}))


def recluster(session: Session, settings: ClusteringSettings) -> Run:
    """Prepare the clustering ``settings.name`` anew, in place of the one of that name."""
    return replace(_grouping(session, settings), replace=True)


def split(session: Session, group: int, settings: ClusteringSettings) -> Run:
    """Prepare dividing one group of the active clustering, by other settings if need be."""
    named = settings.model_copy(update={"name": session.clustering or settings.name})
    return replace(_grouping(session, named), group=session.groups[group].name)


def _grouping(session: Session, settings: ClusteringSettings) -> Run:
    """Without a model's numbers, cells are grouped and mapped by mean intensity."""
    run = _run(session, "cluster")
    projection = run.config.projection
    if session.table is not None and "X_splicer" not in session.table.obsm:
        settings = settings.model_copy(update={"source": "intensity"})
        projection = projection.model_copy(update={"source": "intensity"})
    changes = {"clusterings": (settings,), "taught": (), "projection": projection}
    config = run.config.model_copy(update=changes)
    return replace(run, config=config)


def export(session: Session, folder: Path) -> Run:
    """Prepare writing the table and the cluster image into ``folder``."""
    return _run(session, "export", folder=folder)


def _run(session: Session, stage: Stage, *, folder: Path | None = None) -> Run:
    inputs = session.snapshot()
    config = with_spare_threads(inputs.config)
    read = inputs.table if stage in ("cluster", "export") else None
    table = None if read is None else detached(read)
    return Run(session.next_run(), stage, inputs, config, folder, table=table)


def begin(session: Session, run: Run) -> None:
    """Note on the session that ``run`` starts; warnings of the run that it follows stay."""
    if not run.follows:
        session.notice = None
    session.job = Job(run.number, run.stage)
    if run.stage == "train":
        session.metrics = () if run.resume is None else thinned(run.resume.metrics)


def request_cancel(session: Session, run: Run) -> None:
    """Ask ``run`` to stop; any number of times."""
    run.cancel.request()
    if session.job is not None and _is_current(session, run):
        session.job = replace(session.job, cancelling=True, paused=False)


def request_pause(session: Session, run: Run, *, paused: bool) -> None:
    """Ask ``run`` to hold after its current step, or to go on; one that is stopping stops."""
    (run.cancel.pause if paused else run.cancel.go_on)()
    if session.job is not None and _is_current(session, run):
        session.job = replace(session.job, paused=run.cancel.paused)


def _is_current(session: Session, run: Run) -> bool:
    return session.job is not None and session.job.run == run.number


def apply(session: Session, run: Run, events: Iterable[Event]) -> None:
    """Bring events of ``run`` onto the session; those of an older run are refused."""
    events = tuple(events)
    if not _is_current(session, run):
        return
    metrics = tuple(event for event in events if isinstance(event, Metrics))
    if metrics:
        session.metrics = thinned((*session.metrics, *metrics))
    for event in events:
        if session.job is None:
            return
        match event:
            case Started():
                session.job = replace(
                    session.job, total=event.total, unit=event.unit, message=event.message
                )
            case Progress():
                session.job = replace(
                    session.job,
                    done=event.done,
                    total=event.total,
                    unit=event.unit,
                    seconds_left=event.seconds_left,
                    message=event.message,
                )
            case Warned():
                session.notice = warning_after(session.notice, event.message, event.stage)
            case Finished():
                _finish(session, run, event)


def fail(session: Session, run: Run, error: Exception) -> None:
    """Note that ``run`` ended in an error; an older run's is refused."""
    if not _is_current(session, run):
        return
    session.notice = Notice("error", in_words(error), run.stage, details_of(error))
    if run.earlier is not None:  # or trying again would always end like this
        session.stopped = None
    session.job = None


def follow_up(session: Session, run: Run) -> Run | None:
    """Return what follows a run that went well: embedding after training, then a clustering."""
    if run.cancel.requested:
        return None
    if run.stage == "train" and session.bundle is not None:
        state = resolve(session.snapshot()).steps["embed"]
        if state.allowed:
            return replace(embed(session), follows=True)
        session.notice = Notice("info", f"The model is trained and kept. {state.why}", "train")
    if run.stage == "embed" and session.table is not None:
        return replace(cluster(session), follows=True)
    return None


def _finish(session: Session, run: Run, event: Finished) -> None:
    if event.result is not None:
        keep(session, run, event)
    if event.cancelled:
        kept, stopped = event.message, session.stopped
        if run.stage == "embed":
            kept = "" if stopped is None or event.result is None else stopped.words(run.inputs)
        not_begun = run.stage == "train" and event.result is None and event.message
        words = event.message if not_begun else f"{_CANCELLED[run.stage]} {kept}".strip()
        session.notice = Notice("info", words, run.stage)
    session.job = None


_CANCELLED: dict[Stage, str] = {
    "segment": "Stopped.",
    "train": "Training was stopped; every step so far is kept.",
    "embed": "Embedding was stopped; the table is as it was before.",
    "cluster": "Grouping was stopped; the groups are as they were before.",
    "export": "Export was stopped.",
}
