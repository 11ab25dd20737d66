"""What a simple classifier can read out of features: the measure of a representation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from napari_splicer.errors import InvalidSettings

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

Classifier = Literal["logistic", "knn"]

_NEIGHBOURS = 20


@dataclass(frozen=True)
class ProbeResult:
    """Scores on cells that the classifier was not fitted to, all between 0 and 1.

    ``auroc`` is the mean over classes of one against the rest; NaN where only one class was seen.
    """

    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    auroc: float


def probe(
    features: NDArray[np.floating[Any]],
    labels: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    classifier: Classifier = "logistic",
    seed: int = 0,
    folds: int = 5,
) -> ProbeResult:
    """Cross-validate a classifier from features to labels.

    Parameters
    ----------
    features : (n, d)
        Finite; standardised within each training fold.
    labels : (n,)
        Any hashable classes.
    groups : (n,), optional
        Cells of the same group (image, spatial block) are never split between fitting and
        testing.
    classifier : {"logistic", "knn"}
        Logistic regression, or the 20 nearest neighbours.
    folds : int
        Fewer where there are fewer groups, or fewer cells of a class.

    Raises
    ------
    InvalidSettings
        If there are fewer than two classes, a class has a single cell, or there is one group.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    x, y = np.asarray(features), np.asarray(labels)
    classes, codes, sizes = np.unique(y, return_inverse=True, return_counts=True)
    if len(classes) < 2 or sizes.min() < 2:
        raise InvalidSettings(
            "A probe needs at least two classes with two cells each; "
            f"there are {len(classes)}, the smallest ('{classes[sizes.argmin()]}') "
            f"with {sizes.min()}.",
            "Leave out the cells of classes that are too small.",
        )
    folds = min(folds, int(sizes.min()))
    if groups is None:
        splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, codes)
    else:
        blocks = np.asarray(groups)
        folds = min(folds, len(np.unique(blocks)))
        if folds < 2:
            raise InvalidSettings(
                "All cells are of one group, so none is left to test on.",
                "Give at least two groups, such as spatial blocks.",
            )
        folding = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        splits = folding.split(x, codes, blocks)
    chances = np.zeros((len(x), len(classes)))
    for train, test in splits:
        chances[test] = _chances(x[train], codes[train], x[test], len(classes), classifier)
    return _scores(codes, chances)


def probe_transfer(
    train_features: NDArray[np.floating[Any]],
    train_labels: ArrayLike,
    test_features: NDArray[np.floating[Any]],
    test_labels: ArrayLike,
    *,
    classifier: Classifier = "logistic",
) -> ProbeResult:
    """Fit on some cells and test on others, e.g. of other images.

    Parameters
    ----------
    train_features, test_features : (n, d), (m, d)
    train_labels, test_labels : (n,), (m,)

    Raises
    ------
    InvalidSettings
        If there are fewer than two classes to fit.
    """
    y, z = np.asarray(train_labels), np.asarray(test_labels)
    if len(np.unique(y)) < 2:
        raise InvalidSettings(
            "All cells to learn from have the same label.", "A probe needs at least two classes."
        )
    classes = np.unique(np.concatenate([y, z]))
    codes, truth = np.searchsorted(classes, y), np.searchsorted(classes, z)
    chances = _chances(
        np.asarray(train_features), codes, np.asarray(test_features), len(classes), classifier
    )
    return _scores(truth, chances)


def spatial_blocks(xy: NDArray[np.floating[Any]], side: int) -> NDArray[np.int64]:
    """Divide cells of one image into ``side`` × ``side`` blocks of about equal size.

    Columns of equally many cells along x, each cut into equally many along y: neighbours share
    their block, so that a probe is not tested on cells next to those that it was fitted to.

    Parameters
    ----------
    xy : (n, 2)

    Returns
    -------
    int64 (n,)
        Block of every cell, 0 … side² - 1.
    """
    blocks = np.empty(len(xy), np.int64)
    for column, cells in enumerate(np.array_split(np.argsort(xy[:, 0], kind="stable"), side)):
        down = cells[np.argsort(xy[cells, 1], kind="stable")]
        for row, block in enumerate(np.array_split(down, side)):
            blocks[block] = column * side + row
    return blocks


def _chances(
    train: NDArray[Any], codes: NDArray[Any], test: NDArray[Any], count: int, kind: Classifier
) -> NDArray[np.float64]:
    """Return the probability of every class for every test cell, (m, count)."""
    chances = np.zeros((len(test), count))
    if len(np.unique(codes)) == 1:
        chances[:, codes[0]] = 1
        return chances
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model: Any
    if kind == "logistic":
        model = LogisticRegression(max_iter=2000)
    else:
        model = KNeighborsClassifier(min(_NEIGHBOURS, len(train)))
    fitted = make_pipeline(StandardScaler(), model).fit(train, codes)
    chances[:, fitted.classes_] = fitted.predict_proba(test)
    return chances


def _scores(truth: NDArray[Any], chances: NDArray[np.float64]) -> ProbeResult:
    from sklearn.metrics import accuracy_score, f1_score, recall_score, roc_auc_score

    found = chances.argmax(axis=1)
    present = np.unique(truth)
    areas = [roc_auc_score(truth == code, chances[:, code]) for code in present if len(present) > 1]
    return ProbeResult(
        accuracy=float(accuracy_score(truth, found)),
        balanced_accuracy=float(
            recall_score(truth, found, labels=present, average="macro", zero_division=0)
        ),
        macro_f1=float(f1_score(truth, found, labels=present, average="macro", zero_division=0)),
        auroc=float(np.mean(areas)) if areas else float("nan"),
    )
