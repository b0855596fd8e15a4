"""Precision, recall and average precision against scikit-learn and by hand."""

import numpy as np
import pytest
from sklearn import metrics as reference

from segmake.metrics.classification.precision_recall import (
    average_precision,
    average_precision_statistic,
    precision_recall_curve,
)


def drawn(seed, levels=None):
    random = np.random.default_rng(seed)
    truth = random.random(50) < 0.3
    scores = random.random(50) + 0.4 * truth
    return truth, scores if levels is None else np.round(scores * levels) / levels


@pytest.mark.parametrize("levels", [None, 4])
@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_scikit_learn(seed, levels):
    truth, scores = drawn(seed, levels)
    assert average_precision(truth, scores) == pytest.approx(reference.average_precision_score(truth, scores))


def test_the_curve_is_that_of_scikit_learn():
    truth, scores = drawn(1, 8)
    precision, recall, thresholds = reference.precision_recall_curve(truth, scores)
    curve = precision_recall_curve(truth, scores)
    np.testing.assert_allclose(curve.precision, precision[:-1][::-1])
    np.testing.assert_allclose(curve.recall, recall[:-1][::-1])
    np.testing.assert_allclose(curve.thresholds, thresholds[::-1])


def test_by_hand():
    truth = np.array([True, False, True])
    assert average_precision(truth, np.array([3.0, 2.0, 1.0])) == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert average_precision(truth, np.zeros(3)) == pytest.approx(2 / 3)


def test_without_positives_there_is_none():
    assert np.isnan(average_precision(np.zeros(3, dtype=bool), np.arange(3.0)))
    assert np.isnan(precision_recall_curve(np.zeros(3, dtype=bool), np.arange(3.0)).recall).all()


def test_a_weight_is_the_same_as_repeating_the_row():
    truth, scores = drawn(2, 5)
    weights = np.random.default_rng(0).integers(0, 4, size=(6, 50))
    repeated = [average_precision(np.repeat(truth, w), np.repeat(scores, w)) for w in weights]
    np.testing.assert_allclose(average_precision_statistic(truth, scores)(weights.astype(float)), repeated)
