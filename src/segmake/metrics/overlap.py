"""Ratios and volumes of counts.

A ratio without a denominator is NaN here: what it is worth is said in one place, `metrics.policy`.

Sources: Dice, "Measures of the amount of ecologic association between species", Ecology 26 (1945); Jaccard
(1912) for the intersection over union; Taha and Hanbury, "Metrics for evaluating 3D medical image
segmentation", BMC Medical Imaging 15 (2015), for all of them in this notation.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan, prod

from segmake.metrics.counts import Counts

MM3_PER_ML = 1000.0


def dice(counts: Counts) -> float:
    """2 TP / (2 TP + FP + FN): twice the overlap over the sum of both sizes; also the voxel-wise F1."""
    return _ratio(2 * counts.tp, 2 * counts.tp + counts.fp + counts.fn)


def iou(counts: Counts) -> float:
    """TP / (TP + FP + FN): intersection over union (Jaccard)."""
    return _ratio(counts.tp, counts.tp + counts.fp + counts.fn)


def precision(counts: Counts) -> float:
    """TP / (TP + FP): the part of the prediction that is right (positive predictive value)."""
    return _ratio(counts.tp, counts.prediction)


def recall(counts: Counts) -> float:
    """TP / (TP + FN): the part of the truth that is found (sensitivity)."""
    return _ratio(counts.tp, counts.truth)


def volume_ml(voxels: int, spacing_mm: Sequence[float]) -> float:
    """Volume of that many voxels."""
    return voxels * prod(spacing_mm) / MM3_PER_ML


def volume_error_ml(counts: Counts, spacing_mm: Sequence[float]) -> float:
    """Predicted minus true volume: positive when too much was segmented."""
    return volume_ml(counts.prediction - counts.truth, spacing_mm)


def relative_volume_error(counts: Counts) -> float:
    """(prediction - truth) / truth, in volume: -1 when all was missed, 1 when twice as much was found."""
    return _ratio(counts.prediction - counts.truth, counts.truth)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else nan
