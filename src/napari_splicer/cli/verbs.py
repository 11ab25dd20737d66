"""The stages as commands: train, embed, cluster and export, and all of them in one go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from napari_splicer.cli.terminal import Terminal
from napari_splicer.errors import InvalidSettings
from napari_splicer.training.launched import count_launched

if TYPE_CHECKING:
    from napari_splicer.cli.journey import Journey

_MANY: Any = {"consume_multiple": True}
RunFile = Annotated[Path, Parameter(help="The run file (TOML): images, components, settings.")]
Changes = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set",
        help="Change one setting of the run file, e.g. --set training.epochs=5. Can be repeated.",
    ),
]
Output = Annotated[
    Path | None, Parameter(help="Folder for the results instead of the run file's 'output'.")
]
Overwrite = Annotated[bool, Parameter(help="Replace results that are there already.")]
Resume = Annotated[bool, Parameter(help="Go on where it was stopped.")]
Devices = Annotated[
    int | None,
    Parameter(help="How many GPUs train together; with --set device=cpu, how many processes."),
]
Model = Annotated[
    Path | None, Parameter(help="A trained model elsewhere, instead of the one in the output.")
]
WithoutModel = Annotated[
    bool, Parameter(help="Measure mean intensities alone; needs no trained model.")
]
Screen = Annotated[Terminal, Parameter(parse=False)]


@dataclass(frozen=True)
class Earlier:
    """What becomes of results that are there already."""

    resume: Resume = False
    overwrite: Overwrite = False


@dataclass(frozen=True)
class Rivals:
    """What is compared with what."""

    objectives: Annotated[
        tuple[str, ...],
        Parameter("--objectives", help="Of splicer, je, sum-je and concat; default: all.", **_MANY),
    ] = ()
    losses: Annotated[
        tuple[str, ...],
        Parameter("--losses", help="Each with every objective; default: the run file's.", **_MANY),
    ] = ()
    seeds: Annotated[
        int, Parameter("--seeds", help="Trainings of each, to see how far chance goes.")
    ] = 1
    labels: Annotated[
        Path | None,
        Parameter(
            "--labels", help="CSV of known cells: instance_id, region, and a column per question."
        ),
    ] = None


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
    if not (overwrite or resume):
        journey.plan.refuse_to_retrain()
    journey.train(resume=resume)


def embed(
    run: RunFile,
    /,
    *,
    model: Model = None,
    without_model: WithoutModel = False,
    changes: Changes = (),
    output: Output = None,
    earlier: Annotated[Earlier, Parameter(name="*")] = Earlier(),
    screen: Screen,
) -> None:
    """Describe every cell by a trained model: writes 'table.zarr' into the output folder.

    The table grows on the disk. Ctrl+C stops after the current batch; --resume then goes on.
    """
    if model is not None and without_model:
        raise InvalidSettings(
            "--model and --without-model contradict each other.", "Leave one of them out."
        )
    journey = _journey(run, changes, output, screen)
    if not earlier.overwrite:
        journey.plan.refuse_to_overwrite(journey.plan.folder.table)
    bundle = None if without_model else journey.load_model(model)
    journey.embed(bundle, resume=earlier.resume, overwrite=earlier.overwrite)


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
    resume: Resume = False,
    overwrite: Overwrite = False,
    devices: Devices = None,
    screen: Screen,
) -> None:
    """Go the whole way: train, embed, cluster and export.

    Ctrl+C stops after the current step and keeps what was made so far. --resume then goes on with
    the training or with the description of the cells, and makes what comes after anew.
    """
    journey = _journey(run, changes, output, screen, devices)
    journey.plan.check_sources()
    folder = journey.plan.folder
    if not overwrite:
        journey.plan.refuse_to_overwrite(folder.exports)
    if not (overwrite or resume):
        journey.plan.refuse_to_retrain()
        journey.plan.refuse_to_overwrite(folder.table)
    bundle = journey.train(resume=resume)
    table = None
    if not screen.stopped:
        table = journey.embed(bundle, resume=resume, overwrite=overwrite or resume)
    if table is not None and not screen.stopped:
        table = journey.cluster(table, replace=True)
    if table is not None and not screen.stopped:
        journey.export(table, overwrite=overwrite)


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
