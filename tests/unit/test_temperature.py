"""Temperatures found again, and what calibration leaves alone."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from segmake.metrics.classification.calibration import calibration_error
from segmake.metrics.classification.temperature import fit_temperature, probabilities


def one_hot(index, classes):
    return np.eye(classes, dtype=bool)[index]


def softmax_rows(temperature, rows=6000, classes=3, seed=0):
    """Rows whose logits are `temperature` times too large."""
    random = np.random.default_rng(seed)
    honest = random.normal(size=(rows, classes)) * 1.5
    index = np.array([random.choice(classes, p=p) for p in softmax(honest, axis=1)])
    return temperature * honest, one_hot(index, classes)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_a_planted_temperature_is_found(temperature):
    logits, truth = softmax_rows(temperature)
    assert fit_temperature(logits, truth, False)[0] == pytest.approx(temperature, rel=0.06)


def test_classes_that_do_not_exclude_each_other_have_a_temperature_each():
    random = np.random.default_rng(0)
    honest = random.normal(size=(6000, 2)) * 2
    truth = random.random((6000, 2)) < expit(honest)
    found = fit_temperature(honest * np.array([4.0, 0.7]), truth, True)
    assert found == pytest.approx([4.0, 0.7], rel=0.08)


def test_it_mends_overconfidence_and_changes_no_decision():
    logits, truth = softmax_rows(4.0, classes=2, rows=3000)
    before = probabilities(logits, np.ones(1), False)
    after = probabilities(logits, fit_temperature(logits, truth, False), False)
    errors = [calibration_error(truth[:, 1], p[:, 1], 10) for p in (before, after)]
    assert errors[0] > 0.1
    assert errors[1] < 0.03
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))
    np.testing.assert_allclose(after.sum(axis=1), 1)


def test_few_rows_that_are_all_right_do_not_make_it_certain():
    logits = np.array([[0.0, 1.0], [1.0, 0.0]] * 3)
    truth = one_hot(np.array([1, 0] * 3), 2)
    sure = probabilities(logits, fit_temperature(logits, truth, False), False).max()
    assert sure == pytest.approx(4 / 5, abs=0.01)  # (n + 1) / (n + 2) of three rows a class
    assert fit_temperature(logits[:, :1] - 0.5, truth[:, :1], True)[0] < 1


def test_one_class_alone_leaves_logits_as_they_are():
    logits = np.random.default_rng(0).normal(size=(8, 2))
    assert fit_temperature(logits, one_hot(np.zeros(8, dtype=int), 2), False).tolist() == [1.0]
    truth = np.stack([np.ones(8, dtype=bool), np.arange(8) % 2 == 0], axis=1)
    assert fit_temperature(logits, truth, True)[0] == 1.0


def test_large_logits_do_not_overflow():
    logits = np.array([[800.0, -800.0], [-800.0, 800.0], [700.0, -700.0]])
    found = probabilities(logits, np.ones(1), False)
    assert np.isfinite(found).all()
    assert np.isfinite(fit_temperature(logits, one_hot(np.array([0, 1, 1]), 2), False)).all()
