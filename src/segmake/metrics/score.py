"""All scores of one case: every label and region, every metric, nothing left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import dist

import numpy as np

from segmake.metrics import overlap, surface
from segmake.metrics.counts import Counts, Mask, count, joint_box
from segmake.metrics.policy import POLICY, Status, status_of
from segmake.volume.volume import Array

Formula = Callable[[], float]


@dataclass(frozen=True)
class Score:
    """One value: which structure, which metric, and what happened there."""

    label: str
    metric: str
    value: float
    unit: str
    status: Status


def score_case(
    prediction: Array,
    truth: Array,
    spacing_mm: Sequence[float],
    targets: Mapping[str, Collection[int]],
    tolerance_mm: float,
) -> list[Score]:
    """Score a label map against the truth.

    Args:
        prediction: integer label values [X, Y, Z].
        truth: integer label values [X, Y, Z] on the same grid.
        spacing_mm: voxel size along x, y, z.
        targets: name of a label or region -> the label values that make it up.
        tolerance_mm: surface distance that counts as right in NSD.

    Returns:
        For each target, in order: dice, iou, nsd, hd95, truth_ml, prediction_ml, volume_error_ml,
        relative_volume_error. Empty masks follow `metrics.policy`.

    Raises:
        GeometryError: the shapes differ.
    """
    diagonal_mm = dist((0, 0, 0), [n * mm for n, mm in zip(truth.shape, spacing_mm, strict=True)])
    box = joint_box(prediction, truth)
    found, true = prediction[box], truth[box]
    scores = []
    for name, values in targets.items():
        mask_found, mask_true = _mask(found, values), _mask(true, values)
        counts = count(mask_found, mask_true, truth.size)
        status = status_of(counts)
        formulas = _overlap_formulas(counts, spacing_mm)
        if status is Status.OK:
            formulas |= _surface_formulas(mask_found, mask_true, spacing_mm, tolerance_mm)
        for metric in METRICS:
            declared = POLICY[metric].value(status, diagonal_mm)
            value = formulas[metric]() if declared is None else declared
            scores.append(Score(name, metric, value, POLICY[metric].unit, status))
    return scores


METRICS = (
    "dice",
    "iou",
    "nsd",
    "hd95",
    "truth_ml",
    "prediction_ml",
    "volume_error_ml",
    "relative_volume_error",
)
"""What `score_case` reports, in this order."""


def _mask(labels: Array, values: Collection[int]) -> Mask:
    """Where a label map has one of some values."""
    mask: Mask = np.zeros(labels.shape, dtype=bool)
    for value in values:
        mask |= labels == value
    return mask


def _overlap_formulas(counts: Counts, spacing_mm: Sequence[float]) -> dict[str, Formula]:
    return {
        "dice": lambda: overlap.dice(counts),
        "iou": lambda: overlap.iou(counts),
        "truth_ml": lambda: overlap.volume_ml(counts.truth, spacing_mm),
        "prediction_ml": lambda: overlap.volume_ml(counts.prediction, spacing_mm),
        "volume_error_ml": lambda: overlap.volume_error_ml(counts, spacing_mm),
        "relative_volume_error": lambda: overlap.relative_volume_error(counts),
    }


def _surface_formulas(
    found: Mask, true: Mask, spacing_mm: Sequence[float], tolerance_mm: float
) -> dict[str, Formula]:
    distances = surface.surface_distances(found, true, spacing_mm)
    return {
        "nsd": lambda: surface.nsd(distances, tolerance_mm),
        "hd95": lambda: surface.hd_mm(distances, 95.0),
    }
