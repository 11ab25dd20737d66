"""Which channel stains nuclei, told by its name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_splicer.errors import MissingChannels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_splicer.images.image import MultiplexImage

# In the order of trust: stains of DNA, then of histones, of which some cells have more.
_NAMES = (
    r"\b(ds ?)?dna\b(?! pk)",
    r"\bdapi\b",
    r"\bhoechst\b",
    r"\b(draq|syto|sytox)\b",
    r"\b(ir 19[13]|19[13] ir)\b",
    r"\bhh 3\b|^h 3$|\bhistone\b",
    r"\bnuc(lei|leus|lear)?\b",
    r"^h 3 k\b",
)
_MARK = r"\b(k|p|phospho|phosphorylated)\b"


def nuclear_channel(channels: Sequence[str]) -> str | None:
    """Return the channel that stains nuclei, None if no name tells.

    Examples
    --------
    >>> nuclear_channel(["CD3", "HH3", "Ki67"]), nuclear_channel(["191Ir_DNA1", "193Ir_DNA2"])
    ('HH3', '191Ir_DNA1')
    >>> nuclear_channel(["DNA-PK", "DNase", "CD8"]) is None
    True
    """
    words = {name: in_words(name) for name in channels}
    found = (name for kind in _NAMES for name in channels if re.search(kind, words[name]))
    return next(found, None)


def counterstains(channels: Sequence[str]) -> tuple[str, ...]:
    """Return all channels that stain nuclei, whatever a cell does; a mark on histones tells of it.

    Examples
    --------
    >>> counterstains(["191Ir_DNA1", "193Ir_DNA2", "pHH3", "phospho Histone H3", "H3K27me3"])
    ('191Ir_DNA1', '193Ir_DNA2')
    """
    return tuple(
        name
        for name in channels
        if any(re.search(kind, in_words(name)) for kind in _NAMES)
        and not re.search(_MARK, in_words(name))
    )


def in_words(name: str) -> str:
    """Return a channel's name in small letters, with spaces between words and numbers.

    Examples
    --------
    >>> in_words("191Ir_DNA1")
    '191 ir dna 1'
    """
    return " ".join(re.findall(r"[a-z]+|\d+", name.casefold()))


def chosen_channels(image: MultiplexImage, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return ``wanted``, or else the nuclear channel of ``image``.

    Raises
    ------
    MissingChannels
        If the image lacks one of them, or no name tells which one stains nuclei.
    """
    if wanted:
        image.index(wanted)
        return tuple(wanted)
    guess = nuclear_channel(image.channels)
    if guess is None:
        raise MissingChannels(
            f"No channel of {image.name} is named like a stain of nuclei.",
            f"Say which one is: {', '.join(image.channels)}.",
        )
    return (guess,)
