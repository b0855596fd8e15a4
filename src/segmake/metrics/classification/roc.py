"""Receiver operating characteristic: sensitivity against false positive rate, and the area under it.

The area is the probability that a positive scores above a negative, ties counting half (Hanley & McNeil,
Radiology 143, 1982): the trapezoids below the curve. It needs rows of both kinds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmake.metrics.classification.intervals import Statistic
from segmake.metrics.classification.sweep import Flags, Sweep, ones, ratio
from segmake.metrics.statistics import Floats


@dataclass(frozen=True, eq=False)
class Roc:
    """A point for each threshold, the highest first; the first is (0, 0) above all scores."""

    false_positive_rate: Floats
    sensitivity: Floats
    thresholds: Floats

    def corners(self) -> Roc:
        """The same curve without the points that lie on a straight line between their neighbours."""
        x, y = self.false_positive_rate, self.sensitivity
        bends = np.diff(x[1:]) * np.diff(y[:-1]) != np.diff(x[:-1]) * np.diff(y[1:])
        kept = np.concatenate([[True], bends, [True]])[: len(x)]
        return Roc(x[kept], y[kept], self.thresholds[kept])


def roc_curve(truth: Flags, scores: Floats) -> Roc:
    """Trace the curve; without positives (negatives) sensitivities (rates) are NaN.

    truth, scores: [rows], larger scores speak for the class.
    """
    sweep = Sweep.of(truth, scores)
    found, false = (counts[0] for counts in sweep.counts(ones(len(truth))))
    positives = float(truth.sum())
    return Roc(
        np.append(0.0, ratio(false, np.array(len(truth) - positives))),
        np.append(0.0, ratio(found, np.array(positives))),
        np.append(np.inf, sweep.thresholds),
    )


def auroc(truth: Flags, scores: Floats) -> float:
    """Area under the curve; NaN unless there are positives and negatives."""
    return float(auroc_statistic(truth, scores)(ones(len(truth)))[0])


def auroc_statistic(truth: Flags, scores: Floats) -> Statistic:
    """The area under the curve of weighted rows."""
    sweep = Sweep.of(truth, scores)

    def area(weights: Floats) -> Floats:
        found, false = sweep.counts(weights)
        steps = np.diff(false, axis=1, prepend=0)
        heights = found - np.diff(found, axis=1, prepend=0) / 2
        return ratio((steps * heights).sum(axis=1), found[:, -1] * false[:, -1])

    return area
