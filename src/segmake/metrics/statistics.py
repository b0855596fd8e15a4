"""Statistics over patients: location, spread, and how sure one can be of the mean.

Cases of one patient are not independent. Their values are averaged first, and everything here is over
patients, so that a patient with many scans neither weighs more nor narrows the interval.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]

DRAWS_AT_ONCE = 2_000_000
"""Bounds the memory of the bootstrap (patients x resamples held at a time)."""
FEWEST = 10
"""Patients below which no claim is made: neither an interval nor a test can be relied on."""


@dataclass(frozen=True)
class Bootstrap:
    """How intervals and p-values are made."""

    seed: int = 0
    resamples: int = 2000
    confidence: float = 0.95
    permutations: int = 10_000

    def rng(self, *purpose: str) -> np.random.Generator:
        """Return the random source of one row: other rows and their order change nothing."""
        words = "/".join(purpose).encode()
        return np.random.Generator(np.random.Philox(np.random.SeedSequence([self.seed, *words])))


@dataclass(frozen=True)
class Summary:
    """Patients, and the statistics of their values; a statistic that needs more patients is NaN."""

    patients: int
    mean: float
    median: float
    sd: float
    ci_low: float
    ci_high: float


def summarize(
    values: Sequence[float],
    patients: Sequence[Hashable],
    rng: np.random.Generator,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Summary:
    """Mean, median, sample standard deviation and the BCa interval of the mean, over patients.

    Args:
        values: one finite value per case.
        patients: the patient of each case.
        rng: source of the resamples.
        resamples: number of bootstrap resamples.
        confidence: coverage of the interval.

    Returns:
        All NaN without cases; sd and interval NaN with a single patient.
    """
    means = patient_means(values, patients)
    if not means.size:
        return Summary(0, nan, nan, nan, nan, nan)
    low, high = bca_interval(means, rng, resamples, confidence)
    sd = float(means.std(ddof=1)) if means.size > 1 else nan
    return Summary(means.size, float(means.mean()), float(np.median(means)), sd, low, high)


def patient_means(values: Sequence[float], patients: Sequence[Hashable]) -> Floats:
    """Mean value of each patient, ordered by patient so that the order of the cases changes nothing."""
    by_patient: dict[Hashable, list[float]] = {}
    for value, patient in zip(values, patients, strict=True):
        by_patient.setdefault(patient, []).append(float(value))
    return np.array([np.mean(sorted(by_patient[p])) for p in sorted(by_patient, key=str)], dtype=np.float64)


def bca_interval(
    values: Floats, rng: np.random.Generator, resamples: int, confidence: float
) -> tuple[float, float]:
    """Bias-corrected and accelerated bootstrap interval of the mean of independent values.

    Source: Efron, "Better bootstrap confidence intervals", JASA 82 (1987). One value has no interval (NaN);
    equal values have one of no width.
    """
    n = values.size
    if n < 2:
        return nan, nan
    mean = float(values.mean())
    if np.ptp(values) == 0:
        return mean, mean
    means = _resampled_means(values, rng, resamples)
    return bca_bounds(means, mean, values - mean, confidence)


def bca_bounds(drawn: Floats, value: float, apart: Floats, confidence: float) -> tuple[float, float]:
    """The interval itself.

    Args:
        drawn: the statistic of each resample.
        value: the statistic of the data.
        apart: how far each independent unit pulls it up, in any scale: for a mean the value less the mean, in
            general the mean of the jackknife's values less the one without that unit.
        confidence: coverage.
    """
    # ties with the value count half, which keeps the interval of symmetric discrete data symmetric
    below = (np.count_nonzero(drawn < value) + np.count_nonzero(drawn <= value)) / (2 * drawn.size)
    bias = float(ndtri(np.clip(below, 0.5 / drawn.size, 1 - 0.5 / drawn.size)))
    squares = float((apart**2).sum())
    acceleration = float((apart**3).sum() / (6 * squares**1.5)) if squares else 0.0
    z = bias + ndtri(np.array([(1 - confidence) / 2, (1 + confidence) / 2]))
    low, high = np.quantile(drawn, ndtr(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


def _resampled_means(values: Floats, rng: np.random.Generator, resamples: int) -> Floats:
    batch = max(1, DRAWS_AT_ONCE // values.size)
    sizes = [min(batch, resamples - start) for start in range(0, resamples, batch)]
    return np.concatenate(
        [values[rng.integers(values.size, size=(size, values.size))].mean(axis=1) for size in sizes]
    )
