"""Zarr on disk: OME-Zarr 0.4 and 0.5 images and labels, and plain arrays (formats 2 and 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from napari_splicer.errors import UnreadableFile
from napari_splicer.images.axes import guess_axes
from napari_splicer.images.grid import Grid
from napari_splicer.images.lazy import as_dask
from napari_splicer.images.stored import Stored
from napari_splicer.images.units import pixel_size_um

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

MARKERS = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
"""A folder with one of these files is Zarr."""

_ROUNDING = 1e-5


def is_zarr(path: Path) -> bool:
    """Tell whether a folder holds a Zarr group or array."""
    return any((path / marker).is_file() for marker in MARKERS)


def read_zarr(path: Path, *, labels: bool = False) -> Stored:
    """Open a Zarr image lazily, with all its resolutions.

    Parameters
    ----------
    path : Path
        Of an array, of an OME-Zarr image or label image, or of a group that holds one as "0"
        (the layout of bioformats2raw).
    labels : bool
        Prefer the label image that lies within the image, if there is exactly one.

    Raises
    ------
    UnreadableFile
        If it is damaged, or its image is not to be found.
    """
    try:
        node = zarr.open(path, mode="r")
        if isinstance(node, zarr.Array):
            return Stored((as_dask(node, source=path),), guess_axes(node.shape))
        group = _image_group(node, labels)
        if group is None:
            raise UnreadableFile(
                f"{path} is a Zarr group, but no OME-Zarr image.",
                f"Choose the folder of one image in it: {', '.join(sorted(node)) or 'none'}.",
            )
        return _multiscale(group, path)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UnreadableFile(
            f"{path} cannot be read as Zarr ({error}).",
            "It may be damaged or copied incompletely; export it again.",
        ) from error


def _metadata(group: zarr.Group) -> Mapping[str, Any]:
    """Return the OME metadata: under "ome" since version 0.5, at the top before."""
    attributes = group.attrs.asdict()
    ome: Mapping[str, Any] = attributes.get("ome", attributes)
    return ome


def _image_group(group: zarr.Group, labels: bool) -> zarr.Group | None:
    if labels and "labels" in group:
        within = group["labels"]
        names = list(_metadata(within).get("labels", ()))
        if len(names) == 1:
            return within[names[0]]
    if "multiscales" in _metadata(group):
        return group
    if "0" in group and isinstance(group["0"], zarr.Group):
        return _image_group(group["0"], labels)
    return None


def _multiscale(group: zarr.Group, path: Path) -> Stored:
    metadata = _metadata(group)
    multiscale = metadata["multiscales"][0]
    datasets = sorted(
        multiscale["datasets"], key=lambda entry: group[entry["path"]].size, reverse=True
    )
    levels = tuple(as_dask(group[entry["path"]], source=path) for entry in datasets)
    names, units = _axes(multiscale.get("axes"), levels[0].ndim)
    scale = np.ones(levels[0].ndim)
    for holder in (datasets[0], multiscale):
        scale *= _scale(holder.get("coordinateTransformations", ()), levels[0].ndim)
    y, x = names.index("Y"), names.index("X")
    channels = metadata.get("omero", {}).get("channels")
    return Stored(
        levels=levels,
        axes=names,
        channels=channels and [channel.get("label") for channel in channels],
        pixel_size=pixel_size_um(scale[y], scale[x], units[y], units[x]),
        grids=_grids(datasets, levels[0].ndim, (y, x)),
    )


def _axes(
    axes: Sequence[str | Mapping[str, Any]] | None, ndim: int
) -> tuple[str, list[str | None]]:
    """Return one letter and one unit per axis; before version 0.3 they were always TCZYX."""
    described = [
        {"name": axis} if isinstance(axis, str) else axis for axis in axes or "tczyx"[-ndim:]
    ]
    letters = "".join(
        "C" if axis.get("type") == "channel" else str(axis["name"])[:1].upper()
        for axis in described
    )
    return letters, [axis.get("unit") for axis in described]


def _grids(
    datasets: Sequence[Mapping[str, Any]], ndim: int, plane: tuple[int, int]
) -> tuple[Grid, ...]:
    """Return where the levels' pixels lie; without translations, all begin at the same edge.

    By the letter, their first pixels would then have the same centre; but writers that average
    pixels leave translations out too. Where all levels have the same translation, it is that of the
    stage.
    """
    steps = [entry.get("coordinateTransformations", ()) for entry in datasets]
    try:
        scales = np.array([_scale(step, ndim) for step in steps])[:, plane]
        begins = np.array([_translation(step, ndim) for step in steps])[:, plane]
    except (ValueError, LookupError, TypeError):
        return ()  # sizes will tell
    if not (np.isfinite(scales) & (scales > 0) & np.isfinite(begins)).all():
        return ()
    factors, offsets = scales / scales[0], (begins - begins[0]) / scales[0]
    # A length of 0.65 µm written as 0.6499999 makes no level of its own.
    factors = np.where(abs(factors - factors.round()) < _ROUNDING, factors.round(), factors)
    if not offsets.any():
        return tuple(Grid.covering((y, x)) for y, x in factors.tolist())
    pairs = zip(factors.tolist(), offsets.tolist(), strict=True)
    return tuple(Grid((f[0], f[1]), (o[0], o[1])) for f, o in pairs)


def _translation(transformations: Sequence[Mapping[str, Any]], ndim: int) -> Any:
    """Return a level's translation, which comes after its scale; zeros without one."""
    moves = [step["translation"] for step in transformations if step.get("type") == "translation"]
    return np.sum([np.zeros(ndim), *moves], axis=0)


def _scale(transformations: Sequence[Mapping[str, Any]], ndim: int) -> Any:
    scales = [step["scale"] for step in transformations if step.get("type") == "scale"]
    return np.prod([np.ones(ndim), *scales], axis=0)
