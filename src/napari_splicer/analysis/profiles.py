"""What groups look like: clusters × markers, counts, spread, and the markers that stand out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from napari_splicer.analysis.features import bent, scaled_intensities
from napari_splicer.analysis.groups import groups_of
from napari_splicer.errors import MissingChannels
from napari_splicer.shares import finish

if TYPE_CHECKING:
    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.shares import Shares

_AT_ONCE = 4  # markers
_STANDS_OUT = 0.5  # standard deviations


@dataclass(frozen=True, eq=False)
class Profiles:
    """Groups × markers, and groups × images.

    Parameters
    ----------
    scores : DataFrame (groups, markers)
        Mean z-score (arcsinh scale) over the cells of a group: how far the group lies from the
        mean of all cells. NaN where a group has no value.
    medians : DataFrame (groups, markers)
        Median mean intensity, raw units.
    counts : DataFrame (groups, images)
        Cells.
    """

    scores: pd.DataFrame
    medians: pd.DataFrame
    counts: pd.DataFrame

    def ordered(self) -> Profiles:
        """Return the same with similar groups, and similar markers, side by side.

        By average-linkage hierarchical clustering of the z-scores, leaves in optimal order
        (Bar-Joseph, Gifford, Jaakkola 2001).
        """
        groups, markers = similar_order(self.scores), similar_order(self.scores.T)
        return Profiles(
            self.scores.iloc[groups, markers],
            self.medians.iloc[groups, markers],
            self.counts.iloc[groups],
        )


def profile(table: AnnData, clustering: str) -> Profiles:
    """Summarise every group of a clustering.

    Parameters
    ----------
    table : AnnData
    clustering : str
        A categorical column of ``obs``.

    Raises
    ------
    InvalidSettings
        If the table has no such clustering.
    """
    return finish(profiling(table, clustering))


def profiling(table: AnnData, clustering: str) -> Shares[Profiles]:
    """Do what :func:`profile` does, and yield how much is done: a few markers at a time."""
    column, raw_NC = groups_of(table, clustering), np.asarray(table.X)
    scaled_NC = scaled_intensities(table)
    scores, medians = [], []
    for start in range(0, max(table.n_vars, 1), _AT_ONCE):
        markers = slice(start, start + _AT_ONCE)
        named: dict[str, Any] = {"index": table.obs_names, "columns": table.var_names[markers]}
        scaled = pd.DataFrame(scaled_NC[:, markers], **named)
        sd = scaled.std(ddof=0)
        scaled = (scaled - scaled.mean()) / sd.where(sd > 0, 1.0)
        scores.append(scaled.groupby(column, observed=False).mean())
        raw = pd.DataFrame(raw_NC[:, markers], **named)
        medians.append(raw.groupby(column, observed=False).median())
        yield min((start + _AT_ONCE) / max(table.n_vars, 1), 1.0)
    return Profiles(
        pd.concat(scores, axis=1),
        pd.concat(medians, axis=1),
        composition(column, table.obs["region"].astype("category")),
    )


def composition(groups: pd.Series[Any], parts: pd.Series[Any]) -> pd.DataFrame:
    """Count the cells of every group in every part of them; those without either are left out.

    Parameters
    ----------
    groups, parts : categorical Series (n,)
        Parts are images, or the categories of an annotation.

    Returns
    -------
    DataFrame of int (groups, parts)
    """
    rows, columns = groups.cat.categories, parts.cat.categories
    row, column = (np.asarray(each.cat.codes, np.int64) for each in (groups, parts))
    known = (row >= 0) & (column >= 0)
    places = row[known] * len(columns) + column[known]
    counts = np.bincount(places, minlength=len(rows) * len(columns))
    return pd.DataFrame(counts.reshape(len(rows), len(columns)), index=rows, columns=columns)


def similar_order(scores: pd.DataFrame) -> list[int]:
    """Return the positions of the rows, similar ones side by side."""
    from scipy.cluster.hierarchy import leaves_list, linkage

    if len(scores) < 3:
        return list(range(len(scores)))
    filled = scores.fillna(0).to_numpy(np.float64)
    tree = linkage(filled, method="average", optimal_ordering=True)
    return [int(leaf) for leaf in leaves_list(tree)]


def top_markers(profiles: Profiles, count: int = 3) -> dict[str, str]:
    """Say in a few words what stands out in each group.

    Returns
    -------
    dict of str to str
        By group, e.g. ``"high CD3, CD8; low panCK"``, strongest first, among markers at least half
        a standard deviation from the mean of all cells; ``"close to the average"`` without any.
    """
    return {str(group): _in_words(row.dropna(), count) for group, row in profiles.scores.iterrows()}


def _in_words(scores: pd.Series, count: int) -> str:
    strongest = scores[scores.abs() >= _STANDS_OUT].sort_values(key=abs, ascending=False)[:count]
    high = ", ".join(map(str, strongest.index[strongest > 0]))
    low = ", ".join(map(str, strongest.index[strongest < 0]))
    parts = [f"{word} {names}" for word, names in (("high", high), ("low", low)) if names]
    return "; ".join(parts) or "close to the average"


@dataclass(frozen=True, eq=False)
class Histograms:
    """How a marker is spread in every group.

    Parameters
    ----------
    edges : float (bins + 1,)
        On the arcsinh scale of :func:`napari_splicer.analysis.features.scaled_intensities`.
    counts : DataFrame of int (groups, bins)
        Cells; those without a value or a group are left out.
    """

    edges: NDArray[np.float64]
    counts: pd.DataFrame


def histograms(table: AnnData, clustering: str, marker: str, *, bins: int = 64) -> Histograms:
    """Count the cells of every group by the mean intensity of one marker.

    The bins span all but the highest thousandth of the cells, which fall into the last bin.

    Raises
    ------
    InvalidSettings
        If the table has no such clustering.
    MissingChannels
        If it has no such marker.
    """
    groups = groups_of(table, clustering)
    if marker not in table.var_names:
        raise MissingChannels(
            f"The table has no marker {marker}.",
            f"Its markers are: {', '.join(map(str, table.var_names))}.",
        )
    values = bent(np.asarray(table[:, [marker]].X, np.float32))[:, 0]
    codes = np.asarray(groups.cat.codes, np.int64)
    known = np.isfinite(values) & (codes >= 0)
    values, codes = values[known], codes[known]
    low, high = np.quantile(values, [0, 0.999]) if len(values) else (0.0, 1.0)
    edges = np.linspace(low, max(high, low + 1e-6), bins + 1)
    place = np.digitize(values, edges[1:-1])
    names = groups.cat.categories.astype(str)
    counts = np.bincount(codes * bins + place, minlength=len(names) * bins)
    return Histograms(edges, pd.DataFrame(counts.reshape(len(names), bins), index=names))
