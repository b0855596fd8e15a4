"""Whether probabilities mean what they say: Brier score, expected calibration error, reliability.

Brier: Mon Weather Rev 78 (1950); of two classes the mean squared error of one probability, of more the sum of
squared errors over classes. Calibration error: Guo et al., "On Calibration of Modern Neural Networks", ICML
2017: bins of equal width, and of more than two classes the probability of the class that was called.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmake.metrics.classification.intervals import Statistic
from segmake.metrics.classification.sweep import Flags, ones, ratio
from segmake.metrics.statistics import Floats

WILSON_Z = 1.959964
"""Normal quantile of a 95% interval."""


@dataclass(frozen=True, eq=False)
class Reliability:
    """Bins that hold any row: mean probability, share that is true with its interval, number of rows."""

    probability: Floats
    frequency: Floats
    low: Floats
    high: Floats
    count: npt.NDArray[np.int64]


def brier(truth: Flags, probability: Floats) -> float:
    """Brier score of [rows], or of [rows, classes] as a sum over classes."""
    return float(brier_statistic(truth, probability)(ones(len(truth)))[0])


def brier_statistic(truth: Flags, probability: Floats) -> Statistic:
    """The Brier score of weighted rows."""
    squared = (probability - truth) ** 2
    errors = squared.sum(axis=1) if squared.ndim == 2 else squared

    def score(weights: Floats) -> Floats:
        return ratio(weights @ errors, weights.sum(axis=1))

    return score


def calibration_error(truth: Flags, probability: Floats, bins: int) -> float:
    """Expected calibration error of [rows]."""
    return float(calibration_error_statistic(truth, probability, bins)(ones(len(truth)))[0])


def calibration_error_statistic(truth: Flags, probability: Floats, bins: int) -> Statistic:
    """The expected calibration error of weighted rows: mean |share true - probability| over rows by bin."""
    gaps = np.zeros((len(truth), bins))
    gaps[np.arange(len(truth)), _bin(probability, bins)] = truth - probability

    def error(weights: Floats) -> Floats:
        return ratio(np.abs(weights @ gaps).sum(axis=1), weights.sum(axis=1))

    return error


def called(truth: Flags, probability: Floats) -> tuple[Flags, Floats]:
    """Of [rows, classes]: whether the most probable class is the true one, and its probability."""
    rows, best = np.arange(len(truth)), probability.argmax(axis=1)
    return truth[rows, best], probability[rows, best]


def reliability(truth: Flags, probability: Floats, bins: int) -> Reliability:
    """The reliability diagram of [rows]; intervals by Wilson (J Am Stat Assoc 22, 1927), rows independent."""
    place = _bin(probability, bins)
    count = np.bincount(place, minlength=bins)
    kept = count > 0
    n = count[kept]
    mean = np.bincount(place, probability, bins)[kept] / n
    share = np.bincount(place, truth.astype(np.float64), bins)[kept] / n
    shrink = 1 + WILSON_Z**2 / n
    middle = (share + WILSON_Z**2 / (2 * n)) / shrink
    reach = WILSON_Z / shrink * np.sqrt(share * (1 - share) / n + WILSON_Z**2 / (4 * n**2))
    return Reliability(mean, share, np.maximum(middle - reach, 0), np.minimum(middle + reach, 1), n)


def _bin(probability: Floats, bins: int) -> npt.NDArray[np.int64]:
    place: npt.NDArray[np.int64] = np.minimum((probability * bins).astype(np.int64), bins - 1)
    return place
