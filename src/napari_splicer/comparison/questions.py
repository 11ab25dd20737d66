"""What a representation is asked: labels of cells that it was not given, and how it is scored."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_splicer.analysis.annotations import of_images, read_rows, with_numbers
from napari_splicer.analysis.features import features
from napari_splicer.analysis.probe import probe, spatial_blocks
from napari_splicer.analysis.sources import available_sources
from napari_splicer.analysis_settings import TABLE_COLUMNS, is_measured
from napari_splicer.errors import InvalidSettings, UnreadableFile, UnusableChannel

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from anndata import AnnData
    from numpy.typing import NDArray

    from napari_splicer.events import Cancel
    from napari_splicer.images.masks import MaskedImage

BRIGHTEST = 0.95
"""A cell is positive for a withheld marker if its mean intensity is above this quantile."""

_FEWEST = 10  # cells of a class
_BLOCKS = 4  # per side of a single image


@dataclass(frozen=True, eq=False)
class Question:
    """Classes of cells that a probe has to tell apart.

    Attributes
    ----------
    name : str
    rows : bool (n,)
        Cells whose answer is known.
    answers : str (n known,)
    """

    name: str
    rows: NDArray[np.bool_]
    answers: NDArray[np.str_]

    @property
    def digest(self) -> str:
        """Tells whether two questions are of the same cells, and have the same answers."""
        of = hashlib.sha256(self.rows.tobytes())
        of.update("\n".join(self.answers.tolist()).encode())
        return of.hexdigest()


def digests(asked: Sequence[Question]) -> dict[str, str]:
    """Return what tells of each question, by its name, whether another is the same."""
    return {question.name: question.digest for question in asked}


def sources_of(table: AnnData) -> tuple[str, ...]:
    """Return what a model's table is asked by: the whole, beside intensity, and every chunk."""
    return tuple(source for source in available_sources(table) if source != "intensity")


def questions(table: AnnData, inputs: Sequence[str], labels: Path | None = None) -> list[Question]:
    """Return what can be asked about the cells of a table.

    Parameters
    ----------
    table : AnnData (n cells)
    inputs : sequence of str
        Channels that the models see. Every other channel is a question: which cells are bright?
    labels : Path, optional
        CSV or Parquet with ``instance_id`` (or ``id``, ``cell``), ``region`` (or ``image``; where
        there are several images) and a column of classes per question. Left out are cells
        without an answer, and columns with fewer than two classes.

    Raises
    ------
    InvalidSettings
        If there is nothing to ask.
    UnreadableFile
        If the labels can't be read or are of other cells.
    """
    asked = list(_withheld(table, inputs))
    if labels is not None:
        asked += list(_labelled(table, labels))
    if not asked:
        raise _nothing_to_ask()
    return asked


def check_askable(
    fields: Sequence[MaskedImage], inputs: Sequence[str], labels: Path | None = None
) -> None:
    """Refuse what :func:`questions` would, as far as can be told before any cell is measured."""
    if labels is not None:
        _read_labels(labels, [field.image.name for field in fields])
    elif not {name for field in fields for name in field.image.channels}.difference(inputs):
        raise _nothing_to_ask()


def _nothing_to_ask() -> InvalidSettings:
    return InvalidSettings(
        "There is nothing to compare models by: every channel is in a component, and no labels "
        "are given.",
        "Leave a few markers out of all components, or give a table of known cells with --labels.",
    )


