"""Free-response ROC of LUNA16: sensitivity against false positives per scan, over all thresholds.

Marks of one score pass a threshold together. Points are joined by straight lines, the first to (0, 0);
beyond the last, sensitivity stays. The score of the challenge (CPM, competition performance metric) is the
mean sensitivity at 1/8, 1/4, 1/2, 1, 2, 4 and 8 false positives per scan. Intervals come from whole scans
drawn with replacement, 1,000 times: percentiles, as the challenge has them.

Source: luna16.grand-challenge.org/Evaluation; CPM: Niemeijer et al., IEEE Trans Med Imaging 30 (2011);
intervals: Efron & Tibshirani, "An Introduction to the Bootstrap" (1993).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmake.metrics.candidates import MISSED, Matches
from segmake.metrics.statistics import Floats

FP_PER_SCAN = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Operating points of the challenge."""
ROUNDING = 1e-9

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Curve:
    """A point for each threshold, the highest first; the first is (0, 0) above all scores."""

    thresholds: Floats
    fp_per_scan: Floats
    sensitivity: Floats

    def at(self, fp_per_scan: Sequence[float]) -> Floats:
        """Sensitivity at some numbers of false positives per scan."""
        found: Floats = np.interp(fp_per_scan, self.fp_per_scan, self.sensitivity)
        return found


@dataclass(frozen=True, eq=False)
class Froc:
    """The curve, and what the challenge reads off it. Sensitivities are NaN when there is no nodule."""

    curve: Curve
    sensitivities: Floats
    """At `FP_PER_SCAN`."""
    intervals: list[Interval]
    """Of each sensitivity."""
    cpm: float
    cpm_interval: Interval


@dataclass(frozen=True, eq=False)
class Pool:
    """The scored nodules and false positives of all scans in falling order of score."""

    nodules: npt.NDArray[np.int64]
    """[scans] Number of nodules, missed ones too."""
    scores: Floats
    """[entries]"""
    owners: npt.NDArray[np.intp]
    """[entries] Scan of each."""
    is_nodule: npt.NDArray[np.bool_]
    """[entries]"""
    ends: npt.NDArray[np.intp]
    """Last entry of each run of equal scores."""

    @classmethod
    def of(cls, scans: Sequence[Matches]) -> Pool:
        """Pool the scans."""
        counts = np.array([len(scan.nodules) for scan in scans])
        scores = np.concatenate([part for scan in scans for part in (scan.nodules, scan.false_positives)])
        sizes = np.array([(len(scan.nodules), len(scan.false_positives)) for scan in scans]).ravel()
        kinds = np.repeat(np.arange(sizes.size), sizes)
        order = np.argsort(-scores, kind="stable")[: np.count_nonzero(scores != MISSED)]
        scores, kinds = scores[order], kinds[order]
        ends = np.flatnonzero(np.diff(scores, append=MISSED))
        return cls(counts, scores, kinds // 2, kinds % 2 == 0, ends)

    def down_to(self, fp_per_scan: float) -> Pool:
        """Leave out the entries below the threshold that gives this many false positives per scan."""
        false = np.cumsum(~self.is_nodule)[self.ends]
        ends = self.ends[: np.searchsorted(false, fp_per_scan * len(self.nodules)) + 1]
        stop = ends[-1] + 1 if ends.size else 0
        return Pool(self.nodules, self.scores[:stop], self.owners[:stop], self.is_nodule[:stop], ends)

    def curve(self, weights: npt.NDArray[np.int64]) -> Curve:
        """Trace the curve when each scan counts as often as its weight says."""
        each = weights[self.owners]
        found = np.cumsum(np.where(self.is_nodule, each, 0))[self.ends]
        false = np.cumsum(np.where(self.is_nodule, 0, each))[self.ends]
        nodules = int(weights @ self.nodules)
        sensitivity = found / nodules if nodules else np.full(len(found), np.nan)
        start = 0.0 if nodules else np.nan
        return Curve(
            np.concatenate([[np.inf], self.scores[self.ends]]),
            np.concatenate([[0.0], false / weights.sum()]),
            np.concatenate([[start], sensitivity]),
        )


def score_detections(
    scans: Sequence[Matches], rng: np.random.Generator, resamples: int = 1000, confidence: float = 0.95
) -> Froc:
    """Evaluate a detector.

    Args:
        scans: what became of each scan's nodules and marks; scans without either count as well.
        rng: source of the resamples.
        resamples: number of bootstrap samples of scans; those without a nodule have no sensitivity and are
            left out of the intervals.
        confidence: coverage of the intervals.
    """
    pool = Pool.of(scans)
    upper = pool.down_to(2 * FP_PER_SCAN[-1])  # what is below changes no sensitivity, and is nearly all
    curve = pool.curve(np.ones(len(scans), dtype=np.int64))
    points = curve.at(FP_PER_SCAN)
    drawn = np.empty((resamples, len(FP_PER_SCAN)))
    for number in range(resamples):
        weights = np.bincount(rng.integers(len(scans), size=len(scans)), minlength=len(scans))
        part = upper.curve(weights)
        reached = part.fp_per_scan[-1] > FP_PER_SCAN[-1]
        drawn[number] = (part if reached else pool.curve(weights)).at(FP_PER_SCAN)
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    intervals = [_interval(drawn[:, point], confidence) for point in range(len(FP_PER_SCAN))]
    return Froc(curve, points, intervals, float(points.mean()), _interval(drawn.mean(axis=1), confidence))


def _interval(values: Floats, confidence: float) -> Interval:
    """Percentiles by the challenge's rule: order statistics, nothing in between."""
    n = len(values)
    if not n:
        return np.nan, np.nan
    ordered = np.sort(values)
    tail = (1 - confidence) / 2
    low, high = (int(share * n + ROUNDING) for share in (tail, 1 - tail))
    return float(ordered[low]), float(ordered[min(high, n - 1)])
