"""A clustering with all that a table holds of it, to be put back, or there under another name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.analysis.clustering import clusterings, note_settings, uncertainty_column
from napari_splicer.analysis.groups import earlier_model, edits_of, note_earlier_model, note_edits
from napari_splicer.analysis.regrouping import Groups
from napari_splicer.analysis.teaching import taught_settings
from napari_splicer.config import ClusteringSettings, TaughtSettings

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Whole:
    """A whole clustering.

    Parameters
    ----------
    settings : ClusteringSettings or TaughtSettings
        How it was made; its name.
    groups : Groups
    edits : tuple of str
        What was changed in it by hand, in words.
    place : int
        Of its column among those of the table: clusterings stand by age.
    uncertainty : float (n,), optional
        Of the types of cells that were taught.
    model : str
        In words, where it was found by the numbers of another model than the table's.
    """

    settings: ClusteringSettings | TaughtSettings
    groups: Groups
    edits: tuple[str, ...] = ()
    place: int = 0
    uncertainty: NDArray[Any] | None = None
    model: str = ""

    @classmethod
    def of(cls, table: AnnData, name: str) -> Whole:
        """Return a clustering of a table.

        Raises
        ------
        InvalidSettings
            If the table has no such clustering.
        """
        groups = Groups.of(table, name)
        made = taught_settings(table, name) or _settings(table, name)
        column = uncertainty_column(name)
        known = isinstance(made, TaughtSettings) and column in table.obs
        return cls(
            made,
            groups,
            edits_of(table, name),
            list(table.obs.columns).index(name),
            np.asarray(table.obs[column]) if known else None,
            earlier_model(table, name),
        )

    @property
    def name(self) -> str:
        """What it is called."""
        return self.settings.name

    @property
    def by_hand(self) -> bool:
        """Whether a person's work is in it: it was edited, or taught by examples."""
        return bool(self.edits) or isinstance(self.settings, TaughtSettings)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.groups.codes.nbytes + (
            0 if self.uncertainty is None else self.uncertainty.nbytes
        )

    def named(self, name: str) -> Whole:
        """Return the same under another name."""
        return replace(self, settings=self.settings.model_copy(update={"name": name}))

    def put(self, table: AnnData) -> None:
        """Write it into a table, at its place, or over the one of its name."""
        if self.name not in table.obs:
            table.obs.insert(min(self.place, table.obs.shape[1]), self.name, 0)
        self.groups.put(table, self.name)
        note_settings(table, self.settings)
        note_edits(table, self.name, self.edits)
        note_earlier_model(table, self.name, self.model)
        if self.uncertainty is not None:
            table.obs[uncertainty_column(self.name)] = self.uncertainty


def take_out(table: AnnData, name: str) -> None:
    """Take a clustering out of a table, with all that is noted of it."""
    if taught_settings(table, name) is not None and uncertainty_column(name) in table.obs:
        del table.obs[uncertainty_column(name)]
    del table.obs[name]
    table.uns.pop(f"{name}_colors", None)
    table.uns["splicer"]["clusterings"].pop(name)
    note_edits(table, name, ())
    note_earlier_model(table, name, "")


def _settings(table: AnnData, name: str) -> ClusteringSettings:
    """Return the settings that a table notes."""
    return ClusteringSettings.model_validate({**clusterings(table).get(name, {}), "name": name})
