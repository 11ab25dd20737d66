"""Names of channels: which are alike, and which only stand in for one."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

CLOSE = 0.8
"""Least similarity (difflib's ratio) of two names that may be the same channel misspelt."""

_NUMBERED = re.compile(r"(channel|chan|ch|c|image|img|layer|plane|page)?[\W_]*\d+([\W_]*\d+)*\W*")
_END = re.compile(r"[\W_]*(\d+)\W*$")


def plain(name: str) -> str:
    """Return a name without case, spaces and punctuation."""
    return re.sub(r"[\W_]+", "", name.casefold())


def likeness(a: str, b: str) -> float:
    """Return how alike two plain names are, 0 to 1; other numbers are other markers (CD3, CD8)."""
    if re.findall(r"\d+", a) != re.findall(r"\d+", b):
        return 0.0
    return difflib.SequenceMatcher(None, a, b).ratio()


def alike(a: str, b: str) -> bool:
    """Return whether two names may be of one channel: spelt alike, or with a word in common.

    Examples
    --------
    >>> alike("Pan-CK", "panCK"), alike("142Nd_CD3", "CD3"), alike("CD3", "CD38")
    (True, True, False)
    """
    shared = _words(a) & _words(b)
    return bool(shared) or likeness(plain(a), plain(b)) >= CLOSE


def _words(name: str) -> set[str]:
    words = re.split(r"[\W_]+", name.casefold())
    return {word for word in words if len(word) > 1 and not word.isdigit()}


def telling(names: Sequence[str]) -> tuple[bool, ...]:
    """Return which names tell what a channel shows: not those that are mere numbers.

    Examples
    --------
    >>> telling(["DAPI", "Channel 2", "CD3"])
    (True, False, True)
    >>> telling(["field", "field [1]", "field [2]"])
    (False, False, False)
    """
    if len(names) > 1 and len({_END.sub("", name) for name in names}) == 1:
        ends = [_END.search(name) for name in names]
        numbers = [int(end[1]) for end in ends if end is not None]
        if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return (False,) * len(names)
    return tuple(_NUMBERED.fullmatch(name.casefold()) is None for name in names)
