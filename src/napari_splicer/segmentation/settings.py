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


USUAL_DIAMETER = 8.0
"""Width of a nucleus in a section of tissue, µm."""


class SegmentationSettings(Settings):
    """How nuclei are found and grown into cells.

    Lengths are in µm, and in pixels where the image does not tell how large its pixels are.
    """

    channels: tuple[str, ...] = Field(
        (), description="channels that stain nuclei, added up; empty: the first found by its name"
    )
    diameter: float | None = Field(
        None, gt=0, description="width of a typical nucleus; unset: 8 µm, if a µm is known"
    )
    expansion: float | None = Field(
        None,
        ge=0,
        description="how far a cell reaches beyond its nucleus; 0: nuclei alone; unset: a quarter "
        "of the diameter",
    )
    sensitivity: float = Field(
        1.0, ge=0.1, le=10, description="above 1 takes dimmer pixels for nuclei, below 1 fewer"
    )

    def lengths(self, *, in_pixels: bool) -> tuple[float, float]:
        """Return diameter and expansion, as they are if unset, too.

        Raises
        ------
        InvalidSettings
            If nobody says how many pixels wide a nucleus is.
        """
        if self.diameter is None and in_pixels:
            raise InvalidSettings(
                "It is not known how many pixels wide a nucleus is.",
                "Give the image's pixel size, or the width of a nucleus in pixels.",
            )
        diameter = USUAL_DIAMETER if self.diameter is None else self.diameter
        return diameter, diameter / 4 if self.expansion is None else self.expansion


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
