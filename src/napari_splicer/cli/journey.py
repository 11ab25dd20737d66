"""A plan carried out: each stage is played on the terminal, and what it made is kept on disk."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from napari_splicer import pipeline
from napari_splicer.errors import InvalidModel, SplicerError, UnreadableFile
from napari_splicer.events import duration

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData

    from napari_splicer.cli.plan import Plan
    from napari_splicer.cli.terminal import Terminal
    from napari_splicer.comparison.study import Contest
    from napari_splicer.images.masks import MaskedImage
    from napari_splicer.model.bundle import Bundle


@dataclass(frozen=True)
class Journey:
    """The stages of a plan.

    Every stage returns what it made, None if it was stopped before there was anything to keep.
    """

    plan: Plan
    terminal: Terminal

    @cached_property
    def fields(self) -> tuple[MaskedImage, ...]:
        """The images of the run file, opened when first needed."""
        return pipeline.open_inputs(self.plan.config, self.plan.base)

    def train(self, *, resume: bool) -> Bundle | None:
        """Train, and keep the model, its report, and the settings as they were used.

        The checkpoint goes once the model of a whole training is kept. A training that had come to
        its end is not resumed: its model is loaded.
        """
        from napari_splicer.model.bundle import check_place, save_bundle
        from napari_splicer.report.write import write_report
        from napari_splicer.training.checkpoint import discard

        folder = self.plan.folder
        check_place(folder.model, overwrite=True)
        if resume and folder.model.exists() and not folder.checkpoint.exists():
            return self._trained_before()
        self._say_how_long(resume=resume)
        bundle: Bundle | None = self.terminal.play(
            pipeline.train(
                self.fields,
                self.plan.config,
                folder=folder.path,
                resume=resume,
                cancel=self.terminal.cancel,
            )
        )
        if bundle is None:
            return None
        with self.terminal.stoppable():
            save_bundle(bundle, folder.model, overwrite=True)
            self.plan.write_run_file(bundle.config)
            write_report(bundle, folder.report, overwrite=True)
        self.terminal.wrote("model", folder.model)
        self.terminal.wrote("report", folder.report)
        if self.terminal.stopped:
            self.terminal.display.note("To go on from there, add --resume.")
        else:
            discard(folder.checkpoint)
        return bundle

    def _say_how_long(self, *, resume: bool) -> None:
        """Say how long the training will take, before it is begun; not of several devices."""
        from napari_splicer.training.checkpoint import as_begun, read_record
        from napari_splicer.training.estimate import expected_seconds
        from napari_splicer.training.resolve import resolve, seen_channels

        asked, done, folder = self.plan.config, 0, self.plan.folder.checkpoint
        if asked.training.devices > 1 or self.terminal.display.quiet:
            return
        if resume:
            record = read_record(folder)
            asked, done = as_begun(asked, record.config), record.step
        run = resolve(asked, self.fields, folder)
        seconds = expected_seconds(run, seen_channels(run, self.fields), done)
        if seconds:
            steps = (run.training.steps or 0) - done
            self.terminal.display.note(
                f"{steps:,} steps of training will take about {duration(seconds)}, once the "
                "patches are read."
            )

    def _trained_before(self) -> Bundle:
        """Return the plan's own model, if it was trained with the plan's settings."""
        from napari_splicer.training.checkpoint import as_begun, check_same_settings
        from napari_splicer.training.resolve import resolve

        bundle = self.load_model(None)
        asked = as_begun(self.plan.config, bundle.config)
        check_same_settings(bundle.config, resolve(asked, self.fields))
        self.terminal.display.note("The training had come to its end already.")
        return bundle

    def load_model(self, path: Path | None) -> Bundle:
        """Load the model at ``path``, or the plan's own.

        Raises
        ------
        InvalidModel
            If there is none.
        """
        from napari_splicer.model.bundle import load_bundle

        place = path or self.plan.folder.model
        if not place.exists():
            raise InvalidModel(
                f"There is no trained model at {place}.",
                "Run 'napari-splicer train' first, or name a model with --model.",
            )
        return load_bundle(place)

    def check_scheduler(self, scheduler: str) -> None:
        """Refuse a scheduler that does not answer now, before hours of training."""
        from napari_splicer.embedding.scheduler import connected

        with connected(scheduler):
            pass

    def table_is_whole(self) -> bool:
        """Return, and say, whether there is nothing to go on with: the table was finished."""
        place = pipeline.Place(self.plan.folder.table)
        whole = place.path.exists() and not place.partial.exists()
        if whole:
            words = f"{place.path} is finished. To make it anew, add --overwrite."
            self.terminal.display.note(words)
            self.read_table()  # which tells of another model
        return whole

    def embed(
        self,
        bundle: Bundle | None,
        *,
        resume: bool = False,
        overwrite: bool = False,
        scheduler: str | None = None,
    ) -> AnnData | None:
        """Embed every cell; the table grows on the disk. Without a model: mean intensities alone.

        Of a table that was stopped, what was done is kept, and gone on with if asked to. With a
        ``scheduler`` of dask.distributed, its workers do it.
        """
        self._check_table_can_be_kept()
        place = pipeline.Place(self.plan.folder.table, resume=resume, overwrite=overwrite)
        table: AnnData | None = self.terminal.play(
            pipeline.embed(
                self.fields,
                bundle,
                self.plan.config,
                place=place,
                scheduler=scheduler,
                cancel=self.terminal.cancel,
            )
        )
        if place.partial.exists():
            note = "To go on from there, repeat the same command with --resume."
            self.terminal.display.note(note)
        else:
            self.terminal.wrote("table", place.path)
        return table

    def tell_of_map(self, table: AnnData) -> None:
        """Say where the embedding of a grid's tiles is to be had as an image."""
        from napari_splicer.export.plan import holds_map

        if holds_map(table) and any("ome" in form for form in self.plan.config.export.formats):
            self.terminal.display.note(
                "'napari-splicer export' writes the embedding as a map of one pixel per tile, and "
                "as colours; clusters are not needed for that."
            )

    def keep_run_file(self) -> None:
        """Write the settings into the run's folder, for the stages that follow."""
        self.plan.write_run_file(self.plan.config)
        self.terminal.wrote("run file", self.plan.folder.run_file)

    def read_table(self) -> AnnData:
        """Read the plan's table.

        Raises
        ------
        UnreadableFile
            If it was not made yet, or can't be read.
        """
        from napari_splicer.embedding.stored import LARGE
        from napari_splicer.embedding.table import read_table

        place = pipeline.Place(self.plan.folder.table)
        if place.path.exists():
            table = read_table(place.path, lazy_above=LARGE)
            self._compare_models(table)
            return table
        advice = "Run 'napari-splicer embed' first."
        if place.partial.exists():
            advice = "It was begun: repeat the command that began it, with --resume."
        raise UnreadableFile(f"There is no table of cells at {place.path}.", advice)

    def _compare_models(self, table: AnnData) -> None:
        """Say so where the table was made by another model than lies beside it now."""
        from napari_splicer.embedding.table import record
        from napari_splicer.model.bundle import inspect_bundle

        model, made_by = self.plan.folder.model, str(record(table).get("bundle", ""))
        if not made_by:  # mean intensities alone
            return
        now = made_by
        with suppress(SplicerError):  # a damaged model is no matter of the table
            now = inspect_bundle(model).hash if model.exists() else made_by
        if now != made_by:
            self.terminal.display.note(
                f"{self.plan.folder.table} was made by another model than lies in {model}: "
                "'napari-splicer embed' with --overwrite makes it anew."
            )

    def cluster(self, table: AnnData, *, replace: bool) -> AnnData | None:
        """Group the cells and keep the table."""
        from napari_splicer.embedding.stored import write_changes

        self._check_table_can_be_kept()
        grouped: AnnData | None = self.terminal.play(
            pipeline.cluster(table, self.plan.config, replace=replace, cancel=self.terminal.cancel)
        )
        if grouped is not None:
            with self.terminal.stoppable():
                write_changes(grouped, self.plan.folder.table)
            self.terminal.wrote("table", self.plan.folder.table)
        return grouped

    def export(self, table: AnnData, *, overwrite: bool) -> None:
        """Write the run file's formats."""
        folder = self.plan.folder
        config = self.plan.anchored(self.plan.config, folder.path)
        if overwrite:
            config = config.with_values({"export.overwrite": True})
        before = _states(folder.exports)
        events = pipeline.export(
            table, self.fields, config, folder.exports, cancel=self.terminal.cancel
        )
        for path in self.terminal.play(events):
            self.terminal.wrote("export", path)
        after = _states(folder.exports)
        earlier = sorted(name for name, state in before.items() if after.get(name) == state)
        if earlier and not self.terminal.stopped:
            self.terminal.display.note(
                f"In {folder.exports} and not of this export: {', '.join(earlier)}."
            )

    def compare(self, contest: Contest, *, overwrite: bool) -> None:
        """Compare objectives on the plan's images; what was measured so far is written, too."""
        from napari_splicer.comparison.study import compare
        from napari_splicer.comparison.write import write_comparison

        folder, cancel = self.plan.folder.comparison, self.terminal.cancel
        measured = self.terminal.play(
            compare(
                self.fields, self.plan.config, contest, folder, overwrite=overwrite, cancel=cancel
            )
        )
        if len(measured) > 1:
            for path in write_comparison(measured, folder, overwrite=True):
                self.terminal.wrote("comparison", path)
        if self.terminal.stopped:
            self.terminal.display.note("To go on from there, give the same command again.")

    def _check_table_can_be_kept(self) -> None:
        from napari_splicer.files import check_free, check_writable

        check_writable(self.plan.folder.path)
        check_free(self.plan.folder.table, overwrite=True)


def _states(folder: Path) -> dict[str, tuple[int, int]]:
    """Return what tells a file in ``folder`` from one that takes its place, by name."""
    if not folder.is_dir():
        return {}
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in folder.iterdir()}
