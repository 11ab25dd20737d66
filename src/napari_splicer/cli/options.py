"""The words that several commands take: what they are called, and what is said of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from napari_splicer.cli.terminal import Terminal

if TYPE_CHECKING:
    from napari_splicer.segmentation.settings import SegmentationSettings

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
Devices = Annotated[
    int | None,
    Parameter(help="How many GPUs train together; with --set device=cpu, how many processes."),
]
Resume = Annotated[bool, Parameter(help="Go on where it was stopped.")]
Scheduler = Annotated[
    str | None,
    Parameter(
        name="--scheduler",
        help="Let the workers of a dask.distributed scheduler describe the cells; its address, "
        "e.g. tcp://host:8786.",
    ),
]
Screen = Annotated[Terminal, Parameter(parse=False)]


@dataclass(frozen=True)
class Earlier:
    """What becomes of results that are there already."""

    resume: Resume = False
    overwrite: Overwrite = False


@dataclass(frozen=True)
class Described:
    """By which model cells are described, and by which computers."""

    model: Annotated[
        str | None,
        Parameter(
            "--model",
            help="A trained model elsewhere, instead of the one in the output: its folder or zip "
            "file, an https address, or a name of the Hugging Face hub (owner/name).",
        ),
    ] = None
    without_model: Annotated[
        bool,
        Parameter(
            "--without-model", help="Measure mean intensities alone; needs no trained model."
        ),
    ] = False
    scheduler: Scheduler = None


@dataclass(frozen=True)
class Others:
    """Images that stand in no run file."""

    images: Annotated[
        tuple[str, ...],
        Parameter(
            "--images",
            help="Instead of a run file: images, or patterns of their paths in quotes, such as "
            '"slides/*.ome.tif".',
            **_MANY,
        ),
    ] = ()
    masks: Annotated[
        str | None,
        Parameter(
            "--masks",
            help='Where their cell masks are, such as "{folder}/{stem}_mask.tif": {stem} is an '
            "image's name without extensions, {folder} its folder. Default: where masks usually "
            "are.",
        ),
    ] = None
    panel: Annotated[
        Path | None,
        Parameter("--panel", help="A panel.csv or markers.csv that names their channels."),
    ] = None


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


@dataclass(frozen=True)
class Nuclei:
    """How nuclei are found and grown; what is left out is as in SegmentationSettings."""

    channels: Annotated[
        tuple[str, ...],
        Parameter(
            "--channel",
            help="The channel that stains nuclei, or several. Default: the first one named like "
            "DNA, DAPI, Hoechst, Ir191, HH3.",
            **_MANY,
        ),
    ] = ()
    diameter: Annotated[
        float | None, Parameter("--diameter", help="Width of a typical nucleus, µm. Default: 8.")
    ] = None
    expansion: Annotated[
        float | None,
        Parameter("--expansion", help="How far cells reach beyond nuclei, µm. Default: 2."),
    ] = None
    sensitivity: Annotated[
        float | None,
        Parameter("--sensitivity", help="Above 1 finds dimmer nuclei, below 1 fewer. Default: 1."),
    ] = None
    pixel_size: Annotated[
        float | None,
        Parameter(
            "--pixel-size",
            help="µm; instead of the image's own. If neither tells, give lengths in pixels.",
        ),
    ] = None

    def settings(self) -> SegmentationSettings:
        """Return what was given, and the schema's own values for what was not."""
        from napari_splicer.segmentation.settings import checked

        given = {
            "diameter": self.diameter,
            "expansion": self.expansion,
            "sensitivity": self.sensitivity,
        }
        set_ = {name: value for name, value in given.items() if value is not None}
        return checked({"channels": self.channels, **set_})
