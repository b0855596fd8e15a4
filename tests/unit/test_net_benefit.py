"""Net benefit by hand, and what a decision curve must pass through."""

import numpy as np
import pytest

from segmake.metrics.classification.net_benefit import THRESHOLDS, act_on_all, net_benefit


def test_by_hand():
    truth = np.array([True, True, False, False, False])
    chance = np.array([0.8, 0.3, 0.6, 0.2, 0.1])
    found = net_benefit(truth, chance, np.array([0.25, 0.5]))
    assert found == pytest.approx([2 / 5 - 1 / 5 * (0.25 / 0.75), 1 / 5 - 1 / 5])


def test_acting_on_all_is_a_model_that_says_one_of_everyone():
    truth = np.arange(10) < 3
    np.testing.assert_allclose(act_on_all(truth, THRESHOLDS), net_benefit(truth, np.ones(10), THRESHOLDS))
    at_prevalence = act_on_all(truth, np.array([0.3]))[0]
    assert at_prevalence == pytest.approx(0)


def test_acting_on_nobody_is_worth_nothing_and_knowing_all_is_worth_the_prevalence():
    truth = np.arange(10) < 3
    assert not net_benefit(truth, np.zeros(10), THRESHOLDS).any()
    np.testing.assert_allclose(net_benefit(truth, truth.astype(float), THRESHOLDS), 0.3)


def test_thresholds_are_the_percents():
    assert (THRESHOLDS[0], THRESHOLDS[-1], len(THRESHOLDS)) == (0.01, 0.99, 99)
