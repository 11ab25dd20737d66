"""What a person wants the map of the cells to be. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

MapKind = Literal["map", "components", "numbers"]
MAP: MapKind = "map"
COMPONENTS: MapKind = "components"
NUMBERS: MapKind = "numbers"


@dataclass(frozen=True)
class MapChoice:
    """UMAP or principal components of some sources of the table, or two of its numbers.

    Parameters
    ----------
    kind : str, optional
        None: whatever the window shows.
    sources : tuple of str
        Empty: those that are usual for the kind.
    x, y : str
        Numbers along the axes; empty, or not there: the first ones that are.
    """

    kind: MapKind | None = None
    sources: tuple[str, ...] = ()
    x: str = ""
    y: str = ""
