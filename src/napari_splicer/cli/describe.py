"""``napari-splicer info``: what an image, mask, model, table or run file holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from cyclopts import Parameter

from napari_splicer.cli.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_splicer.config import Component

Kind: TypeAlias = Literal["image", "mask", "model", "table", "run"]
Facts: TypeAlias = dict[str, Any]


Source = Annotated[Path, Parameter(help="An image, a mask, a model, a table or a run file.")]
GivenKind = Annotated[
    Kind | None, Parameter(name="--as", help="What it is, where the file leaves that open.")
]
Screen = Annotated[Terminal, Parameter(parse=False)]


def info(path: Source, *, kind: GivenKind = None, screen: Screen) -> None:
    """Say what a file holds: channels, cells, components, clusterings."""
    kind = kind or guess_kind(path)
    facts: Facts = {"kind": kind, "path": str(path), **_READERS[kind](path)}
    screen.display.tell("info", facts, in_words(facts))


def guess_kind(path: Path) -> Kind:
    """Return what ``path`` holds, judged by its name, its markers and its pixels' type.

    A file of one channel with 32-bit or 64-bit integers counts as a mask.
    """
    if path.suffix == ".toml":
        return "run"
    if path.suffix == ".h5ad" or (path / "obs").is_dir():
        return "table"
    if (path / "bundle.json").is_file():
        return "model"
    from napari_splicer.images.open import open_image

    image = open_image(path)
    whole = image.dtype.kind in "iu" and image.dtype.itemsize >= 4
    return "mask" if whole and len(image.channels) == 1 else "image"


def in_words(facts: Facts) -> str:
    """Return one line per fact, names aligned; lists of names are joined by commas.

    Examples
    --------
    >>> print(in_words({"cells": 1250, "height_px": 512}))
    cells        1,250
    height (px)  512
    """
    names = [_spelt_out(name) for name in facts]
    width = max(map(len, names))
    rows = []
    for name, value in zip(names, facts.values(), strict=True):
        first, *more = _lines(value)
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
        case dict() if value:
            return [f"{key}: {', '.join(_lines(item))}" for key, item in value.items()]
        case list() | dict():
            return [", ".join(str(item) for item in value) or "none"]
        case int():
            return [f"{value:,}"]
        case None:
            return ["unknown"]
    return [str(value)]


def _image(path: Path) -> Facts:
    from napari_splicer.images.open import open_image

    image = open_image(path)
    height, width = image.shape
    return {
        "height_px": height,
        "width_px": width,
        "pixel_size_um": list(image.pixel_size) if image.pixel_size else None,
        "pixels": str(image.dtype),
        "levels": len(image.levels),
        "channels": list(image.channels),
        "remarks": list(image.remarks),
    }


def _mask(path: Path) -> Facts:
    from napari_splicer.images.open import open_mask

    mask = open_mask(path)
    height, width = mask.shape
    cells = mask.cells()
    return {
        "height_px": height,
        "width_px": width,
        "cells": len(cells),
        "touching_the_border": int(cells["touches_border"].sum()),
        "median_area_px": float(cells["area"].median()),
    }


def _model(path: Path) -> Facts:
    from napari_splicer.model.bundle import inspect_bundle

    bundle = inspect_bundle(path)
    return {
        "objective": bundle.config.model.objective,
        "encoder": bundle.config.model.encoder,
        "patch_px": bundle.config.patches.size,
        "patch_um": bundle.config.patches.size_um,
        "channels": list(bundle.channels),
        "components": _components(bundle.components),
        "versions": dict(bundle.versions),
        "licence": bundle.licence or None,
        "notes": bundle.notes or None,
        "hash": bundle.hash,
    }


def _components(components: tuple[Component, ...]) -> Facts:
    return {item.name: [*item.channels, f"({item.region.describe()})"] for item in components}


def _table(path: Path) -> Facts:
    from napari_splicer.embedding.table import chunk_slices, read_table

    table = read_table(path)
    groups = {
        name: f"{table.obs[name].cat.categories.size} groups"
        for name in table.obs.select_dtypes("category")
        if name != "region"
    }
    return {
        "cells": table.n_obs,
        "images": {
            str(name): int(count) for name, count in table.obs["region"].value_counts().items()
        },
        "channels": list(table.var_names),
        "chunks": {name: chunk.stop - chunk.start for name, chunk in chunk_slices(table).items()},
        "clusterings": groups,
    }


def _run(path: Path) -> Facts:
    from napari_splicer.config import load_run

    config = load_run(path)
    return {
        "images": [item.name or item.image for item in config.inputs],
        "components": _components(config.components),
        "clusterings": [clustering.name for clustering in config.clusterings],
        "output": config.output,
    }


_READERS: dict[Kind, Callable[[Path], Facts]] = {
    "image": _image,
    "mask": _mask,
    "model": _model,
    "table": _table,
    "run": _run,
}