def score(
    table: AnnData,
    inputs: Sequence[str],
    source: str,
    asked: Sequence[Question],
    *,
    cancel: Cancel | None = None,
) -> dict[str, dict[str, float]] | None:
    """Answer questions with one kind of features; return the scores by question.

    Logistic regression and the 20 nearest neighbours on standardised features, tested on cells of
    other images, or of other blocks of the image where there is one (at most 5 folds). Cells
    without finite features are not asked.

    Parameters
    ----------
    table : AnnData
    inputs : sequence of str
        Channels that count as mean intensity: those that the models see.
    source : str
        As :func:`napari_splicer.analysis.features.features` takes it.
    asked : sequence of Question
    cancel : Cancel, optional
        Looked at before every question; None is returned once it asks to stop.

    Raises
    ------
    UnusableChannel
        If no two classes of a question are left.
    """
    x = features(table[:, list(inputs)].copy(), source)
    told: NDArray[np.bool_] = np.asarray(np.isfinite(x).all(axis=1))
    groups = _groups(table)
    found = {}
    for question in asked:
        if cancel is not None and cancel.requested:
            return None
        rows, answers = question.rows & told, question.answers[told[question.rows]]
        if len(np.unique(answers)) < 2:
            raise UnusableChannel(
                f"Too few of the cells that {question.name} is asked about hold finite values.",
                "Leave out images, or channels, that hold none.",
            )
        known = x[rows], answers, groups[rows]
        result, near = probe(*known), probe(*known, classifier="knn")
        found[question.name] = {
            "auroc": result.auroc,
            "macro_f1": result.macro_f1,
            "balanced_accuracy": result.balanced_accuracy,
            "accuracy": result.accuracy,
            "knn_accuracy": near.accuracy,
        }
    return found


def _withheld(table: AnnData, inputs: Sequence[str]) -> Iterator[Question]:
    for channel in table.var_names:
        if channel in inputs:
            continue
        mean_N = np.asarray(table[:, channel].X, np.float64).ravel()
        known = np.isfinite(mean_N)
        bright = mean_N[known] > np.quantile(mean_N[known], BRIGHTEST) if known.any() else known[:0]
        if min(bright.sum(), (~bright).sum()) >= _FEWEST:
            answers = np.where(bright, f"{channel}+", f"{channel}-")
            yield Question(f"{channel}+", known, answers)


def _labelled(table: AnnData, path: Path) -> Iterator[Question]:
    known = _read_labels(path, [str(name) for name in table.obs["region"].unique()])
    keys = [name for name in ("region", "instance_id") if name in known.columns]
    cells = table.obs[keys].astype({key: known[key].dtype for key in keys})
    joined, found = cells.merge(known, on=keys, how="left", validate="one_to_one"), False
    for name in known.columns.difference(keys, sort=False):
        answers = joined[name].astype("string")
        counts = answers.value_counts()
        rows = answers.isin(counts.index[counts >= _FEWEST]).to_numpy()
        if answers[rows].nunique() >= 2:
            found = True
            yield Question(str(name), rows, answers[rows].to_numpy(str))
    if not found:
        matched = joined[known.columns.difference(keys)].notna().any(axis=1).sum()
        raise UnreadableFile(
            f"{path} tells of {matched:,} of the {len(joined):,} cells of these images, and in no "
            f"column two classes of at least {_FEWEST} of them.",
            "Check instance_id (and region), which must be those of the table of cells, and that a "
            "column has several classes.",
        )


def _read_labels(path: Path, images: Sequence[str]) -> Any:
    known = with_numbers(path, _without_numbers(read_rows(path)))
    known, _ = of_images(path, known, images)
    keys = [name for name in ("region", "instance_id") if name in known.columns]
    if known.duplicated(keys).any():
        raise UnreadableFile(f"{path} tells of a cell twice.", "Leave one row per cell.")
    return known


def _without_numbers(known: Any) -> Any:
    """Return labels alone: what an exported table measured is no class."""
    measured = [
        name
        for name in known.columns.difference(["instance_id", "region"])
        if name in TABLE_COLUMNS or is_measured(name)
    ]
    return known.drop(columns=measured)


def _groups(table: AnnData) -> NDArray[Any]:
    """Return the image of every cell, or its block where there is one image."""
    regions = np.asarray(table.obs["region"].astype(str))
    if len(np.unique(regions)) > 1:
        return regions
    return spatial_blocks(np.asarray(table.obsm["spatial"]), _BLOCKS)
