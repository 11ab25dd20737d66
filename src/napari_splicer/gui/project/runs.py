"""The run file in a project: what makes the same again without a window."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_splicer.errors import SplicerError
from napari_splicer.export.replay import files_of, run_file
from napari_splicer.images.masks import MaskedImage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from napari_splicer.gui.project.state import State
    from napari_splicer.images.masks import LabelMask


def run_text(state: State, kept: Mapping[str, Path]) -> str:
    """Return the text of the run file for the image that is chosen.

    Parameters
    ----------
    state : State
    kept : mapping of str to Path
        Masks that lie in the project itself, by name.
    """
    fields = _fields(state, kept)
    table = next((t for t in reversed(state.tables[-1:]) if t is not None), None)
    if table is None:
        return state.config.model_copy(update={"inputs": files_of(fields)}).to_toml()
    from anndata import AnnData

    return run_file(AnnData(uns=dict(table.uns)), fields, state.config)


def _fields(state: State, kept: Mapping[str, Path]) -> tuple[MaskedImage, ...]:
    if state.image is None:
        return ()

    def lying(mask: LabelMask) -> LabelMask:
        place = kept.get(mask.name)
        return mask if place is None else replace(mask, source=str(place))

    sheet = state.image.sheet
    try:
        if sheet is not None:
            return sheet.fields(state.image, state.cells, state.regions)
        field = MaskedImage(
            image=state.image,
            cells=None if state.cells is None else lying(state.cells),
            regions={name: lying(mask) for name, mask in state.regions.items()},
        )
    except SplicerError:  # sizes that do not fit: nothing could be run
        return ()
    return (field,)
