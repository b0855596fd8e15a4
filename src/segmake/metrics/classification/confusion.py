"""Decisions against the truth: counts first, ratios after.

A ratio 0/0 is NaN: there is no precision where nothing was called positive. Matthews' coefficient is 0 where
all decisions are equal and NaN where all truths are (Chicco & Jurman, BMC Genomics 21, 2020).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from segmake.metrics.classification.intervals import Statistic
from segmake.metrics.classification.sweep import ones, ratio
from segmake.metrics.statistics import Floats

Classes = npt.NDArray[np.int64]


def confusion_matrix(truth: Classes, decided: Classes, count: int) -> Floats:
    """How many rows of each class (first axis) were called each class (second): [classes, classes]."""
    matrix: Floats = matrices(truth, decided, count)(ones(len(truth)))[0]
    return matrix


def matrices(truth: Classes, decided: Classes, count: int) -> Callable[[Floats], Floats]:
    """The confusion matrix [draws, classes, classes] of weighted rows."""
    cells = np.zeros((len(truth), count * count))
    cells[np.arange(len(truth)), truth * count + decided] = 1

    def counted(weights: Floats) -> Floats:
        return (weights @ cells).reshape(-1, count, count)

    return counted


def accuracy(matrix: Floats) -> Floats:
    """Share of right decisions, of matrices [draws, classes, classes]."""
    return ratio(np.trace(matrix, axis1=1, axis2=2), matrix.sum(axis=(1, 2)))


def balanced_accuracy(matrix: Floats) -> Floats:
    """Mean recall over the classes; NaN where one of them has no row."""
    recalls = ratio(np.diagonal(matrix, axis1=1, axis2=2), matrix.sum(axis=2))
    means: Floats = recalls.mean(axis=1)
    return means


def matthews(matrix: Floats) -> Floats:
    """Correlation of truth and decision, -1 to 1 (Gorodkin, Comput Biol Chem 28, 2004)."""
    truth, decided = matrix.sum(axis=2), matrix.sum(axis=1)
    total = truth.sum(axis=1)
    shared = np.trace(matrix, axis1=1, axis2=2) * total - (truth * decided).sum(axis=1)
    of_truth = total**2 - (truth**2).sum(axis=1)
    of_decided = total**2 - (decided**2).sum(axis=1)
    constant = (of_decided <= 0) & (of_truth > 0)
    return np.where(constant, 0.0, ratio(shared, np.sqrt(of_truth * of_decided)))


def precision(matrix: Floats, index: int) -> Floats:
    """Share of the rows called this class that are of it."""
    return ratio(matrix[:, index, index], matrix[:, :, index].sum(axis=1))


def recall(matrix: Floats, index: int) -> Floats:
    """Share of the rows of this class that are called it (sensitivity)."""
    return ratio(matrix[:, index, index], matrix[:, index].sum(axis=1))


def specificity(matrix: Floats, index: int) -> Floats:
    """Share of the rows of other classes that are not called this one."""
    others = matrix.sum(axis=(1, 2)) - matrix[:, index].sum(axis=1)
    false = matrix[:, :, index].sum(axis=1) - matrix[:, index, index]
    return ratio(others - false, others)


def f1(matrix: Floats, index: int) -> Floats:
    """Harmonic mean of precision and recall; NaN where the class neither occurs nor is called."""
    both = matrix[:, index].sum(axis=1) + matrix[:, :, index].sum(axis=1)
    return ratio(2 * matrix[:, index, index], both)


OVERALL = {"accuracy": accuracy, "balanced_accuracy": balanced_accuracy, "mcc": matthews}
ONE_CLASS = {"precision": precision, "sensitivity": recall, "specificity": specificity, "f1": f1}


def decision_statistics(
    truth: Classes, decided: Classes, count: int, index: int | None = None
) -> dict[str, Statistic]:
    """Ratios over all classes; or of one class against the others, by its index."""
    counted = matrices(truth, decided, count)
    if index is None:
        return {name: _chained(counted, form) for name, form in OVERALL.items()}
    return {name: _of_class(counted, form, index) for name, form in ONE_CLASS.items()}


def _chained(counted: Callable[[Floats], Floats], form: Callable[[Floats], Floats]) -> Statistic:
    return lambda weights: form(counted(weights))


def _of_class(counted: Callable[[Floats], Floats], form: Callable[..., Floats], index: int) -> Statistic:
    return lambda weights: form(counted(weights), index)
