"""Which files a field of view lies in, so that another process can open the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_splicer.errors import InvalidSettings, UnreadableFile
from napari_splicer.images.masks import MaskedImage
from napari_splicer.images.ome_zarr import MARKERS, is_zarr
from napari_splicer.images.open import open_image, open_mask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_splicer.images.image import MultiplexImage, PixelSize
    from napari_splicer.images.masks import LabelMask

_HERE = "Save it as OME-TIFF or OME-Zarr and open that, or embed it without a scheduler."


@dataclass(frozen=True)
class MaskOnDisk:
    """A mask by its file.

    Parameters
    ----------
    name : str
    path : str
        Absolute.
    state : tuple of int
        See :func:`_state`.
    """

    name: str
    path: str
    state: tuple[int, ...]


@dataclass(frozen=True)
class FieldOnDisk:
    """A field of view by its files: small, hashable, and the same for every process.

    Parameters
    ----------
    name : str
    path : str
        Absolute.
    order : tuple of int
        Which of the file's channels are the image's, in its order.
    channels : tuple of str
        Their names.
    pixel_size : (float, float), optional
        µm, (y, x).
    shape : (int, int)
        Height and width in pixels.
    cells : MaskOnDisk, optional
    regions : tuple of MaskOnDisk
    state : tuple of int
        See :func:`_state`.
    """

    name: str
    path: str
    order: tuple[int, ...]
    channels: tuple[str, ...]
    pixel_size: PixelSize | None
    shape: tuple[int, int]
    cells: MaskOnDisk | None
    regions: tuple[MaskOnDisk, ...]
    state: tuple[int, ...]

    @classmethod
    def of(cls, field: MaskedImage) -> FieldOnDisk:
        """Return the files of ``field``.

        Raises
        ------
        InvalidSettings
            If the image or a mask lies in memory alone, or it can't be told which of its file's
            channels it has.
        """
        image = field.image
        path = _path(image.source, f"The image {image.name}")
        return cls(
            name=image.name,
            path=path,
            order=_order(image),
            channels=image.channels,
            pixel_size=image.pixel_size,
            shape=image.shape,
            cells=None if field.cells is None else _mask(field.cells, field.name),
            regions=tuple(
                replace(_mask(mask, field.name), name=name) for name, mask in field.regions.items()
            ),
            state=_state(Path(path)),
        )

    @property
    def paths(self) -> Iterator[str]:
        """All its files and folders."""
        yield self.path
        for mask in (self.cells, *self.regions):
            if mask is not None:
                yield mask.path

    def open(self) -> MaskedImage:
        """Open it, lazily.

        Raises
        ------
        SplicerError
            As :func:`napari_splicer.images.open.open_input`; UnreadableFile also if another image
            lies there.
        """
        image = open_image(self.path, name=self.name)
        if image.shape != self.shape or len(image.channels) <= max(self.order):
            raise UnreadableFile(
                f"{self.path} holds another image than it did when this was begun.",
                "Give every computer the same files under the same path.",
            )
        image = image.select([image.channels[i] for i in self.order])
        return MaskedImage(
            image=replace(image, channels=self.channels, pixel_size=self.pixel_size),
            cells=None if self.cells is None else open_mask(self.cells.path, name=self.cells.name),
            regions={mask.name: open_mask(mask.path, name=mask.name) for mask in self.regions},
        )


def _mask(mask: LabelMask, field: str) -> MaskOnDisk:
    path = _path(mask.source, f"The mask {mask.name} of {field}")
    return MaskOnDisk(mask.name, path, _state(Path(path)))


def _path(source: str | None, what: str) -> str:
    if source is None:
        raise InvalidSettings(f"{what} lies in no file, so other processes can't read it.", _HERE)
    return str(Path(source).absolute())


def _state(path: Path) -> tuple[int, ...]:
    """Return size and time of change of a file, of a folder those of the files that lie in it.

    What was written anew under the same name differs from what a worker has opened of it. Of a
    zarr, whose pieces may be many, the files that say what it holds.
    """
    files = [path]
    if path.is_dir():
        files = [path / marker for marker in MARKERS] if is_zarr(path) else sorted(path.iterdir())
    states = [file.stat() for file in files if file.is_file()]
    return tuple(number for state in states for number in (state.st_size, state.st_mtime_ns))


def _order(image: MultiplexImage) -> tuple[int, ...]:
    """Return which of its file's channels an image has: as it reads them, else by their names."""
    if image.planes is not None:
        return image.planes.order
    if image.places is not None:
        return image.places
    names = open_image(image.source).channels
    if len(names) == len(image.channels):
        return tuple(range(len(names)))
    if all(name in names for name in image.channels):
        return tuple(names.index(name) for name in image.channels)
    raise InvalidSettings(
        f"{image.name} has channels of {image.source} under other names, and not all of them.",
        "Save it as one OME-TIFF or OME-Zarr with these names, or embed it without a scheduler.",
    )
