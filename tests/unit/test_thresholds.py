"""Thresholds against all cuts tried one by one."""

import numpy as np
import pytest

from segmake.metrics.classification.thresholds import choose_threshold, least_sensitivity, youden


def drawn(seed, rows=50):
    random = np.random.default_rng(seed)
    truth = random.random(rows) < 0.4
    return truth, np.round(np.clip(random.normal(0.4 + 0.2 * truth, 0.2), 0, 1), 2)


def rates(truth, chance, threshold):
    called = chance >= threshold
    return called[truth].mean(), (~called)[~truth].mean()


@pytest.mark.parametrize("seed", range(6))
def test_youden_is_the_best_of_all_cuts(seed):
    truth, chance = drawn(seed)
    best = max(sum(rates(truth, chance, cut)) for cut in np.unique(chance))
    assert sum(rates(truth, chance, youden(truth, chance))) == pytest.approx(best)


@pytest.mark.parametrize("least", [0.5, 0.8, 0.95, 1.0])
def test_a_sensitivity_is_reached_by_the_highest_cut(least):
    truth, chance = drawn(3)
    threshold = least_sensitivity(truth, chance, least)
    assert rates(truth, chance, threshold)[0] >= least
    above = np.unique(chance)[np.unique(chance) > threshold][1:]
    assert all(rates(truth, chance, cut)[0] < least for cut in above)


def test_a_threshold_lies_halfway_between_the_classes():
    truth, chance = np.array([True, True, False, False]), np.array([0.9, 0.7, 0.3, 0.1])
    assert youden(truth, chance) == pytest.approx(0.5)
    assert least_sensitivity(truth, chance, 0.5) == pytest.approx(0.8)
    assert least_sensitivity(truth, np.array([0.9, 0.1, 0.3, 0.2]), 1.0) == pytest.approx(0.05)


def test_a_share_that_is_reached_exactly_is_reached():
    truth = np.ones(20, dtype=bool)
    truth[-1] = False
    chance = np.linspace(1, 0, 20)
    assert (chance[truth] >= least_sensitivity(truth, chance, 18 / 19)).sum() == 18


def test_one_class_alone_has_none_and_half_is_half():
    everyone = np.ones(3, dtype=bool)
    assert choose_threshold(everyone, np.arange(3.0), "youden", 0.95) is None
    assert choose_threshold(~everyone, np.arange(3.0), "sensitivity", 0.95) is None
    assert choose_threshold(everyone, np.arange(3.0), "half", 0.95) == 0.5
    truth, chance = drawn(0)
    assert choose_threshold(truth, chance, "sensitivity", 0.9) == least_sensitivity(truth, chance, 0.9)
    assert choose_threshold(truth, chance, "youden", 0.9) == youden(truth, chance)
