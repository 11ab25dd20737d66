"""Making a cell mask: the run, its settings in full, and where its file goes. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_splicer import pipeline
from napari_splicer.files import file_name
from napari_splicer.gui.commands import Run, run_folder
from napari_splicer.gui.naming import free_name
from napari_splicer.gui.threads import spare_threads
from napari_splicer.segmentation.settings import SegmentationSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from napari_splicer.events import Event
    from napari_splicer.gui.session import Session
    from napari_splicer.images.image import MultiplexImage

_ENDING = ".ome.zarr"
USUAL_IN_PIXELS = 16.0
"""Width of a nucleus in pixels of half a micrometre, where nobody knows how large they are."""


@dataclass(frozen=True, eq=False)
class SegmentRun(Run):
    """A run that makes a mask.

    Attributes
    ----------
    folder : Path
        The OME-Zarr that it writes.
    segmentation : SegmentationSettings
    """

    segmentation: SegmentationSettings = field(default_factory=SegmentationSettings)

    def events(self) -> Iterator[Event]:
        """Run the verb; to be called in the worker."""
        if self.inputs.image is None:
            raise RuntimeError("there is no image to segment")
        return pipeline.segment(
            self.inputs.image,
            self.segmentation,
            path=self.folder,
            threads=spare_threads(),
            cancel=self.cancel,
        )


def segment(session: Session) -> SegmentRun:
    """Prepare making a mask of the session's image, in a file of a name that is still free."""
    inputs = session.snapshot()
    name = "image" if inputs.image is None else inputs.image.name
    path = free_path(run_folder(session).masks, f"{file_name(name)}-cells")
    settings = in_full(session.segmentation, inputs.image)
    return SegmentRun(
        session.next_run(), "segment", inputs, inputs.config, path, segmentation=settings
    )


def free_path(folder: Path, name: str) -> Path:
    """Return where a mask of that name can be written without replacing another one."""
    taken = [path.name.removesuffix(_ENDING) for path in folder.glob(f"*{_ENDING}")]
    return folder / f"{free_name(name, taken)}{_ENDING}"


def in_full(settings: SegmentationSettings, image: MultiplexImage | None) -> SegmentationSettings:
    """Return settings with both lengths, as they are shown: in µm, or in pixels of the image."""
    if settings.diameter is None and image is not None and image.pixel_size is None:
        settings = settings.model_copy(update={"diameter": USUAL_IN_PIXELS})
    diameter, expansion = settings.lengths(in_pixels=False)
    return settings.model_copy(update={"diameter": diameter, "expansion": expansion})
