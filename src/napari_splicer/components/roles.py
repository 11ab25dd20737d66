"""What a channel is for, told by its name: a stain of nuclei, background, or else a marker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_splicer.segmentation.nuclear import counterstains, in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

# AF 488 is the dye of a marker, AF 1 what shines without one.
_BACKGROUND = re.compile(
    r"\b(back ?ground|bckg|bkgd?)\b|\b(blank|empty|unstained)\b"
    r"|\bauto ?fluo(rescence)?\b|\baf( \d{1,2})?$"
)


def backgrounds(channels: Sequence[str]) -> tuple[str, ...]:
    """Return the channels that by their names hold no marker; none where no other would be left.

    Examples
    --------
    >>> backgrounds(["CD3", "Background", "AF1", "AF488", "Blank_2", "190BCKG"])
    ('Background', 'AF1', 'Blank_2', '190BCKG')
    """
    found = tuple(name for name in channels if _BACKGROUND.search(in_words(name)))
    return () if len(found) == len(channels) else found


def nuclear_stains(channels: Sequence[str]) -> tuple[str, ...]:
    """Return the channels that show where nuclei are, as DNA does; none where no other is left.

    Examples
    --------
    >>> nuclear_stains(["DAPI", "CD3", "HH3", "H3K27Ac", "DNA-PK"])
    ('DAPI', 'HH3')
    """
    found = counterstains(channels)
    return () if len(found) == len(channels) else found
