"""Losses to choose from, by name and without loading any: torch comes with the first training."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN: Mapping[str, str] = {
    "vicreg": "VICReg",
    "simclr": "SimCLR",
    "barlow": "Barlow Twins",
    "mmcr": "MMCR",
    "ssl-ey": "SSL-EY",
    "simsiam": "SimSiam",
    "byol": "BYOL",
    "dino": "DINO",
    "lejepa": "LeJEPA",
}
GROUP = "napari_splicer.losses"


def offered_losses() -> dict[str, str]:
    """Return this package's losses and those that other packages bring: name -> title."""
    brought = {
        point.name: f"{point.name} (from {point.dist.name})" if point.dist else point.name
        for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)
    }
    return {**OWN, **{name: title for name, title in brought.items() if name not in OWN}}
