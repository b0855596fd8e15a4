"""Many probabilities to one, by hand."""

import numpy as np
import pytest

from segmake.metrics.classification.aggregation import aggregate, aggregate_exclusive, any_true, worst

OWNER = np.array([0, 0, 1])
CHANCES = np.array([[0.2, 0.9], [0.4, 0.5], [0.3, 0.1]])


@pytest.mark.parametrize(
    ("how", "first"), [("mean", [0.3, 0.7]), ("max", [0.4, 0.9]), ("noisy-or", [1 - 0.8 * 0.6, 0.95])]
)
def test_classes_that_do_not_exclude_each_other_are_aggregated_each(how, first):
    found = aggregate(CHANCES, OWNER, 2, how)
    np.testing.assert_allclose(found, [first, CHANCES[2]])


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("how", ["mean", "max", "noisy-or"])
def test_of_two_classes_the_positive_one_counts(how, positive):
    both = np.stack([CHANCES[:, 0], 1 - CHANCES[:, 0]], axis=1)
    found = aggregate_exclusive(both, OWNER, 2, how, positive)
    np.testing.assert_allclose(found[:, positive], aggregate(both, OWNER, 2, how)[:, positive])
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_of_more_classes_each_counts_and_they_sum_to_one():
    three = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    found = aggregate_exclusive(three, np.zeros(2, dtype=int), 1, "max", 2)
    np.testing.assert_allclose(found, [[0.8 / 1.7, 0.1 / 1.7, 0.8 / 1.7]])
    np.testing.assert_allclose(
        aggregate_exclusive(three, np.zeros(2, dtype=int), 1, "mean", 2), three.mean(axis=0)[None]
    )


def test_what_any_row_has_its_thing_has():
    truth = np.array([[True, False], [False, False], [False, True]])
    assert any_true(truth, OWNER, 2).tolist() == [[True, False], [False, True]]


def test_the_worst_class_is_the_positive_of_two_and_the_last_of_more():
    both = np.array([[True, True], [True, False], [False, False]])
    assert worst(both, 1).tolist() == [[False, True], [True, False], [False, False]]
    assert worst(both, 0).tolist() == [[True, False], [True, False], [False, False]]
    three = np.array([[True, True, False], [True, False, False]])
    assert worst(three, 0).tolist() == [[False, True, False], [True, False, False]]
