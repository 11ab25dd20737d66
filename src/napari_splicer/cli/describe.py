"""``napari-splicer info``: what an image, mask, model, table, run file or export holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter

from napari_splicer.analysis_settings import is_measured
from napari_splicer.cli.terminal import Terminal
from napari_splicer.errors import UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from napari_splicer.config import Component
    from napari_splicer.model.record import BundleRecord

Kind: TypeAlias = Literal["image", "mask", "model", "table", "run", "rows", "groups"]
Facts: TypeAlias = dict[str, Any]

PIXELS_LOOKED_AT = 2**30
"""Bytes up to which every pixel of an image is read, to tell channels that hold nothing."""

_EXPORTED = "It should be what 'export' wrote as CSV or Parquet."

_PARAGRAPHS = {"remarks", "findings"}
"""Facts of which each entry gets a line of its own."""


Source = Annotated[
    Path,
    Parameter(
        help="An image, a mask, a model, a table, a run file, the folder of its results, or what "
        "an export wrote: rows (.csv, .parquet) or an image of groups."
    ),
]
GivenKind = Annotated[
    Kind | None, Parameter(name="--as", help="What it is, where the file leaves that open.")
]
Screen = Annotated[Terminal, Parameter(parse=False)]


def info(path: Source, /, *, kind: GivenKind = None, screen: Screen) -> None:
    """Say what a file holds: channels, cells, components, clusterings."""
    kind = kind or guess_kind(path)
    facts: Facts = {"kind": kind, "path": str(path), **_READERS[kind](path)}
    screen.display.tell("info", facts, in_words(facts))


def guess_kind(path: Path) -> Kind:
    """Return what ``path`` holds, judged by its name, its markers and its pixels' type.

    A file of one channel with 32-bit or 64-bit integers counts as a mask.
    """
    if path.suffix == ".toml" or (path / "run.toml").is_file():
        return "run"
    if path.suffix == ".h5ad" or (path / "obs").is_dir():
        return "table"
    if (path / "bundle.json").is_file() or path.suffix == ".zip":
        return "model"
    if path.suffix in (".csv", ".parquet"):
        return "rows"
    from napari_splicer.export.cluster_image import legend_path

    if legend_path(path).is_file():
        return "groups"
    from napari_splicer.images.open import open_image

    image = open_image(path)
    whole = image.dtype.kind in "iu" and image.dtype.itemsize >= 4
    return "mask" if whole and len(image.channels) == 1 else "image"


def in_words(facts: Facts) -> str:
    """Return one line per fact, names aligned; lists of names are joined by commas.

    What there is none of is left out.

    Examples
    --------
    >>> print(in_words({"cells": 1250, "height_px": 512}))
    cells        1,250
    height (px)  512
    """
    told = {
        _spelt_out(name): value if name in _PARAGRAPHS else _lines(value)
        for name, value in facts.items()
        if value not in ([], {})
    }
    width = max(map(len, told))
    rows = []
    for name, (first, *more) in told.items():
        rows.append(f"{name:<{width}}  {first}")
        rows += [" " * (width + 2) + line for line in more]
    return "\n".join(rows)


def _spelt_out(name: str) -> str:
    stem, _, unit = name.rpartition("_")
    unit = {"px": " (px)", "um": " (µm)"}.get(unit, f" {unit}")
    return (stem + unit).strip().replace("_", " ")


def _lines(value: Any) -> list[str]:
    """Return a fact in words: a line per entry of a dict, everything else in one."""
    match value:
        case dict():
            return [f"{key}: {', '.join(_lines(item))}" for key, item in value.items()]
        case list():
            return [", ".join(str(item) for item in value)]
        case int():
            return [f"{value:,}"]
        case None:
            return ["unknown"]
    return [str(value)]


def _image(path: Path) -> Facts:
    from napari_splicer.images.open import open_image
    from napari_splicer.images.problems import channel_problems

    image = open_image(path)
    height, width = image.shape
    small = image.data.nbytes <= PIXELS_LOOKED_AT
    problems = channel_problems(image).values() if small else ()
    return {
        "height_px": height,
        "width_px": width,
        "pixel_size_um": list(image.pixel_size) if image.pixel_size else None,
        "pixels": str(image.dtype),
        "levels": len(image.levels),
        "channels": list(image.channels),
        "remarks": [*image.remarks, *problems],
    }


def _mask(path: Path) -> Facts:
    from napari_splicer.images.cell_table import scattered
    from napari_splicer.images.open import open_mask

    mask = open_mask(path)
    height, width = mask.shape
    cells = mask.cells()
    return {
        "height_px": height,
        "width_px": width,
        "cells": len(cells),
        "touching_the_border": int(cells["touches_border"].sum()),
        "in_pieces_far_apart": list(scattered(cells)),
        "median_area_px": float(cells["area"].median()),
    }


def _model(path: Path) -> Facts:
    from napari_splicer.model.bundle import inspect_bundle
    from napari_splicer.model.sources import on_disk

    bundle = inspect_bundle(on_disk(path))
    about = {"licence": bundle.licence, "notes": bundle.notes}
    return {
        "objective": bundle.config.model.objective,
        "encoder": bundle.config.model.encoder,
        "patch_px": bundle.config.patches.size,
        "patch_um": bundle.config.patches.size_um,
        "channels": list(bundle.channels),
        "components": _components(bundle.components),
        "findings": _findings(bundle),
        "versions": dict(bundle.versions),
        **{name: text for name, text in about.items() if text},
        "hash": bundle.hash,
    }


def _findings(bundle: BundleRecord) -> list[str]:
    from napari_splicer.model.findings import findings, too_early

    if bundle.diagnostics is None:
        return []
    found = [str(finding) for finding in findings(bundle.diagnostics, bundle.components)]
    return found or [too_early(bundle.diagnostics) or "Nothing stands out."]


def _components(components: tuple[Component, ...]) -> Facts:
    return {item.name: [*item.channels, f"({item.region.describe()})"] for item in components}


def _table(path: Path) -> Facts:
    from napari_splicer.embedding.table import chunk_slices, holds_tiles, read_table, record

    table = read_table(path)
    groups = {
        name: f"{table.obs[name].cat.categories.size} groups"
        for name in table.obs.select_dtypes("category")
        if name != "region"
    }
    return {
        "tiles" if holds_tiles(table) else "cells": table.n_obs,
        "images": {
            str(name): int(count) for name, count in table.obs["region"].value_counts().items()
        },
        "channels": list(table.var_names),
        "chunks": {name: chunk.stop - chunk.start for name, chunk in chunk_slices(table).items()},
        "clusterings": groups,
        "remarks": [str(remark) for remark in record(table).get("warnings", ())],
    }


def _rows(path: Path) -> Facts:
    import pandas as pd

    from napari_splicer.export.tables import FIRST

    try:
        # As text: of groups called by numbers, those of a cell in none would be read as floats.
        text = path.suffix == ".csv"
        rows = pd.read_csv(path, dtype=str) if text else pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise UnreadableFile(f"{path} can't be read as a table ({error}).", _EXPORTED) from error
    if not {"image", "id"} <= {*rows.columns}:
        raise UnreadableFile(f"{path} holds no cells: it has no image and id column.", _EXPORTED)
    names = [str(name) for name in rows.columns]
    measured = [name for name in names if is_measured(name)]
    further = [name for name in names if name not in {*FIRST, *measured}]
    numbers = [name for name in further if _are_numbers(rows[name])]
    groups = [name for name in further if name not in numbers]
    return {
        "cells": len(rows),
        "images": {str(name): int(count) for name, count in rows["image"].value_counts().items()},
        "channels": [n.removeprefix("intensity_") for n in measured if n.startswith("intensity_")],
        "representation": sum(name.startswith("splicer_") for name in measured),
        "clusterings": {name: f"{rows[name].nunique()} groups" for name in groups},
        "further_columns": numbers,
    }


def _are_numbers(column: pd.Series[Any]) -> bool:
    """Tell numbers, some of which have a point, from names of groups."""
    if column.dtype.kind == "f":
        return True
    known = column.dropna().astype(str)
    numbers = known.str.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?")
    return bool(numbers.all()) and bool(known.str.contains(".", regex=False).any())


def _groups(path: Path) -> Facts:
    import pandas as pd

    from napari_splicer.export.cluster_image import legend_path
    from napari_splicer.images.open import open_mask

    height, width = open_mask(path).shape
    legend = pd.read_csv(legend_path(path), dtype={"name": str}, keep_default_na=False)
    named = zip(legend["code"], legend["name"], legend["count"], strict=True)
    return {
        "height_px": height,
        "width_px": width,
        "cells": int(legend["count"].sum()),
        "groups": {int(code): f"{name}, {count:,} cells" for code, name, count in named},
    }


def _run(path: Path) -> Facts:
    from napari_splicer.config import load_run
    from napari_splicer.pipeline import RunFolder

    source = path / "run.toml" if path.is_dir() else path
    config = load_run(source)
    folder = RunFolder(source.parent / config.output)
    made = {
        "model": folder.model,
        "report": folder.report,
        "table": folder.table,
        "exports": folder.exports,
        "stopped training": folder.checkpoint,
    }
    return {
        "images": [item.name or item.image for item in config.inputs],
        "components": _components(config.components),
        "clusterings": [clustering.name for clustering in config.clusterings],
        "output": config.output,
        "results": {name: [str(place)] for name, place in made.items() if place.exists()},
    }


_READERS: dict[Kind, Callable[[Path], Facts]] = {
    "image": _image,
    "mask": _mask,
    "model": _model,
    "table": _table,
    "run": _run,
    "rows": _rows,
    "groups": _groups,
}
