"""How well each way to describe a cell tells what is known of a synthetic tissue."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from anndata import AnnData

FEATURES = {
    "SpliCER": ("SpliCER", "representation"),
    "SpliCER, chunk 'granules'": ("SpliCER", "chunk:granules"),
    "SpliCER + mean intensity": ("SpliCER", "combined"),
    "JE": ("JE", "representation"),
    "JE + mean intensity": ("JE", "combined"),
    "mean intensity": ("JE", "intensity"),
}
"""Ways to describe a cell: whose table, and which source in it."""


@dataclass(frozen=True)
class Row:
    """How one way to describe a cell fares.

    Parameters
    ----------
    features : str
        What a cell is described by.
    auroc, balanced_accuracy : float
        Engaged against resting CD8 T cells, by a linear probe cross-validated over spatial blocks;
        0.5 is chance.
    groups : int
        That Leiden finds among all cells.
    ari : float
        Adjusted Rand index of these groups with the known cell types; 0 is chance.
    """

    features: str
    auroc: float
    balanced_accuracy: float
    groups: int
    ari: float


@dataclass(frozen=True)
class DemoReport:
    """What the demonstration found, and where it lies. ``str()`` is a table for a terminal."""

    folder: Path
    contrast: float
    cells: int
    probed: int
    steps: int
    seconds: float
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        return {**asdict(self), "folder": str(self.folder)}

    def __str__(self) -> str:
        """Return a table and where to look next."""
        width = max(len(row.features) for row in self.rows)
        minutes, seconds = divmod(round(self.seconds), 60)
        return "\n".join(
            [
                f"Which of {self.probed} CD8 T cells are engaged (AUROC, balanced accuracy; chance "
                "0.5)?",
                "Do groups follow the cell types (ARI; chance 0)?",
                "",
                f"{'':{width}}  {'AUROC':>6}  {'bal. acc.':>9}  {'groups':>6}  {'ARI':>5}",
                *(
                    f"{row.features:{width}}  {row.auroc:6.2f}  {row.balanced_accuracy:9.2f}"
                    f"  {row.groups:6d}  {row.ari:5.2f}"
                    for row in self.rows
                ),
                "",
                f"{self.cells:,} cells, {self.steps} training steps per model, "
                f"{minutes} min {seconds} s.",
                f"Figures, table, model, report and run file: {self.folder}",
            ]
        )


def add_truth(table: AnnData, types: pd.DataFrame) -> None:
    """Write ``type`` and ``state`` of every cell into ``obs``, joined by id.

    Parameters
    ----------
    table : AnnData
        Of one synthetic tissue.
    types : DataFrame
        ``id``, ``type``, ``state``, as :class:`napari_splicer.samples.Tissue` has them.
    """
    from napari_splicer.analysis.palette import group_colours

    known = types.set_index("id").loc[table.obs["instance_id"]]
    for column in ("type", "state"):
        table.obs[column] = known[column].to_numpy()
        table.obs[column] = table.obs[column].astype("category")
        count = len(table.obs[column].cat.categories)
        table.uns[f"{column}_colors"] = list(group_colours(count))


def assess(name: str, table: AnnData, source: str) -> Row:
    """Ask one way to describe cells for the subtle state and for the cell types.

    Parameters
    ----------
    name : str
        For the row.
    table : AnnData
        With the truth.
    source : str
        As :func:`napari_splicer.analysis.features.features` takes it.
    """
    from sklearn.metrics import adjusted_rand_score

    from napari_splicer.analysis.clustering import cluster_cells
    from napari_splicer.analysis.features import features
    from napari_splicer.analysis.probe import probe, spatial_blocks
    from napari_splicer.config import ClusteringSettings

    probed = (table.obs["state"] != "").to_numpy()
    blocks = spatial_blocks(table.obsm["spatial"], side=4)
    found = probe(features(table, source)[probed], table.obs["state"][probed], blocks[probed])
    clustering = cluster_cells(table, ClusteringSettings(source=source))
    return Row(
        features=name,
        auroc=found.auroc,
        balanced_accuracy=found.balanced_accuracy,
        groups=len(clustering.names),
        ari=float(adjusted_rand_score(table.obs["type"], clustering.codes)),
    )
