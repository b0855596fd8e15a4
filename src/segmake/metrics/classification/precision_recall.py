"""Precision against recall, and average precision.

Average precision is the sum of precisions weighed by the recall that each threshold adds; straight lines
between the points would promise too much (Davis & Goadrich, ICML 2006). A classifier that knows nothing
reaches the share of positives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmake.metrics.classification.intervals import Statistic
from segmake.metrics.classification.sweep import Flags, Sweep, ones, ratio
from segmake.metrics.statistics import Floats


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """A point for each threshold, the highest first."""

    recall: Floats
    precision: Floats
    thresholds: Floats


def precision_recall_curve(truth: Flags, scores: Floats) -> PrecisionRecall:
    """Trace the curve; without positives recalls are NaN. truth, scores: [rows]."""
    sweep = Sweep.of(truth, scores)
    found, false = (counts[0] for counts in sweep.counts(ones(len(truth))))
    recall = ratio(found, np.array(float(truth.sum())))
    return PrecisionRecall(recall, found / (found + false), sweep.thresholds)


def average_precision(truth: Flags, scores: Floats) -> float:
    """Average precision; NaN without positives."""
    return float(average_precision_statistic(truth, scores)(ones(len(truth)))[0])


def average_precision_statistic(truth: Flags, scores: Floats) -> Statistic:
    """The average precision of weighted rows."""
    sweep = Sweep.of(truth, scores)

    def average(weights: Floats) -> Floats:
        found, false = sweep.counts(weights)
        precision = found / np.maximum(found + false, 1e-300)  # 0 where nothing weighs anything yet
        gains = np.diff(found, axis=1, prepend=0)
        return ratio((gains * precision).sum(axis=1), found[:, -1])

    return average
