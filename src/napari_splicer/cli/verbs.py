"""The stages as commands: train, embed, cluster and export, and all of them in one go."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from napari_splicer.cli.options import (
    Changes,
    Described,
    Devices,
    Earlier,
    Others,
    Output,
    Overwrite,
    Resume,
    Rivals,
    RunFile,
    Scheduler,
    Screen,
)
from napari_splicer.cli.share import find_model
from napari_splicer.errors import InvalidSettings
from napari_splicer.training.launched import count_launched

if TYPE_CHECKING:
    from pathlib import Path

    from napari_splicer.cli.journey import Journey
    from napari_splicer.cli.terminal import Terminal


def train(
    run: RunFile,
    /,
    *,
    changes: Changes = (),
    output: Output = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    devices: Devices = None,
    screen: Screen,
) -> None:
    """Train a model on the images of a run file.

    Writes 'model' (to embed these or other images with), 'report.html' (what it learned) and
    'run.toml' (the settings as they were used) into the output folder. Ctrl+C stops after the
    current step and keeps the model so far; --resume then goes on.
    """
    journey = _journey(run, changes, output, screen, devices)
    journey.plan.check_components()
    if not (overwrite or resume):
        journey.plan.refuse_to_retrain()
    journey.train(resume=resume)


def embed(
    run: RunFile | None = None,
    /,
    *,
    others: Annotated[Others, Parameter(name="*")] = Others(),
    described: Annotated[Described, Parameter(name="*")] = Described(),
    changes: Changes = (),
    output: Output = None,
    earlier: Annotated[Earlier, Parameter(name="*")] = Earlier(),
    screen: Screen,
) -> None:
    """Describe every cell by a trained model: writes 'table.zarr' into the output folder.

    The table grows on the disk. Ctrl+C stops after the current batch; --resume then goes on.

    Many images need no run file: napari-splicer embed --images "slides/*.ome.tif" --model
    my-run/model --output new. One is then written into the output folder, for what comes after.
    """
    _check_no_contradiction(run, others, described)
    model = None if described.model is None else find_model(described.model, screen)
    if screen.stopped:
        return
    if run is None:
        journey = _journey_of(others, model, changes, output, screen)
    else:
        journey = _journey(run, changes, output, screen)
    if earlier.resume and not earlier.overwrite and journey.table_is_whole():
        return
    if not earlier.overwrite:
        journey.plan.refuse_to_overwrite(journey.plan.folder.table)
    if run is None and not (earlier.overwrite or earlier.resume):
        journey.plan.refuse_to_overwrite(journey.plan.folder.run_file)
    bundle = None if described.without_model else journey.load_model(model)
    table = journey.embed(
        bundle,
        resume=earlier.resume,
        overwrite=earlier.overwrite,
        scheduler=described.scheduler,
    )
    if table is not None and not screen.stopped:
        journey.tell_of_map(table)
    if run is None or (described.model and not journey.plan.folder.run_file.exists()):
        journey.keep_run_file()


def cluster(
    run: RunFile,
    /,
    *,
    changes: Changes = (),
    output: Output = None,
    overwrite: Overwrite = False,
    screen: Screen,
) -> None:
    """Group similar cells: adds the run file's clusterings and a map to 'table.zarr'."""
    journey = _journey(run, changes, output, screen)
    journey.cluster(journey.read_table(), replace=overwrite)


def export(
    run: RunFile,
    /,
    *,
    changes: Changes = (),
    output: Output = None,
    overwrite: Overwrite = False,
    screen: Screen,
) -> None:
    """Write the table and the cluster image for other programs into the folder 'export'."""
    journey = _journey(run, changes, output, screen)
    journey.export(journey.read_table(), overwrite=overwrite)


