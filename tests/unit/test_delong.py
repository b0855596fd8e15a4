"""DeLong's variances against the definition pair by pair, clusters, and the test's errors."""

import numpy as np
import pytest
from scipy.stats import norm

from segmake.metrics.classification.delong import areas, difference
from segmake.metrics.classification.roc import auroc


def drawn(seed, rows=40, classifiers=2, gain=1.0):
    random = np.random.default_rng(seed)
    truth = np.arange(rows) % 3 == 0
    shared = random.normal(size=rows)
    scores = [shared + random.normal(size=rows) + gain * truth for _ in range(classifiers)]
    return truth, np.round(np.array(scores), 1)


def alone(rows):
    return [f"p{row}" for row in range(rows)]


def by_definition(truth, scores):
    """Covariance from all pairs, as the paper of 1988 writes it."""
    wins = [
        (each[truth][:, None] > each[~truth]) + 0.5 * (each[truth][:, None] == each[~truth])
        for each in scores
    ]
    of_positives = np.cov(np.array([win.mean(axis=1) for win in wins]))
    of_negatives = np.cov(np.array([win.mean(axis=0) for win in wins]))
    return of_positives / truth.sum() + of_negatives / (~truth).sum()


@pytest.mark.parametrize("seed", range(4))
def test_areas_and_covariance_are_those_of_the_definition(seed):
    truth, scores = drawn(seed, classifiers=3)
    found = areas(truth, scores, alone(40))
    np.testing.assert_allclose(found.values, [auroc(truth, each) for each in scores])
    np.testing.assert_allclose(found.covariance, by_definition(truth, scores), atol=1e-12)


def test_rows_of_a_patient_count_together():
    truth, scores = drawn(1)
    one = areas(truth, scores, alone(40))
    often = areas(np.repeat(truth, 4), np.repeat(scores, 4, axis=1), np.repeat(alone(40), 4).tolist())
    np.testing.assert_allclose(often.values, one.values)
    np.testing.assert_allclose(often.covariance, one.covariance, rtol=1e-9)
    naive = areas(np.repeat(truth, 4), np.repeat(scores, 4, axis=1), alone(160))
    assert naive.covariance[0, 0] < 0.35 * one.covariance[0, 0]


def test_a_patient_with_positives_and_negatives_has_a_covariance_of_its_own():
    """Against resampled patients: each patient has a level of its own, so that its rows move together."""
    random = np.random.default_rng(0)

    def data(seed, count=30):
        own = np.random.default_rng(seed)
        truth = np.tile([True, False, False], count)
        scores = own.normal(size=3 * count) + truth + 2 * np.repeat(own.normal(size=count), 3)
        return truth, scores[None], np.repeat(alone(count), 3).tolist()

    values = [areas(*data(int(seed))).values[0] for seed in random.integers(1 << 30, size=300)]
    told = [areas(*data(seed)).covariance[0, 0] for seed in range(30)]
    assert np.mean(told) == pytest.approx(np.var(values), rel=0.25)


def test_the_difference_and_its_test():
    truth, scores = drawn(2, rows=120)
    found = areas(truth, scores, alone(120))
    test = difference(found, 0, 1, 0.95)
    deviation = np.sqrt(np.array([1, -1]) @ found.covariance @ np.array([1, -1]))
    assert test.value == pytest.approx(found.values[0] - found.values[1])
    assert test.z == pytest.approx(test.value / deviation)
    assert test.p == pytest.approx(2 * norm.sf(abs(test.z)))
    assert (test.high - test.low) / 2 == pytest.approx(norm.ppf(0.975) * deviation)
    assert difference(found, 1, 0, 0.95).p == pytest.approx(test.p)


def test_equal_classifiers_are_called_different_about_as_often_as_agreed():
    found = []
    for seed in range(200):
        truth, scores = drawn(seed, rows=60)
        found.append(difference(areas(truth, scores, alone(60)), 0, 1, 0.95).p < 0.05)
    assert 0.01 <= np.mean(found) <= 0.1


def test_a_better_classifier_is_found():
    truth, scores = drawn(3, rows=200, gain=0.0)
    scores[0] += 2 * truth
    test = difference(areas(truth, scores, alone(200)), 0, 1, 0.95)
    assert test.low > 0
    assert test.p < 0.001


def test_what_cannot_be_tested_has_no_p():
    truth, scores = drawn(4)
    same = difference(areas(truth, np.stack([scores[0]] * 2), alone(40)), 0, 1, 0.95)
    assert same.value == 0
    assert np.isnan(same.p)
    assert np.isnan(areas(np.ones(40, dtype=bool), scores, alone(40)).values).all()
    one = np.arange(40) == 0
    single = areas(one, scores, alone(40))
    assert np.isfinite(single.values).all()
    assert np.isnan(single.covariance).all()
