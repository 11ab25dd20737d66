"""Commands to begin with: the demonstration, a run file for one's own images, the window."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from napari_splicer.cli.terminal import Terminal
from napari_splicer.errors import InvalidSettings, NotInstalled, WouldOverwrite
from napari_splicer.files import PROJECT_RECORD

if TYPE_CHECKING:
    from napari_splicer.images.masks import MaskedImage

Screen = Annotated[Terminal, Parameter(parse=False)]


def demo(
    *,
    output: Annotated[
        Path, Parameter(help="Folder for the results, instead of 'splicer-demo'.")
    ] = Path("splicer-demo"),
    contrast: Annotated[
        float | None, Parameter(help="How plain the subtle cell state is, from 0 to 1.")
    ] = None,
    seed: Annotated[int, Parameter(help="Of the tissue and of the training.")] = 0,
    steps: Annotated[int | None, Parameter(help="Training steps of each model.")] = None,
    size: Annotated[int | None, Parameter(help="Side of the tissue in pixels.")] = None,
    overwrite: Annotated[bool, Parameter(help="Replace an earlier demonstration.")] = False,
    screen: Screen,
) -> None:
    """Train on a synthetic tissue and show what comes out (a few minutes).

    Writes the tissue, the table of cells, the trained model, the run file and figures into the
    folder 'splicer-demo', and prints how well a subtle cell state can be told.
    """
    from napari_splicer.demo import run_demo

    asked = {"contrast": contrast, "steps": steps, "size": size}
    given: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    events = run_demo(
        output.resolve(), seed=seed, overwrite=overwrite, cancel=screen.cancel, **given
    )
    report = screen.play(events)
    if report is not None:
        screen.display.tell("report", report.to_json(), str(report))


def init(
    *images: Annotated[Path, Parameter(help="Images to analyse.")],
    mask: Annotated[
        tuple[Path, ...],
        Parameter(help="Their cell masks, one --mask for each image, in the same order."),
    ] = (),
    panel: Annotated[
        Path | None,
        Parameter(
            help="A panel.csv or markers.csv that names the channels of all the images; its "
            "groups, if it has any, become the components."
        ),
    ] = None,
    file: Annotated[
        Path, Parameter(help="Where to write the run file, instead of 'run.toml' here.")
    ] = Path("run.toml"),
    overwrite: Annotated[bool, Parameter(help="Replace a run file that is there.")] = False,
    screen: Screen,
) -> None:
    """Write a run file for your images, with suggested components, to be edited.

    Example: napari-splicer init slide.ome.tif --mask cells.tif
    """
    from napari_splicer.cli.template import run_file_text
    from napari_splicer.components.suggestion import suggestions
    from napari_splicer.files import write_text
    from napari_splicer.images.panel import read_panel

    if file.exists() and not overwrite:
        raise WouldOverwrite(
            f"{file} exists already.", "Add --overwrite, or choose another name with --file."
        )
    fields = _open(images, mask, panel)
    groups = None if panel is None else read_panel(panel).groups
    suggestion = suggestions(fields, groups)[0]
    text = run_file_text(fields, suggestion, file, panel)
    write_text(file, text, overwrite=overwrite)
    screen.wrote("run file", file)
    used = {name for part in suggestion.components for name in part.channels}
    names = dict.fromkeys(name for field in fields for name in field.image.channels)
    if unused := [name for name in names if name not in used]:
        screen.display.note(f"In no component, so that no model sees them: {', '.join(unused)}.")
    screen.display.note(f"Look through it, then: napari-splicer run {file}")


def gui(
    *files: Annotated[
        Path, Parameter(help="Images to open, or a project (a folder *.splicer) to go on with.")
    ],
) -> int:
    """Open napari with the SpliCER dock."""
    if importlib.util.find_spec("napari") is None:
        raise NotInstalled(
            "napari is not installed here.", "Install it with: pip install 'napari-splicer[all]'"
        )
    # napari would ask which of its readers takes a folder; the record in it has one reader.
    opened = [file / PROJECT_RECORD if _is_project(file) else file for file in files]
    command = [sys.executable, "-m", "napari", *map(str, opened)]
    return subprocess.call([*command, "--with", "napari-splicer", "SpliCER"])


def _is_project(path: Path) -> bool:
    return (path / PROJECT_RECORD).is_file()


def _open(
    images: tuple[Path, ...], masks: tuple[Path, ...], panel: Path | None
) -> tuple[MaskedImage, ...]:
    from napari_splicer.cli.template import counted
    from napari_splicer.config import ImageInput, RunConfig
    from napari_splicer.pipeline import open_inputs

    if not images:
        raise InvalidSettings(
            "No image is named.", "Name one: napari-splicer init slide.ome.tif --mask cells.tif"
        )
    if masks and len(masks) != len(images):
        raise InvalidSettings(
            f"There are {counted(len(images), 'image')} and {counted(len(masks), 'mask')}.",
            "Give one --mask for each image, in the same order, or none at all.",
        )
    pairs = zip(images, masks or [None] * len(images), strict=True)
    inputs = [
        ImageInput(
            image=str(image.resolve()),
            mask=str(mask.resolve()) if mask else None,
            panel=str(panel.resolve()) if panel else None,
        )
        for image, mask in pairs
    ]
    return open_inputs(RunConfig(inputs=tuple(inputs)))