def run(
    run: RunFile,
    /,
    *,
    changes: Changes = (),
    output: Output = None,
    earlier: Annotated[Earlier, Parameter(name="*")] = Earlier(),
    devices: Devices = None,
    scheduler: Scheduler = None,
    screen: Screen,
) -> None:
    """Go the whole way: train, embed, cluster and export.

    Ctrl+C stops after the current step and keeps what was made so far. --resume then goes on with
    the training or with the description of the cells, and makes what comes after anew.
    """
    journey = _journey(run, changes, output, screen, devices)
    journey.plan.check_components()
    journey.plan.check_sources()
    folder = journey.plan.folder
    anew = earlier.overwrite or earlier.resume  # what comes after the training
    if not anew:
        journey.plan.refuse_to_overwrite(folder.exports)
        journey.plan.refuse_to_retrain()
        journey.plan.refuse_to_overwrite(folder.table)
    if scheduler is not None:
        journey.check_scheduler(scheduler)
    bundle = journey.train(resume=earlier.resume)
    table = None
    if not screen.stopped:
        table = journey.embed(
            bundle,
            resume=earlier.resume,
            overwrite=anew,
            scheduler=scheduler,
        )
    if table is not None and not screen.stopped:
        table = journey.cluster(table, replace=True)
    if table is not None and not screen.stopped:
        journey.export(table, overwrite=anew)


def compare(
    run: RunFile,
    /,
    *,
    rivals: Annotated[Rivals, Parameter(name="*")] = Rivals(),
    changes: Changes = (),
    output: Output = None,
    overwrite: Overwrite = False,
    screen: Screen,
) -> None:
    """Find out which way to describe cells tells most about your own images.

    Trains SpliCER and its rivals on the same patches for the same steps, then asks each for markers
    that no component sees, and for the labels you give. Writes 'comparison.csv', '.md' and '.png'
    into the folder 'compare'. Stopped with Ctrl+C, the same command goes on.
    """
    from napari_splicer.comparison.study import OBJECTIVES, Contest

    journey = _journey(run, changes, output, screen)
    contest = Contest(
        rivals.objectives or OBJECTIVES,
        rivals.losses or (journey.plan.config.model.loss,),
        rivals.seeds,
        rivals.labels,
    )
    journey.compare(contest, overwrite=overwrite)


def _journey(
    run: Path,
    changes: tuple[str, ...],
    output: Path | None,
    screen: Terminal,
    devices: int | None = None,
) -> Journey:
    from napari_splicer.cli.journey import Journey
    from napari_splicer.cli.plan import Plan

    if devices is None and count_launched() > 1:
        devices = count_launched()
    if devices is not None:
        changes = (*changes, f"training.devices={devices}")
    return Journey(Plan.load(run, changes, output), screen)


def _check_no_contradiction(run: Path | None, others: Others, described: Described) -> None:
    if described.model is not None and described.without_model:
        raise InvalidSettings(
            "--model and --without-model contradict each other.", "Leave one of them out."
        )
    if run is not None and others != Others():
        raise InvalidSettings(
            "A run file names images, masks and panels itself.",
            "Leave out --images, --masks and --panel, or the run file.",
        )
    if run is not None:
        return
    if not others.images:
        raise InvalidSettings(
            "No image is named.", 'Name a run file, or images: --images "slides/*.ome.tif".'
        )
    if described.model is None and not described.without_model:
        raise InvalidSettings(
            "No model is named.",
            "Name the folder 'model' of a training with --model, or add --without-model.",
        )


def _journey_of(
    others: Others,
    model: Path | None,
    changes: tuple[str, ...],
    output: Path | None,
    screen: Terminal,
) -> Journey:
    """Return the journey of images without a run file: the settings are the model's."""
    from napari_splicer.cli.journey import Journey
    from napari_splicer.cli.plan import Images, Plan
    from napari_splicer.config import RunConfig
    from napari_splicer.model.record import inspect_bundle

    trained = RunConfig() if model is None else inspect_bundle(model).config
    images = Images(others.images, others.masks, others.panel)
    return Journey(Plan.of_images(images, trained, changes, output), screen)
