"""Each metric of two masks by itself, for use from Python.

Every function takes a prediction and a truth, boolean arrays [X, Y, Z] on one grid, and returns a number
whatever is in them: empty masks are worth what `metrics.policy` declares. All raise GeometryError when the
shapes differ. Several distances of the same masks come from one `surface.surface_distances`, or `score_case`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import dist, inf

from segmake.metrics import overlap, panoptic, surface
from segmake.metrics.counts import Counts, Mask, count
from segmake.metrics.policy import POLICY, status_of
from segmake.metrics.surface import SurfaceDistances, surface_distances


def dice(prediction: Mask, truth: Mask) -> float:
    """Twice the overlap over the sum of both sizes (Dice 1945), 0 to 1."""
    return _of_counts("dice", prediction, truth, overlap.dice)


def iou(prediction: Mask, truth: Mask) -> float:
    """Intersection over union (Jaccard 1912), 0 to 1."""
    return _of_counts("iou", prediction, truth, overlap.iou)


def precision(prediction: Mask, truth: Mask) -> float:
    """Part of the prediction that is right (positive predictive value), 0 to 1."""
    return _of_counts("precision", prediction, truth, overlap.precision)


def recall(prediction: Mask, truth: Mask) -> float:
    """Part of the truth that is found (sensitivity), 0 to 1."""
    return _of_counts("recall", prediction, truth, overlap.recall)


def relative_volume_error(prediction: Mask, truth: Mask) -> float:
    """(prediction - truth) / truth, in volume (Taha and Hanbury 2015): -1 when all was missed."""
    return _of_counts("relative_volume_error", prediction, truth, overlap.relative_volume_error)


def hd(prediction: Mask, truth: Mask, spacing_mm: Sequence[float]) -> float:
    """Hausdorff distance in mm: the farthest that either surface is from the other."""
    return _of_surfaces("hd", prediction, truth, spacing_mm, surface.hd_mm)


def hd95(prediction: Mask, truth: Mask, spacing_mm: Sequence[float]) -> float:
    """Larger of both 95th percentiles of surface distance, by area, in mm (Nikolov et al. 2021)."""
    return _of_surfaces("hd95", prediction, truth, spacing_mm, lambda found: surface.hd_mm(found, 95.0))


def assd(prediction: Mask, truth: Mask, spacing_mm: Sequence[float]) -> float:
    """Average symmetric surface distance in mm, over the area of both surfaces (Heimann et al. 2009)."""
    return _of_surfaces("assd", prediction, truth, spacing_mm, surface.assd_mm)


def nsd(prediction: Mask, truth: Mask, spacing_mm: Sequence[float], tolerance_mm: float = 1.0) -> float:
    """Normalised surface Dice: share of both surfaces within a tolerance (Nikolov et al. 2021), 0 to 1."""
    return _of_surfaces("nsd", prediction, truth, spacing_mm, lambda found: surface.nsd(found, tolerance_mm))


def panoptic_quality(prediction: Mask, truth: Mask) -> float:
    """Sum of IoU over matched parts / (TP + FP / 2 + FN / 2) (Kirillov et al. 2019), 0 to 1."""
    return _of_counts(
        "panoptic_quality", prediction, truth, lambda _: panoptic.panoptic_quality(prediction, truth)
    )


def _of_counts(
    metric: str, prediction: Mask, truth: Mask, formula: Callable[[Counts], float], diagonal_mm: float = inf
) -> float:
    """Value that the policy declares for empty masks, or else that of the formula."""
    counts = count(prediction, truth)
    declared = POLICY[metric].value(status_of(counts), diagonal_mm)
    return formula(counts) if declared is None else declared


def _of_surfaces(
    metric: str,
    prediction: Mask,
    truth: Mask,
    spacing_mm: Sequence[float],
    formula: Callable[[SurfaceDistances], float],
) -> float:
    diagonal_mm = dist((0, 0, 0), [n * mm for n, mm in zip(truth.shape, spacing_mm, strict=True)])
    return _of_counts(
        metric,
        prediction,
        truth,
        lambda _: formula(surface_distances(prediction, truth, spacing_mm)),
        diagonal_mm,
    )
