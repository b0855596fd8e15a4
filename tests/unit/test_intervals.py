"""Intervals over patients: what they cover, what they count as one, and when there is none."""

import numpy as np
import pytest

from segmake.metrics.classification import intervals
from segmake.metrics.classification.confusion import decision_statistics
from segmake.metrics.classification.intervals import Estimate, Status, estimates
from segmake.metrics.classification.roc import auroc_statistic
from segmake.metrics.classification.sweep import ratio
from segmake.metrics.statistics import Bootstrap, bca_interval

FAST = Bootstrap(seed=0, resamples=400)


def mean_of(values):
    return lambda weights: ratio(weights @ np.asarray(values, dtype=float), weights.sum(axis=1))


def patients(count, each=1):
    return [f"p{number:03d}" for number in range(count) for _ in range(each)]


def test_of_a_mean_it_is_the_interval_of_the_mean():
    values = np.random.default_rng(0).normal(size=40) ** 2
    found = estimates({"mean": mean_of(values)}, patients(40), Bootstrap(resamples=4000))["mean"]
    low, high = bca_interval(values, np.random.default_rng(1), 4000, 0.95)
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == (pytest.approx(low, abs=0.06), pytest.approx(high, abs=0.06))
    assert found.status == Status.OK


def test_copies_of_a_patients_rows_do_not_narrow_it():
    values = np.random.default_rng(0).normal(size=30)
    once = estimates({"mean": mean_of(values)}, patients(30), FAST)["mean"]
    often = estimates({"mean": mean_of(np.repeat(values, 5))}, patients(30, 5), FAST)["mean"]
    assert (often.low, often.high) == (pytest.approx(once.low), pytest.approx(once.high))


def test_it_covers_the_true_area_about_as_often_as_it_says():
    truth = np.arange(60) % 2 == 0
    hits = 0
    for seed in range(60):
        scores = np.random.default_rng(seed).normal(size=60) + truth  # area: Phi(1 / sqrt 2) = 0.7602
        found = estimates({"auc": auroc_statistic(truth, scores)}, patients(60), FAST)["auc"]
        hits += found.low <= 0.7602 <= found.high
    assert 0.86 <= hits / 60 <= 1


def test_other_statistics_and_the_order_of_rows_change_nothing():
    values = np.random.default_rng(0).normal(size=25)
    alone = estimates({"mean": mean_of(values)}, patients(25), FAST, "patch", "test")
    order = np.random.default_rng(1).permutation(25)
    mixed = {"other": mean_of(-values[order]), "mean": mean_of(values[order])}
    beside = estimates(mixed, [patients(25)[i] for i in order], FAST, "patch", "test")
    assert beside["mean"].low == pytest.approx(alone["mean"].low, abs=1e-12)
    assert beside["mean"].high == pytest.approx(alone["mean"].high, abs=1e-12)


def test_in_batches_it_is_the_same(monkeypatch):
    values = np.random.default_rng(0).normal(size=25)
    whole = estimates({"mean": mean_of(values)}, patients(25), FAST)
    monkeypatch.setattr(intervals, "DRAWS_AT_ONCE", 25 * 7)
    parts = estimates({"mean": mean_of(values)}, patients(25), FAST)
    assert parts["mean"].low == pytest.approx(whole["mean"].low)


def test_without_the_jackknife_of_many_patients_it_hardly_changes(monkeypatch):
    values = np.random.default_rng(0).normal(size=200)
    whole = estimates({"mean": mean_of(values)}, patients(200), FAST)["mean"]
    monkeypatch.setattr(intervals, "JACKKNIFE_UP_TO", 100)
    without = estimates({"mean": mean_of(values)}, patients(200), FAST)["mean"]
    assert (without.low, without.high) == (
        pytest.approx(whole.low, abs=0.02),
        pytest.approx(whole.high, abs=0.02),
    )


def test_nine_patients_have_no_interval():
    found = estimates({"mean": mean_of(range(9))}, patients(9), FAST)["mean"]
    assert (found.value, found.status) == (4, Status.FEW_PATIENTS)
    assert np.isnan([found.low, found.high]).all()


def test_a_perfect_accuracy_has_no_interval_of_no_width():
    truth = np.arange(20) % 2
    found = estimates(decision_statistics(truth, truth, 2), patients(20), FAST)["accuracy"]
    assert (found.value, found.status) == (1, Status.NO_SPREAD)
    assert np.isnan(found.low)


def test_a_class_of_one_patient_in_hundred_is_rare():
    truth = np.arange(100) == 0
    found = estimates({"auc": auroc_statistic(truth, np.arange(100.0))}, patients(100), FAST)["auc"]
    assert found.value == 0
    assert found.status in (Status.RARE_CLASS, Status.NO_SPREAD)
    both = estimates({"auc": auroc_statistic(truth, -np.arange(100.0) % 7)}, patients(100), FAST)["auc"]
    assert both.status in (Status.OK, Status.RARE_CLASS)


def test_what_has_no_value_has_a_status():
    nothing = {"auc": auroc_statistic(np.zeros(12, dtype=bool), np.arange(12.0))}
    found = estimates(nothing, patients(12), FAST)["auc"]
    assert np.isnan(found.value)
    assert found.status == Status.UNDEFINED
    assert estimates(nothing, patients(6, 2), FAST)["auc"].status == Status.UNDEFINED
    assert Estimate(1.0).status == Status.OK
