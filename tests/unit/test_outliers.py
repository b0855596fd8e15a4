import math

import numpy as np
import pytest

from segmake.figures.outliers import LEAST_CASES, THRESHOLD, Measure, find_outliers, robust_scores

SPACING = Measure("spacing along z", "mm")
BRIGHT = Measure("median of ct", reference=1000.0)


def of(measure, values):
    return {f"case{i}": {measure: value} for i, value in enumerate(values)}


def test_the_score_is_the_distance_over_the_larger_spread():
    by_deviation = np.array([1.0, 1, *[0, 2] * 20, 99])  # median 1, deviation 1, deciles 0 and 2
    assert robust_scores(by_deviation)[-1] == pytest.approx(98 / 1.4826)
    by_deciles = np.array([1.0, 2, 3, 4, 9])  # deciles 1.4 and 7
    assert robust_scores(by_deciles) == pytest.approx(np.array([2, 1, 0, 1, 6]) * 2.5631 / 5.6)


def test_scores_of_normal_values_are_in_standard_deviations():
    values = np.random.default_rng(0).normal(7, 3, 20_000)
    assert robust_scores(values) == pytest.approx(np.abs(values - 7) / 3, rel=0.03, abs=0.03)


@pytest.mark.parametrize(("group", "stands_out"), [(1, True), (3, True), (6, False), (15, False)])
def test_a_group_of_more_than_a_tenth_is_no_outlier(group, stands_out):
    found = find_outliers(of(SPACING, [1.0] * (40 - group) + [5.0] * group))
    assert len(found) == (group if stands_out else 0)


def test_one_thick_scan_among_equal_ones_is_named_with_what_is_usual():
    found = find_outliers(of(SPACING, [1.0] * 19 + [5.0]))
    assert list(found) == ["case19"]
    (outlier,) = found["case19"]
    assert str(outlier) == "spacing along z: 5 mm, usually 1 mm"
    assert outlier.score == pytest.approx(math.log(5) / 0.05)


def test_small_differences_among_equal_cases_are_none():
    assert find_outliers(of(SPACING, [1.0] * 9 + [1.1])) == {}
    assert list(find_outliers(of(SPACING, [1.0] * 9 + [1.25]))) == ["case9"]


def test_positive_values_are_compared_by_their_ratio():
    wide = [2.0**i for i in range(-5, 6)]
    assert find_outliers(of(SPACING, wide)) == {}
    assert [
        *find_outliers(of(SPACING, [*wide, 2.0**40])),
        *find_outliers(of(SPACING, [*wide, 2.0**-40])),
    ] == [
        "case11",
        "case11",
    ]


def test_a_wide_normal_spread_has_next_to_no_outliers():
    values = np.exp(np.random.default_rng(0).normal(0, 1, 2000))
    assert len(find_outliers(of(SPACING, values.tolist()))) <= 4


def test_a_label_that_is_not_there_is_no_small_label():
    ml = Measure("volume of core", "ml")
    assert find_outliers(of(ml, [5.0] * 9 + [0.0, math.nan, -1.0, math.inf])) == {}


def test_signed_values_are_compared_against_the_contrast():
    usual = [40.0, 30, 55, 20, 45, -5]
    assert find_outliers(of(BRIGHT, usual)) == {}
    (outlier,) = find_outliers(of(BRIGHT, [*usual, -900.0]))["case6"]
    assert str(outlier) == "median of ct: -900, usually 30"
    assert list(find_outliers(of(BRIGHT, [*usual, 1.7e6]))) == ["case6"]


def test_few_cases_say_nothing_of_what_is_usual():
    assert find_outliers(of(SPACING, [1.0] * (LEAST_CASES - 2) + [9.0])) == {}
    assert find_outliers({}) == {}


def test_the_farthest_comes_first():
    cases = {f"case{i}": {SPACING: 1.0, BRIGHT: 100.0} for i in range(9)}
    cases["odd"] = {SPACING: 2.0, BRIGHT: 9e9}
    (several,) = find_outliers(cases).values()
    assert [outlier.measure for outlier in several] == [BRIGHT, SPACING]
    assert all(outlier.score > THRESHOLD for outlier in several)
