"""Areas under ROC curves of classifiers on the same rows: their variances, and a test between two.

DeLong et al., Biometrics 44 (1988), by the ranks of Sun & Xu, IEEE Signal Process Lett 21 (2014). Rows of one
patient are not independent: their parts of the variance are summed first, as Obuchowski, Biometrics 53
(1997), does for clusters; with one row per patient this is DeLong's variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from segmake.metrics.classification.sweep import Flags
from segmake.metrics.statistics import Floats


@dataclass(frozen=True, eq=False)
class Areas:
    """Areas under the curves of several classifiers."""

    values: Floats
    """[classifiers]"""
    covariance: Floats
    """[classifiers, classifiers]"""


@dataclass(frozen=True)
class Difference:
    """Area of one classifier less that of another; interval and p are NaN where nothing varies."""

    value: float
    low: float
    high: float
    z: float
    p: float


def areas(truth: Flags, scores: Floats, patients: Sequence[str]) -> Areas:
    """Areas with their covariance.

    Args:
        truth: [rows]
        scores: [classifiers, rows], larger ones speak for the class.
        patients: the patient of each row.

    Returns:
        NaN without positives or negatives; the covariance also with fewer than two patients of either.
    """
    m, n = int(truth.sum()), int((~truth).sum())
    if not m or not n:
        return Areas(np.full(len(scores), nan), np.full((len(scores), len(scores)), nan))
    ranks = rankdata(scores, axis=1)
    among_positives = rankdata(scores[:, truth], axis=1)
    among_negatives = rankdata(scores[:, ~truth], axis=1)
    above = (ranks[:, truth] - among_positives) / n  # share of negatives below each positive
    below = 1 - (ranks[:, ~truth] - among_negatives) / m  # share of positives above each negative
    values = above.mean(axis=1)
    names, owner = np.unique(np.array(patients), return_inverse=True)
    positive = _by_patient(above - values[:, None], owner[truth], len(names))
    negative = _by_patient(below - values[:, None], owner[~truth], len(names))
    pulls = (positive, len(set(owner[truth])), m), (negative, len(set(owner[~truth])), n)
    if min(count for _, count, _ in pulls) < 2:
        return Areas(values, np.full((len(scores), len(scores)), nan))
    covariance = sum(count / (count - 1) * (part @ part.T) / rows**2 for part, count, rows in pulls)
    cross = len(names) / (len(names) - 1) * (positive @ negative.T) / (m * n)
    return Areas(values, covariance + cross + cross.T)


def difference(found: Areas, first: int, second: int, confidence: float) -> Difference:
    """Two-sided test that two classifiers have the same area."""
    value = float(found.values[first] - found.values[second])
    part = found.covariance
    variance = float(part[first, first] + part[second, second] - 2 * part[first, second])
    if not variance > 0:
        return Difference(value, nan, nan, nan, nan)
    z, reach = value / sqrt(variance), float(ndtri((1 + confidence) / 2)) * sqrt(variance)
    return Difference(value, value - reach, value + reach, z, float(2 * ndtr(-abs(z))))


def _by_patient(parts: Floats, owner: np.ndarray[tuple[int], np.dtype[np.intp]], patients: int) -> Floats:
    """Sum over each patient's rows: [classifiers, patients]."""
    return np.stack([np.bincount(owner, part, patients) for part in parts])
