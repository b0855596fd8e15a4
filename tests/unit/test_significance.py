from itertools import product
from math import isnan

import numpy as np
import pytest
from scipy import stats

from segmake.metrics import significance
from segmake.metrics.significance import cohen_dz, holm, rank_biserial, sign_flip_p, wilcoxon_p


def rng(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def all_patterns(differences):
    """p by going through every pattern of signs with the standard library."""
    observed = abs(sum(differences))
    sums = [
        abs(sum(s * d for s, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    return sum(found >= observed - 1e-12 for found in sums) / len(sums)


def test_three_equal_differences_by_hand():
    """Of 8 patterns only all plus and all minus are as extreme."""
    assert sign_flip_p(np.array([0.1, 0.1, 0.1]), rng(), 1) == 2 / 8
    assert sign_flip_p(np.array([0.3, 0.1]), rng(), 1) == 2 / 4


@pytest.mark.parametrize("seed", range(4))
def test_few_patients_are_exact(seed):
    differences = np.random.default_rng(seed).normal(0.3, 1, 9).round(1)
    assert sign_flip_p(differences, rng(), 1) == all_patterns(differences.tolist())
    found = stats.permutation_test((differences, 0 * differences), diff, permutation_type="samples")
    assert sign_flip_p(differences, rng(), 1) == pytest.approx(found.pvalue)


def diff(first, second):
    return np.mean(first - second)


def test_many_patients_are_sampled_to_the_same_p(monkeypatch):
    differences = np.random.default_rng(3).normal(0.4, 1, 14)
    exact = sign_flip_p(differences, rng(), 1)
    monkeypatch.setattr(significance, "EXACT_UP_TO", 5)
    assert sign_flip_p(differences, rng(), 50_000) == pytest.approx(exact, abs=0.006)


def test_a_sampled_p_is_never_zero_and_counts_the_observed_pattern():
    assert sign_flip_p(np.ones(40), rng(), 999) == 1 / 1000


def test_batches_change_nothing(monkeypatch):
    differences = np.random.default_rng(5).normal(0.1, 1, 30)
    whole = sign_flip_p(differences, rng(2), 1000)
    monkeypatch.setattr(significance, "DRAWS_AT_ONCE", 30 * 64)
    assert sign_flip_p(differences, rng(2), 1000) == whole


def test_under_no_difference_p_is_uniform():
    draws = np.random.default_rng(6).normal(size=(400, 12))
    p = np.array([sign_flip_p(values, rng(), 1) for values in draws])
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert p.mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("values", [[0.0], [0.0] * 5, [0.0] * 30])
def test_no_difference_at_all_is_p_one_and_effect_zero(values):
    values = np.array(values)
    assert (sign_flip_p(values, rng(), 100), wilcoxon_p(values)) == (1, 1)
    assert (cohen_dz(values), rank_biserial(values)) == (0, 0)


def test_one_patient_shows_nothing():
    value = np.array([0.3])
    assert (sign_flip_p(value, rng(), 1), wilcoxon_p(value), rank_biserial(value)) == (1, 1, 1)
    assert isnan(cohen_dz(value))


def test_wilcoxon_by_hand():
    """Ranks 1 to 5 all on one side: 2 of 32 patterns."""
    assert wilcoxon_p(np.array([1.0, 2, 3, 4, 5])) == pytest.approx(2 / 32)


def test_wilcoxon_ranks_the_ties_it_leaves_out():
    tied = np.concatenate([np.zeros(30), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]])
    assert wilcoxon_p(tied) == stats.wilcoxon(tied, zero_method="pratt").pvalue
    assert wilcoxon_p(tied) != stats.wilcoxon(tied, zero_method="wilcox").pvalue


def test_holm_by_hand():
    """Sorted .01 .02 .03 .04 times 4 3 2 1 is .04 .06 .06 .04, and none may fall below the one before."""
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([0.2]) == [0.2]
    assert holm([]) == []


def test_holm_rejects_what_the_step_down_procedure_does():
    p = np.random.default_rng(7).random(20) ** 4
    for alpha in (0.01, 0.05, 0.2):
        rejected = np.zeros(20, bool)
        for place, index in enumerate(np.argsort(p)):
            if p[index] > alpha / (20 - place):
                break
            rejected[index] = True
        np.testing.assert_array_equal(np.array(holm(p.tolist())) <= alpha, rejected)


def test_effect_sizes_by_hand():
    differences = np.array([1.0, 2.0, 3.0, -4.0, 0.0])
    assert cohen_dz(differences) == pytest.approx(0.4 / np.sqrt(7.3))
    # ranks of |d|: 0 -> 1, then 2, 3, 4, 5: in favour 2 + 3 + 4, against 5
    assert rank_biserial(differences) == pytest.approx((9 - 5) / 14)


def test_effects_change_sign_with_the_pair_and_p_does_not():
    values = np.random.default_rng(8).normal(0.2, 1, 13)
    assert cohen_dz(-values) == -cohen_dz(values)
    assert rank_biserial(-values) == -rank_biserial(values)
    assert sign_flip_p(-values, rng(), 1) == sign_flip_p(values, rng(), 1)
    assert wilcoxon_p(-values) == pytest.approx(wilcoxon_p(values))


def test_equal_differences_have_no_d_z():
    assert isnan(cohen_dz(np.array([0.1, 0.1, 0.1])))
