"""What a training found out about its model, in numbers: kept in ``bundle.json``, untrusted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

VERSION = 1
WHOLE = "whole"
"""Name under which two views of the whole patch are aligned."""

Number = Annotated[float, Field(allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]


class _Numbers(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Part(_Numbers):
    """What the representation, or one chunk of the embedding, tells of the patches looked at.

    Parameters
    ----------
    name : str
        The component's, or "shared"; of the representation, "whole".
    width : int
        Dimensions.
    rank : float
        RankMe: how many of them are really used.
    r2 : tuple of float or None
        Of every marker, cross-validated; None for one that is the same in all patches.
    """

    name: str
    width: int = Field(ge=1)
    rank: float = Field(ge=0, allow_inf_nan=False)
    r2: tuple[Number | None, ...]


class Alignment(_Numbers):
    """How well what a component shows of a patch is found, by what its chunk tells of the patch.

    Both see the patch in views of their own; what the chunk tells is read out by a cross-validated
    ridge regression, as not every loss asks the two to lie in the same place.

    Parameters
    ----------
    name : str
        The component's, "shared", or "whole".
    own : float
        How often the reading lies nearer to its own patch's component than to another patch's; 0.5
        is chance.
    shuffled : float
        The same, after the staining of the component was exchanged between patches while its
        region stayed: what the region's outline alone tells.
    """

    name: str
    own: Fraction
    shuffled: Fraction


class Diagnostics(_Numbers):
    """Numbers on a fixed sample of the training patches, taken when training ended.

    Parameters
    ----------
    version : int
        Of this schema. What a newer version wrote is not looked at.
    date : str
        When training ended, ISO 8601, UTC.
    steps : int
        That were taken.
    images : tuple of str
        Their names.
    trained, patches : int
        Patches that were trained on, and that were looked at for these numbers.
    markers : tuple of str
        Channels whose mean over the cell (over the patch, on a grid) the parts were asked for.
    representation : Part
    chunks : tuple of Part
        Of the primary embedding, in order.
    similarity, counterparts : tuple of tuple of float or None
        Linear CKA, (chunk, chunk), of the chunks, and of what each is held against (its component,
        seen by its branch); None where one is constant.
    alignments : tuple of Alignment
        One per pair that was trained for.
    """

    version: Literal[1] = 1
    date: str
    steps: int = Field(ge=0)
    images: tuple[str, ...]
    trained: int = Field(ge=0)
    patches: int = Field(ge=0)
    markers: tuple[str, ...]
    representation: Part
    chunks: tuple[Part, ...] = ()
    similarity: tuple[tuple[Fraction | None, ...], ...] = ()
    counterparts: tuple[tuple[Fraction | None, ...], ...] = ()
    alignments: tuple[Alignment, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Diagnostics:
        if any(len(part.r2) != len(self.markers) for part in (self.representation, *self.chunks)):
            raise ValueError("one R² per marker is needed")
        count = len(self.chunks)
        for square in (self.similarity, self.counterparts):
            if [len(row) for row in square] != [count] * count:
                raise ValueError("the similarity is not of these chunks")
        return self


def _known(value: object) -> object:
    """Leave out what a newer version wrote: the model can be used without it."""
    version = value.get("version") if isinstance(value, dict) else None
    return None if isinstance(version, int) and version > VERSION else value


KeptDiagnostics = Annotated[Diagnostics | None, BeforeValidator(_known)]
"""As a bundle keeps them: None in one of an older version."""
