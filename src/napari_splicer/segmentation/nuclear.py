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


def nuclear_channel(channels: Sequence[str]) -> str | None:
    """Return the channel that stains nuclei, None if no name tells.

    Examples
    --------
    >>> nuclear_channel(["CD3", "HH3", "Ki67"]), nuclear_channel(["191Ir_DNA1", "193Ir_DNA2"])
    ('HH3', '191Ir_DNA1')
    >>> nuclear_channel(["DNA-PK", "DNase", "CD8"]) is None
    True
    """
    words = {name: " ".join(re.findall(r"[a-z]+|\d+", name.casefold())) for name in channels}
    found = (name for kind in _NAMES for name in channels if re.search(kind, words[name]))
    return next(found, None)


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
