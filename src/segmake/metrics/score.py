"""All scores of one case: every label and region, every metric, nothing left out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import dist

import numpy as np

from segmake.errors import ConfigError
from segmake.metrics import overlap, surface
from segmake.metrics.counts import Counts, Mask, count, joint_box
from segmake.metrics.lesions import LesionRule, lesion_wise, with_penalty
from segmake.metrics.panoptic import panoptic_quality
from segmake.metrics.policy import POLICY, Status, status_of
from segmake.volume.volume import Array

Formula = Callable[[], float]
Tolerance = float | Mapping[str, float]
"""Surface distance in mm that counts as right: one for all, or one for each label and region."""


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
    tolerance_mm: Tolerance = 1.0,
    rule: LesionRule | None = None,
) -> list[Score]:
    """Score a label map against the truth.

    Args:
        prediction: whole label values [X, Y, Z].
        truth: whole label values [X, Y, Z] on the same grid.
        spacing_mm: voxel size along x, y, z.
        targets: name of a label or region -> the label values that make it up.
        tolerance_mm: surface distance that counts as right in NSD.
        rule: what a lesion is (`metrics.lesions.RULES`); no scores per lesion when absent.

    Returns:
        For each target, in order, `METRICS` and with a rule `LESION_METRICS`. Empty masks follow
        `metrics.policy`.

    Raises:
        GeometryError: the shapes differ.
        ConfigError: a target has no tolerance.
    """
    tolerances = {name: tolerance_of(name, tolerance_mm) for name in targets}
    diagonal_mm = dist((0, 0, 0), [n * mm for n, mm in zip(truth.shape, spacing_mm, strict=True)])
    rule = rule and with_penalty(rule, truth.shape, spacing_mm)
    if prediction.flags.f_contiguous and truth.flags.f_contiguous:  # x fastest, as files have it
        prediction, truth, spacing_mm = prediction.T, truth.T, spacing_mm[::-1]
    box = joint_box(prediction, truth)
    found, true = _narrow(prediction[box]), _narrow(truth[box])
    scores: list[Score] = []
    for name, values in targets.items():
        masks = _mask(found, values), _mask(true, values)
        counts = count(*masks, truth.size)
        status = status_of(counts)
        formulas = _voxel_formulas(counts, spacing_mm)
        if status is Status.OK:
            formulas |= _surface_formulas(*masks, spacing_mm, tolerances[name])
        scores += _scores(name, METRICS, status, formulas, diagonal_mm)
        if rule:
            scores += _lesion_scores(name, masks, spacing_mm, rule, status)
    return scores


METRICS = (
    *("dice", "iou", "precision", "recall"),
    *("nsd", "hd", "hd95", "assd"),
    *("truth_ml", "prediction_ml", "volume_error_ml", "relative_volume_error"),
)
"""What `score_case` reports of a mask, in this order."""
OF_LESIONS = (
    *("lesion_wise_dice", "lesion_wise_hd95", "lesion_f1", "lesion_sensitivity"),
    *("lesion_false_positives", "scored_lesions"),
)
LESION_METRICS = (*OF_LESIONS, "panoptic_quality")
"""What it adds with a rule for lesions."""


def tolerance_of(label: str, tolerance_mm: Tolerance) -> float:
    """Tolerance of a label or region.

    Raises:
        ConfigError: there are tolerances by label, and none for this one.
    """
    if not isinstance(tolerance_mm, Mapping):
        return tolerance_mm
    if label not in tolerance_mm:
        raise ConfigError(
            f"nsd_tolerance_mm has a value for {', '.join(tolerance_mm)} and none for '{label}'; add it, "
            "or give one number for all"
        )
    return tolerance_mm[label]


def label_values(*maps: Array) -> list[int]:
    """Values above 0 that occur in label maps."""
    found: set[int] = set()
    for labels in maps:
        inside = labels[labels > 0]
        found |= set(np.flatnonzero(np.bincount(inside)).tolist())
    return sorted(found)


def _narrow(labels: Array) -> Array:
    """Copy a crop into one block of memory, one byte a voxel where the values allow."""
    small = labels.size == 0 or (labels.min() >= 0 and labels.max() <= np.iinfo(np.uint8).max)
    return np.ascontiguousarray(labels, dtype=np.uint8 if small else labels.dtype)


def _mask(labels: Array, values: Collection[int]) -> Mask:
    """Where a label map has one of some values."""
    mask: Mask = np.zeros(labels.shape, dtype=bool)
    limit = np.iinfo(labels.dtype).max
    for value in values:
        if value <= limit:
            mask |= labels == value
    return mask


def _scores(
    label: str, metrics: Sequence[str], status: Status, formulas: Mapping[str, Formula], diagonal_mm: float
) -> Iterator[Score]:
    """Take the declared value of each metric, or else that of its formula."""
    for metric in metrics:
        declared = POLICY[metric].value(status, diagonal_mm)
        value = formulas[metric]() if declared is None else declared
        yield Score(label, metric, value, POLICY[metric].unit, status)


def _voxel_formulas(counts: Counts, spacing_mm: Sequence[float]) -> dict[str, Formula]:
    return {
        "dice": lambda: overlap.dice(counts),
        "iou": lambda: overlap.iou(counts),
        "precision": lambda: overlap.precision(counts),
        "recall": lambda: overlap.recall(counts),
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
        "hd": lambda: surface.hd_mm(distances),
        "hd95": lambda: surface.hd_mm(distances, 95.0),
        "assd": lambda: surface.assd_mm(distances),
    }


def _lesion_scores(
    label: str, masks: tuple[Mask, Mask], spacing_mm: Sequence[float], rule: LesionRule, status: Status
) -> Iterator[Score]:
    """Score lesions by what became of those that count, panoptic quality by the whole masks."""
    of = lesion_wise(*masks, spacing_mm, rule)
    formulas: dict[str, Formula] = {
        "lesion_wise_dice": lambda: of.lesion_wise_dice,
        "lesion_wise_hd95": lambda: of.lesion_wise_hd95_mm,
        "lesion_f1": lambda: overlap.dice(of.counts),
        "lesion_sensitivity": lambda: overlap.recall(of.counts),
        "lesion_false_positives": lambda: float(of.false_alarms),
        "scored_lesions": lambda: float(of.counts.truth),
    }
    yield from _scores(label, OF_LESIONS, status_of(of.counts), formulas, of.penalty_mm)
    quality: dict[str, Formula] = {"panoptic_quality": lambda: panoptic_quality(*masks)}
    yield from _scores(label, LESION_METRICS[-1:], status, quality, of.penalty_mm)
