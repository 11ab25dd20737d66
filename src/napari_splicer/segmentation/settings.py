"""What a person decides about a mask that is made from nuclei."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from napari_splicer.errors import InvalidSettings
from napari_splicer.mistakes import mistakes
from napari_splicer.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

BETTER = (
    "Programs made for this, such as Cellpose, StarDist and Mesmer, find cells better, above all "
    "where they lie close together."
)
"""What everyone should know who makes a mask here."""


class SegmentationSettings(Settings):
    """How nuclei are found and grown into cells.

    Lengths are in µm, and in pixels where the image does not tell how large its pixels are.
    """

    channels: tuple[str, ...] = Field(
        (), description="channels that stain nuclei, added up; empty: the first found by its name"
    )
    diameter: float = Field(8.0, gt=0, description="width of a typical nucleus, µm")
    expansion: float = Field(
        2.0, ge=0, description="how far a cell reaches beyond its nucleus, µm; 0: nuclei alone"
    )
    sensitivity: float = Field(
        1.0, ge=0.1, le=10, description="above 1 takes dimmer pixels for nuclei, below 1 fewer"
    )


def checked(values: Mapping[str, Any]) -> SegmentationSettings:
    """Return settings with ``values``.

    Raises
    ------
    InvalidSettings
        Naming what does not fit.

    Examples
    --------
    >>> checked({"diameter": 10}).diameter
    10.0
    """
    try:
        return SegmentationSettings.model_validate(values)
    except ValidationError as error:
        raise InvalidSettings(
            f"A mask can't be made like this: {mistakes(error)}.", "Correct that and try again."
        ) from error
