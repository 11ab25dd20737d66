"""MultiplexImage: a lazy (C, Y, X) image with channel names and a pixel size."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from napari_splicer.errors import InvalidPanel, MissingChannels
from napari_splicer.images.axes import arrange, guess_axes
from napari_splicer.images.checks import (
    NAMING,
    check_box,
    check_count,
    checked_pixel_size,
    unique_names,
)
from napari_splicer.images.lazy import as_levels, computed
from napari_splicer.images.planes import Planes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import dask.array as da
    from numpy.typing import NDArray

    from napari_splicer.images.grid import Grid
    from napari_splicer.images.sheet import Sheet

PixelSize: TypeAlias = tuple[float, float]
"""Height and width of a pixel in µm."""

RGB = ("Red", "Green", "Blue")

NO_PIXEL_SIZE = "Its pixel size is unknown, so patches are measured in pixels."
SINGLE_CHANNEL = "It has a single channel: components can only differ in the region they look at."


@dataclass(frozen=True)
class Affine2D:
    """Where an image lies, with the fields that a napari layer has, so they can be copied whole.

    All are in the order (y, x). ``rotate`` is a 2 × 2 matrix, ``shear`` the upper triangle of a
    shear matrix, ``affine`` a 3 × 3 matrix in homogeneous coordinates, applied last; None stands
    for the identity.
    """

    scale: tuple[float, float] = (1.0, 1.0)
    translate: tuple[float, float] = (0.0, 0.0)
    rotate: tuple[tuple[float, float], tuple[float, float]] | None = None
    shear: tuple[float, ...] | None = None
    affine: tuple[tuple[float, float, float], ...] | None = None
    units: tuple[str, str] = ("pixel", "pixel")

    @classmethod
    def from_pixel_size(cls, pixel_size: PixelSize | None) -> Affine2D:
        """Return the transform that shows an image in µm, or in pixels if the size is unknown."""
        if pixel_size is None:
            return cls()
        return cls(scale=pixel_size, units=("micrometer", "micrometer"))


@dataclass(frozen=True, eq=False)
class MultiplexImage:
    """A lazy multichannel image. Nothing is read before :meth:`read`.

    Parameters
    ----------
    name : str
        Of the field of view; a cell is told by this and its label.
    levels : tuple of dask.array.Array
        Resolutions, each (C, Y, X), finest first.
    channels : tuple of str
        Unique names, one per channel.
    pixel_size : (float, float), optional
        µm, (y, x); None if unknown.
    transform : Affine2D
        Of the source layer, or made from the pixel size.
    source : str, optional
        Path; None for arrays.
    is_rgb : bool
        Whether the channels are Red, Green and Blue of a brightfield or colour image.
    remarks : tuple of str
        What is odd about it, in sentences.
    planes : Planes, optional
        The levels as they are stored, where they can be read from there.
    grids : tuple of Grid
        Where the pixels of each level lie, as the file tells; empty where it does not.
    places, whole : tuple of int, MultiplexImage, optional
        Which channels these are of the source, where :meth:`select` left some out; it with those.
    sheet : Sheet, optional
        What it shows, where that is several images side by side.
    """

    name: str
    levels: tuple[da.Array, ...]
    channels: tuple[str, ...]
    pixel_size: PixelSize | None = None
    transform: Affine2D = Affine2D()
    source: str | None = None
    is_rgb: bool = False
    remarks: tuple[str, ...] = ()
    planes: Planes | None = None
    grids: tuple[Grid, ...] = ()
    places: tuple[int, ...] | None = None
    whole: MultiplexImage | None = None
    sheet: Sheet | None = None

    def __post_init__(self) -> None:
        check_count(self.name, len(self.channels), self.levels[0].shape[0])
        if len(set(self.channels)) < len(self.channels):
            raise InvalidPanel(
                f"{self.name} has channels of the same name.", "Give every channel its own name."
            )

    @classmethod
    def from_array(
        cls,
        data: Any,
        channels: Sequence[str | None] | None = None,
        *,
        name: str = "image",
        pixel_size: float | PixelSize | None = None,
        axes: str | None = None,
        rgb: bool | None = None,
        transform: Affine2D | None = None,
    ) -> MultiplexImage:
        """Wrap an array, or a pyramid of them, without reading it.

        Parameters
        ----------
        data : numpy, dask or zarr array, or a sequence of them
            (C, Y, X), (Y, X), or RGB(A) as (Y, X, S).
        channels : sequence of str, optional
            Names; empty ones and duplicates are replaced and told in ``remarks``.
        name : str
        pixel_size : float or (float, float), optional
            µm, (y, x).
        axes : str, optional
            Letters of the axes, e.g. ``"CYX"``; guessed from the shape by default.
        rgb : bool, optional
            Whether the last axis holds colours; guessed from the shape by default.
        transform : Affine2D, optional
            Default: scaled by the pixel size.

        Raises
        ------
        UnsupportedImage
            For volumes, time series, or pixels that are no numbers.
        InvalidPanel
            If there are more or fewer names than channels.
        """
        levels = as_levels(data)
        axes = axes or guess_axes(levels[0].shape, rgb)
        arranged = arrange(levels, axes, name)
        planes, levels = Planes.of(levels, axes), arranged.levels
        if levels[0].dtype == bool:
            levels = tuple(level.astype(np.uint8) for level in levels)
        if channels is None and arranged.is_rgb:
            channels = RGB
        names, naming = unique_names(channels or [None] * levels[0].shape[0])
        size = checked_pixel_size(pixel_size)
        remarks = [*arranged.remarks, *naming]
        if len(names) == 1:
            remarks.append(SINGLE_CHANNEL)
        if size is None:
            remarks.append(NO_PIXEL_SIZE)
        return cls(
            name=name,
            levels=levels,
            channels=names,
            pixel_size=size,
            transform=transform or Affine2D.from_pixel_size(size),
            is_rgb=arranged.is_rgb,
            remarks=tuple(remarks),
            planes=planes,
        )

    @property
    def data(self) -> da.Array:
        """The finest level, (C, Y, X)."""
        return self.levels[0]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return int(self.data.shape[1]), int(self.data.shape[2])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels as stored."""
        dtype: np.dtype[Any] = self.data.dtype
        return dtype

    def index(self, channels: Iterable[str]) -> tuple[int, ...]:
        """Return the positions of ``channels``.

        Raises
        ------
        MissingChannels
            Naming those that this image does not have.
        """
        wanted = list(channels)
        place = {channel: i for i, channel in enumerate(self.channels)}
        missing = [channel for channel in wanted if channel not in place]
        if missing:
            raise MissingChannels(
                f"{self.name} has no channel {', '.join(missing)}.",
                f"Its channels are: {', '.join(self.channels)}.",
            )
        return tuple(place[channel] for channel in wanted)

    def read(
        self,
        y0: int,
        y1: int,
        x0: int,
        x1: int,
        channels: Sequence[str] | None = None,
        *,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Read a box of the finest level; only chunks that it touches are decoded.

        Parameters
        ----------
        y0, y1, x0, x1 : int
            Half-open box in pixels, inside the image.
        channels : sequence of str, optional
            In the order wanted; default all.
        out : ndarray (C, y1 - y0, x1 - x0), optional
            To be filled, in its own type.

        Returns
        -------
        ndarray (C, y1 - y0, x1 - x0)
            ``out``, or else as stored; contiguous, and the caller's own.

        Raises
        ------
        IndexError
            If the box reaches outside the image.
        MissingChannels
            If the image lacks a channel.
        """
        check_box((y0, y1, x0, x1), self.shape, self.name)
        index = range(len(self.channels)) if channels is None else self.index(channels)
        if self.planes is None:
            box = self.data[:, y0:y1, x0:x1]
            return computed(box if channels is None else box[list(index)], out)
        if out is None:
            out = np.empty((len(index), y1 - y0, x1 - x0), self.dtype)
        self.planes.read(y0, y1, x0, x1, index, out)
        return out

    def with_channels(self, names: Sequence[str | None]) -> MultiplexImage:
        """Return this image with other channel names, one per channel, made unique.

        Raises
        ------
        InvalidPanel
            If there are more or fewer names than channels.
        """
        check_count(self.name, len(names), len(self.channels))
        channels, remarks = unique_names(names)
        kept = tuple(remark for remark in self.remarks if not remark.startswith(NAMING))
        return replace(self, channels=channels, remarks=kept + remarks)

    def with_pixel_size(self, pixel_size: float | PixelSize) -> MultiplexImage:
        """Return this image with another pixel size (µm); its transform only if it showed that."""
        size = checked_pixel_size(pixel_size)
        shown = self.transform == Affine2D.from_pixel_size(self.pixel_size)
        return replace(
            self,
            pixel_size=size,
            transform=Affine2D.from_pixel_size(size) if shown else self.transform,
            remarks=tuple(remark for remark in self.remarks if remark != NO_PIXEL_SIZE),
        )

    def select(self, channels: Sequence[str]) -> MultiplexImage:
        """Return this image with only ``channels``, in that order.

        Raises
        ------
        MissingChannels
            If it lacks one of them.
        """
        index = list(self.index(channels))
        levels = tuple(level[index] for level in self.levels)
        planes = self.planes and self.planes.take(index)
        places = tuple(index if self.places is None else (self.places[i] for i in index))
        sheet = self.sheet and self.sheet.take(index)
        image = replace(self, levels=levels, channels=tuple(channels), planes=planes, sheet=sheet)
        return replace(image, is_rgb=False, places=places)
