"""Cases that stand out from the others: robust z-scores of what was measured of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from segmake.volume.volume import Array

THRESHOLD = 3.5
"""Robust z-score from which a case stands out (Iglewicz & Hoaglin, Detect and Handle Outliers, 1993)."""
LEAST_SPREAD = 0.05
"""Spread on the transformed scale below which cases count as alike: about 5% of the value."""
LEAST_CASES = 5
"""With fewer values there is no saying what is usual."""


@dataclass(frozen=True)
class Measure:
    """Something measured of each case."""

    name: str
    unit: str = ""
    reference: float = 0.0
    """0: positive values, compared by their ratio (log). Else values of any sign, compared linearly up to
    this size and by their ratio beyond (asinh)."""

    def transform(self, values: Array) -> Array:
        """The scale on which values are compared."""
        scaled: Array = np.arcsinh(values / self.reference) if self.reference else np.log(values)
        return scaled

    def usable(self, value: float) -> bool:
        """Whether a value takes part: a label that a case does not have is no small label."""
        return bool(np.isfinite(value)) and (self.reference != 0 or value > 0)


@dataclass(frozen=True)
class Outlier:
    """A value that stands out, and the median of all cases."""

    measure: Measure
    value: float
    usual: float
    score: float
    """Robust z-score, without sign."""

    def __str__(self) -> str:
        unit = f" {self.measure.unit}" if self.measure.unit else ""
        return f"{self.measure.name}: {rounded(self.value)}{unit}, usually {rounded(self.usual)}{unit}"


def rounded(value: float) -> str:
    """Three digits, or all before the point: 0.00123, 12.3, 32767."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.3g}"


def find_outliers(cases: Mapping[str, Mapping[Measure, float]]) -> dict[str, list[Outlier]]:
    """Case -> what stands out in it, the farthest first; only cases in which something does."""
    values: dict[Measure, dict[str, float]] = {}
    for case, measured in cases.items():
        for measure, value in measured.items():
            if measure.usable(value):
                values.setdefault(measure, {})[case] = value
    found: dict[str, list[Outlier]] = {}
    for measure, each in values.items():
        if len(each) < LEAST_CASES:
            continue
        raw = np.array(list(each.values()), dtype=np.float64)
        scores = robust_scores(measure.transform(raw))
        usual = float(np.median(raw))
        for case, value, score in zip(each, raw.tolist(), scores.tolist(), strict=True):
            if score > THRESHOLD:
                found.setdefault(case, []).append(Outlier(measure, value, usual, score))
    return {case: sorted(several, key=lambda outlier: -outlier.score) for case, several in found.items()}


def robust_scores(values: Array) -> Array:
    """Distance of each value from the median over the spread.

    The spread is the larger of two estimates of the standard deviation, from the median absolute deviation
    and from the range between the first and the ninth decile. The second keeps a group of more than a tenth
    of the cases (a site with thicker slices, say) from standing out when the others are all alike.
    """
    distance = np.abs(values - np.median(values))
    low, high = np.quantile(values, (0.1, 0.9))
    scores: Array = distance / max(1.4826 * np.median(distance), (high - low) / 2.5631, LEAST_SPREAD)
    return scores
