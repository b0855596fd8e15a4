from math import isnan

import numpy as np
import pytest
from scipy import stats

from segmake.metrics import statistics
from segmake.metrics.statistics import bca_interval, patient_means, summarize


def rng(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def test_statistics_by_hand():
    found = summarize([1.0, 2.0, 6.0], ["a", "b", "c"], rng())
    assert (found.patients, found.mean, found.median) == (3, 3.0, 2.0)
    assert found.sd == pytest.approx(np.sqrt(7))
    assert 1.0 <= found.ci_low < 3.0 < found.ci_high <= 6.0


def test_the_scans_of_a_patient_are_averaged_first():
    found = summarize([0.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"], rng())
    assert (found.patients, found.mean) == (2, 0.5)
    assert patient_means([0.0, 0.4, 1.0], ["a", "a", "b"]).tolist() == [0.2, 1.0]


def test_repeated_scans_do_not_narrow_the_interval():
    values, patients = [0.6, 0.7, 0.9, 0.95], ["a", "b", "c", "d"]
    assert summarize(values, patients, rng()) == summarize(values * 5, patients * 5, rng())


def test_the_order_of_the_cases_changes_nothing():
    values, patients = [0.61, 0.72, 0.93, 0.14, 0.5], ["b", "a", "c", "a", "b"]
    order = [3, 0, 4, 2, 1]
    again = summarize([values[i] for i in order], [patients[i] for i in order], rng())
    assert summarize(values, patients, rng()) == again


def test_one_seed_gives_one_interval():
    values = np.random.default_rng(0).random(20)
    assert bca_interval(values, rng(1), 500, 0.95) == bca_interval(values, rng(1), 500, 0.95)
    assert bca_interval(values, rng(1), 500, 0.95) != bca_interval(values, rng(2), 500, 0.95)


def test_one_patient_has_a_mean_and_no_interval():
    found = summarize([0.7, 0.9], ["a", "a"], rng())
    assert (found.patients, found.mean) == (1, pytest.approx(0.8))
    assert all(isnan(value) for value in (found.sd, found.ci_low, found.ci_high))


def test_equal_values_have_an_interval_of_no_width():
    found = summarize([0.3] * 6, list("abcdef"), rng())
    assert (found.mean, found.sd, found.ci_low, found.ci_high) == pytest.approx((0.3, 0.0, 0.3, 0.3))


def test_no_cases_have_no_statistics():
    found = summarize([], [], rng())
    assert found.patients == 0
    assert isnan(found.mean)


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_the_interval_agrees_with_scipy(draw):
    values = getattr(np.random.default_rng(7), draw)(size=40)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=40_000, method="BCa", rng=1
    ).confidence_interval
    assert bca_interval(values, rng(), 40_000, 0.95) == pytest.approx(tuple(expected), abs=0.02)


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says():
    draws = np.random.default_rng(8).normal(size=(300, 30))
    intervals = [bca_interval(values, rng(i), 400, 0.9) for i, values in enumerate(draws)]
    assert 0.84 < np.mean([low < 0 < high for low, high in intervals]) < 0.95


def test_more_confidence_is_wider():
    values = np.random.default_rng(9).random(25)
    low95, high95 = bca_interval(values, rng(), 2000, 0.95)
    low99, high99 = bca_interval(values, rng(), 2000, 0.99)
    assert low99 < low95 < high95 < high99


def test_the_interval_of_skewed_scores_leans_to_the_long_tail():
    """One failed case among many good ones: the interval reaches further down than up."""
    values = np.array([0.9] * 10 + [0.91] * 10 + [0.0])
    low, high = bca_interval(values, rng(), 4000, 0.95)
    assert values.mean() - low > 1.5 * (high - values.mean())


def test_drawing_in_batches_changes_nothing(monkeypatch):
    values = np.random.default_rng(10).random(30)
    whole = bca_interval(values, rng(), 1000, 0.95)
    monkeypatch.setattr(statistics, "DRAWS_AT_ONCE", 30 * 64)
    assert bca_interval(values, rng(), 1000, 0.95) == whole
