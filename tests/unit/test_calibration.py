"""Brier, calibration error and reliability by hand and against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from segmake.metrics.classification.calibration import (
    brier,
    calibration_error,
    calibration_error_statistic,
    called,
    reliability,
)


def drawn(rows=200, seed=0):
    random = np.random.default_rng(seed)
    chance = random.random(rows)
    return random.random(rows) < chance, chance


def test_brier_is_the_mean_squared_error_of_two_classes_and_the_sum_over_more():
    truth, chance = drawn()
    assert brier(truth, chance) == pytest.approx(reference.brier_score_loss(truth, chance))
    assert brier(np.array([True, False]), np.array([0.8, 0.4])) == pytest.approx((0.04 + 0.16) / 2)
    of_three = brier(np.eye(3, dtype=bool)[[0]], np.array([[0.5, 0.3, 0.2]]))
    assert of_three == pytest.approx(0.25 + 0.09 + 0.04)


def test_calibration_error_by_hand():
    truth = np.array([True, False, True, True])
    chance = np.array([0.12, 0.18, 0.95, 1.0])  # two bins: one half true at 0.15, all true at 0.975
    assert calibration_error(truth, chance, 10) == pytest.approx(0.5 * 0.35 + 0.5 * 0.025)


def test_right_probabilities_have_a_small_error_and_overconfident_ones_a_large_one():
    truth, chance = drawn(20_000)
    assert calibration_error(truth, chance, 10) < 0.02
    sharp = np.where(chance > 0.5, 0.99, 0.01)
    assert calibration_error(truth, sharp, 10) == pytest.approx(0.24, abs=0.02)


def test_reliability_is_that_of_scikit_learn():
    truth, chance = drawn()
    share, mean = calibration_curve(truth, chance, n_bins=5)
    found = reliability(truth, chance, 5)
    np.testing.assert_allclose(found.frequency, share)
    np.testing.assert_allclose(found.probability, mean)
    assert found.count.sum() == 200


def test_empty_bins_are_left_out_and_certainty_is_in_the_last():
    found = reliability(np.array([True, True, False]), np.array([1.0, 0.99, 0.0]), 10)
    assert found.count.tolist() == [1, 2]
    assert found.frequency.tolist() == [0, 1]


def test_the_interval_of_a_share_is_wilsons():
    truth = np.array([True] * 8 + [False] * 2)
    found = reliability(truth, np.full(10, 0.75), 10)
    # Wilson 1927, as R's binom.confint(8, 10, methods = "wilson") has it
    assert (found.low[0], found.high[0]) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    sure = reliability(np.ones(10, dtype=bool), np.full(10, 0.75), 10)
    assert sure.low[0] == pytest.approx(0.7225, abs=1e-4)
    assert sure.high[0] == pytest.approx(1)


def test_the_called_class_and_its_probability():
    right, sure = called(np.eye(3, dtype=bool)[[0, 1]], np.array([[0.2, 0.7, 0.1], [0.1, 0.6, 0.3]]))
    assert right.tolist() == [False, True]
    assert sure.tolist() == [0.7, 0.6]


def test_a_weight_is_the_same_as_repeating_the_row():
    truth, chance = drawn(30)
    weights = np.random.default_rng(0).integers(0, 3, size=(4, 30))
    repeated = [calibration_error(np.repeat(truth, w), np.repeat(chance, w), 7) for w in weights]
    np.testing.assert_allclose(calibration_error_statistic(truth, chance, 7)(weights.astype(float)), repeated)
