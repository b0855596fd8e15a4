"""ROC and its area against scikit-learn, pairs counted by hand, and weights against repeated rows."""

import numpy as np
import pytest
from sklearn import metrics as reference

from segmake.metrics.classification.roc import auroc, auroc_statistic, roc_curve
from segmake.metrics.classification.sweep import Sweep, ones, ratio


def drawn(seed, rows=60, levels=None):
    random = np.random.default_rng(seed)
    truth = random.random(rows) < 0.4
    scores = random.random(rows) + 0.3 * truth
    return truth, scores if levels is None else np.round(scores * levels) / levels


@pytest.mark.parametrize("levels", [None, 3, 10])
@pytest.mark.parametrize("seed", range(4))
def test_the_area_is_that_of_scikit_learn_with_and_without_ties(seed, levels):
    truth, scores = drawn(seed, levels=levels)
    assert auroc(truth, scores) == pytest.approx(reference.roc_auc_score(truth, scores), abs=1e-12)


def test_ties_between_a_positive_and_a_negative_count_half():
    truth = np.array([True, True, False, False])
    assert auroc(truth, np.array([2.0, 1.0, 1.0, 0.0])) == (2 + 0.5 + 1) / 4
    assert auroc(truth, np.full(4, 7.0)) == 0.5


def test_the_area_is_the_share_of_pairs_in_the_right_order():
    truth, scores = drawn(5, rows=30, levels=8)
    pairs = [(a > b) + (a == b) / 2 for a in scores[truth] for b in scores[~truth]]
    assert auroc(truth, scores) == pytest.approx(np.mean(pairs))
    assert auroc(truth, -scores) == pytest.approx(1 - np.mean(pairs))


@pytest.mark.parametrize("truth", [[True, True], [False, False], []])
def test_one_class_alone_has_no_area(truth):
    found = auroc(np.array(truth, dtype=bool), np.arange(len(truth), dtype=float)) if truth else np.nan
    assert np.isnan(found)


@pytest.mark.parametrize("levels", [None, 6])
def test_the_curve_is_that_of_scikit_learn(levels):
    truth, scores = drawn(1, levels=levels)
    false, found, thresholds = reference.roc_curve(truth, scores, drop_intermediate=False)
    curve = roc_curve(truth, scores)
    np.testing.assert_allclose(curve.false_positive_rate, false)
    np.testing.assert_allclose(curve.sensitivity, found)
    np.testing.assert_allclose(curve.thresholds, thresholds)


def test_corners_keep_the_curve_and_drop_what_lies_on_a_line():
    truth, scores = drawn(2, rows=80)
    whole, corners = roc_curve(truth, scores), roc_curve(truth, scores).corners()
    assert len(corners.thresholds) < len(whole.thresholds)
    area = [np.trapezoid(c.sensitivity, c.false_positive_rate) for c in (whole, corners)]
    assert area[0] == pytest.approx(area[1])
    assert (corners.sensitivity[-1], corners.false_positive_rate[-1]) == (1, 1)


def test_a_weight_is_the_same_as_repeating_the_row():
    truth, scores = drawn(3, rows=25, levels=5)
    weights = np.random.default_rng(0).integers(0, 4, size=(6, 25))
    repeated = [auroc(np.repeat(truth, w), np.repeat(scores, w)) for w in weights]
    np.testing.assert_allclose(auroc_statistic(truth, scores)(weights.astype(float)), repeated)


def test_a_draw_without_positives_has_no_value_and_the_others_have():
    truth, scores = np.array([True, False, False]), np.array([0.9, 0.5, 0.1])
    found = auroc_statistic(truth, scores)(np.array([[0.0, 1, 1], [1, 1, 1]]))
    assert np.isnan(found[0])
    assert found[1] == 1


def test_a_sweep_counts_what_lies_at_or_above_each_score():
    sweep = Sweep.of(np.array([True, False, True, False]), np.array([0.2, 0.8, 0.8, 0.1]))
    positives, negatives = sweep.counts(ones(4))
    assert sweep.thresholds.tolist() == [0.8, 0.2, 0.1]
    assert positives.tolist() == [[1, 2, 2]]
    assert negatives.tolist() == [[1, 1, 2]]


def test_a_ratio_of_nothing_is_nan():
    assert np.isnan(ratio(np.array([0.0]), np.array([0.0]))[0])
    assert ratio(np.array([1.0]), np.array([4.0]))[0] == 0.25
