"""What training again with another seed changes: the floor under any difference between models.

Needs runs of one model that differ by nothing but the seed. A difference between two models that two runs of
one model would show as well says nothing about the models (Bouthillier et al., "Accounting for variance in
machine learning benchmarks", MLSys 2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from segmake.metrics.statistics import Floats

COVERAGE = 1.96
"""Standard deviations that hold 95 % of a normal distribution."""


@dataclass(frozen=True)
class SeedNoise:
    """Spread between runs of one model."""

    mean_sd: float
    """Standard deviation of the mean over patients, from run to run."""
    patient_sd: float
    """Standard deviation of the difference of one patient's value between two runs."""

    @property
    def floor(self) -> float:
        """Difference of two means that 95 % of pairs of runs stay under: 1.96 sqrt(2) sd.

        The repeatability coefficient of Bland & Altman, Stat Methods Med Res 8 (1999).
        """
        return COVERAGE * sqrt(2) * self.mean_sd


def seed_noise(groups: Sequence[Floats]) -> SeedNoise | None:
    """Noise between runs, pooled over models by their degrees of freedom; None without repeated runs.

    Args:
        groups: for each model the values [runs, patients] of its runs on the same patients.
    """
    repeated = [runs for runs in groups if runs.shape[0] > 1 and runs.shape[1]]
    freedom = sum(len(runs) - 1 for runs in repeated)
    if not freedom:
        return None
    of_means = sum(runs.mean(axis=1).var(ddof=1) * (len(runs) - 1) for runs in repeated)
    of_patients = sum(runs.var(axis=0, ddof=1).mean() * (len(runs) - 1) for runs in repeated)
    return SeedNoise(sqrt(of_means / freedom), sqrt(2 * of_patients / freedom))
