"""What an embedding that was stopped had described: the next one of the same cells goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_splicer.gui.snapshot import Snapshot

_SAME = ("patches", "normalization", "seed", "device", "precision", "threads")


@dataclass(frozen=True, eq=False)
class Stopped:
    """Kept until an embedding ends well, or another one is stopped.

    Parameters
    ----------
    inputs : Snapshot
        What it was made from.
    table : AnnData
        The cells that were described.
    """

    inputs: Snapshot
    table: AnnData

    def is_of(self, now: Snapshot) -> bool:
        """Whether the same cells would be described in the same way."""
        then = self.inputs
        same = all(
            getattr(then, name) is getattr(now, name) for name in ("image", "units", "bundle")
        )
        same &= then.regions.keys() == now.regions.keys()
        same &= all(getattr(then.settings, name) == getattr(now.settings, name) for name in _SAME)
        return same and all(mask is now.regions[name] for name, mask in then.regions.items())

    def words(self, now: Snapshot) -> str:
        """Say how many are described already."""
        done, count = self.table.n_obs, now.count
        of_all = "" if count is None else f" of {count:,}"
        return f"{done:,}{of_all} cells are described already: embedding goes on from there."
