"""Sentences about cells, said of tiles; how many there are of a thing; names cut or wrapped."""

from __future__ import annotations

import re

_LONGEST = 20  # letters without a place where a line may end
_PARTS = re.compile(rf"(?<=.)[_./\\-]+(?=.)|[^\s_./\\-]{{{_LONGEST}}}(?=[^\s_./\\-])")
_BREAK = "\N{ZERO WIDTH SPACE}"
_CELL = re.compile(r"\b([Cc])ell(s?)\b(?! mask)")


def of_tiles(sentence: str) -> str:
    """Return a sentence about cells in words about tiles; a cell mask stays one.

    Examples
    --------
    >>> of_tiles("Embed the cells: alike cells come to lie together. Open the cell mask.")
    'Embed the tiles: alike tiles come to lie together. Open the cell mask.'
    """
    return _CELL.sub(lambda found: f"{'T' if found[1] == 'C' else 't'}ile{found[2]}", sentence)


def count(number: int, thing: str) -> str:
    """Return how many there are of a thing.

    Examples
    --------
    >>> count(1, "channel"), count(1200, "cell")
    ('1 channel', '1,200 cells')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def shortened(name: str, letters: int) -> str:
    """Return a name without its middle, where it is longer than so many letters.

    Examples
    --------
    >>> shortened("Point2314_pt2002_20703", 16), shortened("core 7", 16)
    ('Point2314_…20703', 'core 7')
    """
    end = letters // 3
    return name if len(name) <= letters else f"{name[: letters - end - 1]}…{name[-end:]}"


def breakable(name: str) -> str:
    r"""Return the name of a file or folder with places, which nobody sees, where a line may end.

    Examples
    --------
    >>> breakable("cells_of_slide-7.csv").replace("\u200b", "|")
    'cells_|of_|slide-|7.|csv'
    """
    return _PARTS.sub(lambda found: found[0] + _BREAK, name)
