"""Is one model better than another on the same patients: paired tests, correction, effect sizes.

All functions take one difference per patient (cases of a patient averaged first, see `metrics.statistics`).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata, wilcoxon

from segmake.metrics.statistics import DRAWS_AT_ONCE, Floats

EXACT_UP_TO = 15
"""Patients up to which all sign patterns (2^15) are gone through instead of a random part of them."""
ROUNDING = 1e-12
"""Sums that differ by less, relative to the sum of magnitudes, are equal."""


def sign_flip_p(differences: Floats, rng: np.random.Generator, permutations: int) -> float:
    """Two-sided p of the paired permutation test: each difference may as well have had the other sign.

    Statistic: the mean difference. Exact up to `EXACT_UP_TO` patients; beyond that a random part of all
    patterns, the observed one counted among them, so that p is never 0 (Phipson & Smyth, "Permutation
    P-values should never be zero", Stat Appl Genet Mol Biol 9, 2010).
    """
    n = differences.size
    size = np.abs(differences).sum()
    bound = abs(differences.sum()) - ROUNDING * size
    if n <= EXACT_UP_TO:
        flips = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
        return _as_extreme(differences, flips, bound) / len(flips)
    found = 0
    batch = max(1, DRAWS_AT_ONCE // n)
    for start in range(0, permutations, batch):
        shape = (min(batch, permutations - start), n)
        found += _as_extreme(differences, rng.integers(2, size=shape, dtype=np.uint8), bound)
    return (found + 1) / (permutations + 1)


def _as_extreme(differences: Floats, flips: npt.NDArray[np.integer], bound: float) -> int:
    """How many patterns of flips (1: the other sign) [patterns, patients] reach the bound."""
    sums = differences.sum() - 2 * (flips @ differences)
    return int(np.count_nonzero(np.abs(sums) >= bound))


def wilcoxon_p(differences: Floats) -> float:
    """Two-sided p of the Wilcoxon signed-rank test; 1 when there is no difference at all.

    Differences of zero are ranked and then left out (Pratt 1959): many ties are evidence of no difference,
    which dropping them first would hide.
    """
    if not differences.any():
        return 1.0
    return float(wilcoxon(differences, zero_method="pratt").pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values of a family of tests, in the order given (Holm, Scand J Stat 6, 1979)."""
    adjusted = [nan] * len(p_values)
    largest = 0.0
    for place, index in enumerate(sorted(range(len(p_values)), key=lambda index: p_values[index])):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def cohen_dz(differences: Floats) -> float:
    """Mean difference in standard deviations of the differences (Cohen 1988, d_z for pairs).

    0 without any difference; NaN where all differences are equal, or there are fewer than two.
    """
    if not differences.any():
        return 0.0
    if differences.size < 2 or np.ptp(differences) <= ROUNDING * np.abs(differences).max():
        return nan
    return float(differences.mean() / differences.std(ddof=1))


def rank_biserial(differences: Floats) -> float:
    """Share of the rank sum in favour minus share against, from -1 to 1 (Kerby, Compr Psychol 3, 2014).

    Ranks are those of `wilcoxon_p`; 0 when there is no difference at all.
    """
    ranks = rankdata(np.abs(differences))
    favour, against = ranks[differences > 0].sum(), ranks[differences < 0].sum()
    return float((favour - against) / (favour + against)) if favour + against else 0.0
