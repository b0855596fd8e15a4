import numpy as np
import pytest

from segmake.metrics.noise import seed_noise


def test_two_runs_by_hand():
    """Means 0.5 and 0.7, each patient 0.2 apart: sd 0.2 / sqrt 2, two runs differ by 0.2."""
    noise = seed_noise([np.array([[0.4, 0.6], [0.6, 0.8]])])
    assert noise.mean_sd == pytest.approx(0.2 / np.sqrt(2))
    assert noise.floor == pytest.approx(1.96 * 0.2)
    assert noise.patient_sd == pytest.approx(0.2)


def test_noise_that_cancels_over_patients_is_seen_per_patient():
    noise = seed_noise([np.array([[0.4, 0.6], [0.6, 0.4]])])
    assert noise.floor == pytest.approx(0)
    assert noise.patient_sd == pytest.approx(0.2)


def test_models_are_pooled_by_degrees_of_freedom():
    two, three = np.array([[1.0], [3.0]]), np.array([[1.0], [2.0], [3.0]])  # variances 2 and 1
    noise = seed_noise([two, three, np.array([[9.0]])])
    assert noise.mean_sd == pytest.approx(np.sqrt((2 * 1 + 1 * 2) / 3))
    assert noise.patient_sd == pytest.approx(np.sqrt(2 * 4 / 3))


def test_without_repeated_runs_nothing_is_known():
    assert seed_noise([]) is None
    assert seed_noise([np.array([[0.1, 0.2]])]) is None
    assert seed_noise([np.empty((2, 0))]) is None


def test_about_one_pair_of_runs_in_twenty_differs_by_more():
    runs = np.random.default_rng(0).normal(size=(2000, 1))
    floor = seed_noise([runs]).floor
    assert np.mean(np.abs(runs[::2] - runs[1::2]) > floor) == pytest.approx(0.05, abs=0.02)
