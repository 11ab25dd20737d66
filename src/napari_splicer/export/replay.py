"""The run file that goes with a table: settings that make it again, not those that were asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_splicer.analysis.maps import further_maps
from napari_splicer.analysis.noted import plain
from napari_splicer.analysis.sources import in_quotes
from napari_splicer.config import ImageInput, RunConfig, as_kept, parse_run
from napari_splicer.errors import SplicerError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from anndata import AnnData

    from napari_splicer.config import EditedGroups, TaughtSettings
    from napari_splicer.images.masks import MaskedImage

_AGAIN = "By hand, and made again by 'cluster' where it finds the very same groups"
_NOT_AGAIN = "By hand, in the table but not made again by this file"
_MAPS = "Further maps, in the table but not made again by this file ([projection] is of X_umap)"


_NO_FILES = (
    "# An image, or a mask as it is now, lies in no file of its own: painted masks are kept in\n"
    "# the project alone, and one that was made or drawn over several images side by side is one\n"
    "# for all. Save one for each image ('napari-splicer segment' makes them of nuclei), and name\n"
    "# them here in an [[inputs]] entry each.\n"
)


def run_file(table: AnnData, fields: Sequence[MaskedImage], config: RunConfig) -> str:
    """Return the text of a run file, with what the table records of how it was made.

    Device, precision, threads and steps are those it was made with, and clusterings are those it
    has. Images are named where they lie in files.

    Parameters
    ----------
    table : AnnData
    fields : sequence of MaskedImage
        The images that the table is of.
    config : RunConfig
        For the rest: folder, export, and the images if it names them.
    """
    noted = table.uns.get("splicer", {})
    made = config
    if "config" in noted:
        made = parse_run(as_kept(json.loads(noted["config"])))
    values = _groupings(table)
    if "projection" in noted:
        values["projection"] = plain(noted["projection"])
    data = made.model_dump(mode="json") | values
    replayed = parse_run(data).model_copy(
        update={
            "inputs": config.inputs or files_of(fields),
            "output": config.output,
            "export": config.export,
        }
    )
    missing = "" if replayed.inputs else _NO_FILES
    return _heading(table, replayed) + missing + replayed.to_toml()


def _groupings(table: AnnData) -> dict[str, Any]:
    """Return the settings of what a table's cells are grouped by; none where they are not."""
    from napari_splicer.analysis.clustering import clusterings
    from napari_splicer.analysis.edited import edited_groups
    from napari_splicer.analysis.groups import earlier_model
    from napari_splicer.analysis.teaching import taught_settings

    if not clusterings(table):
        return {}
    own = {name: s for name, s in clusterings(table).items() if not earlier_model(table, name)}
    taught = {name: taught_settings(table, name) for name in own}
    edited = {name: edited_groups(table, name) for name in own if not taught[name]}
    return {
        "clusterings": [own[name] | _as_data(found) for name, found in edited.items()],
        "taught": [s.model_dump(mode="json") for s in taught.values() if s],
    }


def _as_data(edited: EditedGroups | None) -> dict[str, Any]:
    return {} if edited is None else {"edited": edited.model_dump(mode="json")}


def files_of(fields: Sequence[MaskedImage]) -> tuple[ImageInput, ...]:
    """Return the files that the images are in; none if one of them is not as its file says."""
    inputs = tuple(_file_of(field) for field in fields)
    return tuple(item for item in inputs if item is not None) if all(inputs) else ()


def _file_of(field: MaskedImage) -> ImageInput | None:
    from napari_splicer.images.open import open_image

    image, cells = field.image, field.cells
    regions = {name: mask.source for name, mask in field.regions.items() if mask.source}
    lost = (cells is not None and cells.source is None) or len(regions) < len(field.regions)
    if image.source is None or lost:
        return None
    try:
        file = open_image(image.source)
    except SplicerError:
        return None
    told = None if file.pixel_size == image.pixel_size else image.pixel_size
    if file.channels != image.channels or (told is not None and told[0] != told[1]):
        return None
    return ImageInput(
        image=str(Path(image.source).absolute()),
        mask=None if cells is None else str(Path(str(cells.source)).absolute()),
        regions=regions,
        pixel_size=None if told is None else told[0],
        name=None if file.name == image.name else image.name,
    )


def _heading(table: AnnData, replayed: RunConfig) -> str:
    noted = table.uns.get("splicer", {})
    what = "tiles" if noted.get("sites") == "grid" else "cells"
    by_example = _by_example(replayed.taught, what)
    again = {settings.name for settings in replayed.clusterings if settings.edited}
    by_hand = _by_hand(noted, again)
    return _model(noted, what) + by_example + by_hand + _by_others(noted) + _maps(table)


def _by_example(taught: Sequence[TaughtSettings], what: str) -> str:
    """Say which groups are made again from cells, or tiles, that a person has shown."""
    lines, by = [], "number" if what == "cells" else "place"
    for settings in taught:
        count = sum(len(kind.cells) for kind in settings.types)
        lines.append(
            f"# '{settings.name}' was taught by {count} {what}, shown by hand as examples. "
            f"'cluster'\n# teaches it again by the same {what}, found by image name and {by}.\n"
        )
    return "".join(lines)


def _by_hand(noted: Mapping[str, Any], again: Collection[str]) -> str:
    """Say what was changed by hand, in groupings that are edited again and in others."""
    said = ""
    for repeated, words in ((True, _AGAIN), (False, _NOT_AGAIN)):
        lines = [
            f"#   {name}: {edit}\n"
            for name, edits in noted.get("edits", {}).items()
            if (name in again) == repeated
            for edit in edits
        ]
        said += f"# {words}:\n{''.join(lines)}" if lines else ""
    return said


def _by_others(noted: Mapping[str, Any]) -> str:
    """Say which groups were found by the numbers of models that the cells had before."""
    lines = [f"#   {name}: {model}" for name, model in noted.get("earlier", {}).items()]
    if not lines:
        return ""
    words = "# By an earlier model, in the table but not made again by this file:"
    return "\n".join([words, *lines, ""])


def _maps(table: AnnData) -> str:
    """Say which maps were made beside the one that the settings give, and of what."""
    lines = [f"#   {key}: {in_quotes(made.source)}\n" for key, made in further_maps(table).items()]
    return f"# {_MAPS}:\n{''.join(lines)}" if lines else ""


def _model(noted: Mapping[str, Any], what: str) -> str:
    model = noted.get("bundle")
    if not model:
        return ""
    return (
        f"# The {what} were described by the model {model[:12]}. Describing them again with it\n"
        "# gives the same numbers, and so does training anew if it was trained on these images.\n"
    )
