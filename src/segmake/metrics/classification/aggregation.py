"""Many probabilities of one lesion or patient -> one.

mean: all say the same thing and err apart. max: one that is sure is enough. noisy-or: each may be enough by
itself, independently, 1 - prod(1 - p). Of two classes that exclude each other the positive one is aggregated
and the other is what is left; of more, each is, and they are scaled to sum to 1 again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from segmake.classification import Aggregate
from segmake.metrics.classification.sweep import Flags
from segmake.metrics.statistics import Floats

How = Aggregate
Owners = npt.NDArray[np.intp]


def aggregate(probability: Floats, owner: Owners, count: int, how: How) -> Floats:
    """Aggregate classes that do not exclude each other, [rows, classes] -> [count, classes].

    owner: which of `count` things each row belongs to; every one has a row.
    """
    return _FORMS[how](probability, owner, count)


def aggregate_exclusive(probability: Floats, owner: Owners, count: int, how: How, positive: int) -> Floats:
    """Aggregate classes that exclude each other; `positive` is which of two the task is about."""
    if probability.shape[1] != 2:
        found = aggregate(probability, owner, count, how)
        scaled: Floats = found / found.sum(axis=1, keepdims=True)
        return scaled
    result = np.empty((count, 2))
    result[:, positive] = aggregate(probability[:, [positive]], owner, count, how)[:, 0]
    result[:, 1 - positive] = 1 - result[:, positive]
    return result


def any_true(truth: Flags, owner: Owners, count: int) -> Flags:
    """Classes [count, classes] that any row of a thing has."""
    found = np.zeros((count, truth.shape[1]), dtype=np.bool_)
    np.logical_or.at(found, owner, truth)
    return found


def worst(truth: Flags, positive: int) -> Flags:
    """Of classes that exclude each other keep one a row: the positive of two, the last of more."""
    order = np.arange(truth.shape[1])
    if truth.shape[1] == 2:
        order = np.array([1 - positive, positive])
    place = (truth[:, order] * np.arange(1, len(order) + 1)).argmax(axis=1)
    kept = np.zeros_like(truth)
    kept[np.arange(len(truth)), order[place]] = truth.any(axis=1)
    return kept


def _mean(probability: Floats, owner: Owners, count: int) -> Floats:
    sums = np.zeros((count, probability.shape[1]))
    np.add.at(sums, owner, probability)
    return sums / np.bincount(owner, minlength=count)[:, None]


def _max(probability: Floats, owner: Owners, count: int) -> Floats:
    found = np.zeros((count, probability.shape[1]))
    np.maximum.at(found, owner, probability)
    return found


def _noisy_or(probability: Floats, owner: Owners, count: int) -> Floats:
    left = np.ones((count, probability.shape[1]))
    np.multiply.at(left, owner, 1 - probability)
    return 1 - left


_FORMS: dict[str, Callable[[Floats, Owners, int], Floats]] = {
    "mean": _mean,
    "max": _max,
    "noisy-or": _noisy_or,
}
