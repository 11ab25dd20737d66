"""The run file that ``napari-splicer init`` writes: complete, commented, meant to be edited."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_splicer.components.suggestion import Suggestion
    from napari_splicer.config import Component, Region
    from napari_splicer.images.masks import MaskedImage

_HEAD = """\
# A run file of napari-splicer. Lines that begin with # are notes.
# Go the whole way with it:   napari-splicer run {name}
# Every setting is explained in docs/run-file.md of the project.

version = 1
seed = 0
output = "splicer-run"        # folder for the results, seen from this file
"""

_COMPONENTS = """
# What the network is made to tell apart. Each component is a set of channels, seen in a region:
#   whole, cell (this cell), surroundings (around it), other_cells, background (outside all cells),
#   inside or outside a further mask: region = { kind = "inside", mask = "tumour" }
# Edit these: put markers together that belong together, and leave out those you don't trust.
"""

_TAIL = """\
[patches]
{sites:<30}# cells: one patch per cell; grid: tiles, if there is no mask
size = 32                     # side of a patch in pixels

[training]
preset = "quick"              # quick, standard or thorough

# Ways to group the cells, as many as you like. source: combined, representation, intensity,
# or the chunk of one component: "chunk:<its name>"; several count the same: ["chunk:a", "chunk:b"].
[[clusterings]]
name = "splicer_cluster"
source = "combined"
resolution = 1.0              # higher makes more groups

[export]
formats = ["h5ad", "csv", "ome-tiff"]     # also: zarr, parquet, ome-zarr
"""


def run_file_text(
    fields: Sequence[MaskedImage], suggestion: Suggestion, path: Path, panel: Path | None = None
) -> str:
    """Return the text of a run file at ``path`` for ``fields``, which were opened from files."""
    sites = "cells" if all(field.cells for field in fields) else "grid"
    return "".join(
        [
            _HEAD.format(name=path.name),
            *(_input(field, panel, path.resolve().parent) for field in fields),
            _COMPONENTS,
            _note(f"Suggested here: {suggestion.title}. {suggestion.reason}"),
            *(_component(component) for component in suggestion.components),
            "\n",
            _TAIL.format(sites=f"sites = {_text(sites)}"),
        ]
    )


def counted(number: int, what: str) -> str:
    """Return a number of things in words.

    Examples
    --------
    >>> counted(1, "channel"), counted(12, "channel")
    ('1 channel', '12 channels')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _input(field: MaskedImage, panel: Path | None, folder: Path) -> str:
    height, width = field.image.shape
    facts = [counted(len(field.image.channels), "channel"), f"{width} × {height} px"]
    if field.image.pixel_size:
        facts.append(f"{field.image.pixel_size[0]:.3g} µm per pixel")
    lines = ["", "[[inputs]]", f"# {', '.join(facts)}"]
    lines += [_note(remark).rstrip() for remark in field.image.remarks]
    files = {
        "image": field.image.source,
        "mask": None if field.cells is None else field.cells.source,
        "panel": None if panel is None else str(panel.resolve()),
    }
    lines += [f"{name} = {_text(_seen_from(folder, file))}" for name, file in files.items() if file]
    return "\n".join(lines) + "\n"


def _seen_from(folder: Path, file: str) -> str:
    """Return the path of a file within ``folder`` as seen from there: both may move together."""
    path = Path(file)
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else file


def _note(text: str) -> str:
    return fill(text, width=98, initial_indent="# ", subsequent_indent="# ") + "\n"


def _component(component: Component) -> str:
    lines = [
        "",
        "[[components]]",
        f"name = {_text(component.name)}",
        f"channels = {_list(component.channels)}",
    ]
    if component.region.kind != "whole":
        lines.append(f"region = {_region(component.region)}")
    return "\n".join(lines) + "\n"


def _region(region: Region) -> str:
    mask = f", mask = {_text(region.mask)}" if region.mask else ""
    return f"{{ kind = {_text(region.kind)}{mask} }}"


def _list(names: Iterable[str]) -> str:
    return f"[{', '.join(_text(name) for name in names)}]"


def _text(value: str | None) -> str:
    """Return a TOML string; JSON's are a subset of it."""
    return json.dumps(value or "", ensure_ascii=False)
