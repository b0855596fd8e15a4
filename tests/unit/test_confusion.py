"""Confusion matrices and their ratios against scikit-learn, by hand, and where they are 0/0."""

import numpy as np
import pytest
from sklearn import metrics as reference

from segmake.metrics.classification import confusion
from segmake.metrics.classification.confusion import confusion_matrix, decision_statistics
from segmake.metrics.classification.sweep import ones


def drawn(classes, seed=0, rows=80):
    random = np.random.default_rng(seed)
    truth = random.integers(classes, size=rows)
    return truth, np.where(random.random(rows) < 0.6, truth, random.integers(classes, size=rows))


def values(truth, decided, count, index=None):
    found = decision_statistics(np.array(truth), np.array(decided), count, index)
    return {name: float(each(ones(len(truth)))[0]) for name, each in found.items()}


@pytest.mark.parametrize("classes", [2, 4])
def test_all_is_as_scikit_learn_has_it(classes):
    truth, decided = drawn(classes)
    matrix = reference.confusion_matrix(truth, decided)
    np.testing.assert_array_equal(confusion_matrix(truth, decided, classes), matrix)
    assert values(truth, decided, classes) == pytest.approx(
        {
            "accuracy": reference.accuracy_score(truth, decided),
            "balanced_accuracy": reference.balanced_accuracy_score(truth, decided),
            "mcc": reference.matthews_corrcoef(truth, decided),
        }
    )
    for index in range(classes):
        found = values(truth, decided, classes, index)
        assert found["precision"] == pytest.approx(matrix[index, index] / matrix[:, index].sum())
        assert found["sensitivity"] == pytest.approx(matrix[index, index] / matrix[index].sum())
        score = reference.f1_score(truth == index, decided == index)
        assert found["f1"] == pytest.approx(score)
        negatives = reference.recall_score(truth != index, decided != index)
        assert found["specificity"] == pytest.approx(negatives)


def test_by_hand():
    truth, decided = [1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0, 0, 0]
    found = values(truth, decided, 2, 1)
    assert found == pytest.approx(
        {"precision": 2 / 3, "sensitivity": 2 / 3, "specificity": 4 / 5, "f1": 2 / 3}
    )
    assert values(truth, decided, 2)["balanced_accuracy"] == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_what_is_nothing_by_nothing_is_nan():
    nothing_called = values([1, 0, 0], [0, 0, 0], 2, 1)
    assert np.isnan(nothing_called["precision"])
    assert (nothing_called["sensitivity"], nothing_called["f1"]) == (0, 0)
    no_positives = values([0, 0, 0], [0, 0, 0], 2, 1)
    assert all(np.isnan(no_positives[name]) for name in ("precision", "sensitivity", "f1"))
    assert no_positives["specificity"] == 1
    assert np.isnan(values([0, 0], [0, 0], 2)["balanced_accuracy"])


def test_matthews_is_zero_for_equal_decisions_and_nan_for_equal_truths():
    assert values([1, 0, 0], [0, 0, 0], 2)["mcc"] == 0
    assert np.isnan(values([0, 0, 0], [0, 1, 0], 2)["mcc"])
    assert values([0, 1], [1, 0], 2)["mcc"] == -1


def test_a_weight_is_the_same_as_repeating_the_row():
    truth, decided = drawn(3, rows=20)
    weights = np.random.default_rng(1).integers(0, 3, size=(5, 20))
    counted = confusion.matrices(truth, decided, 3)(weights.astype(float))
    for each, weight in zip(counted, weights, strict=True):
        repeated = confusion_matrix(np.repeat(truth, weight), np.repeat(decided, weight), 3)
        np.testing.assert_array_equal(each, repeated)
