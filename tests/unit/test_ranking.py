import numpy as np
import pytest

from segmake.metrics import ranking
from segmake.metrics.ranking import rank_models


def rng(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def test_ranks_by_hand():
    """Patient ranks of a, b, c: 1 2 3, 1.5 1.5 3, 2 1 3."""
    values = np.array([[0.9, 0.5, 0.6], [0.8, 0.5, 0.7], [0.1, 0.2, 0.3]])
    found = rank_models(values, True, rng(), 2000)
    assert found.mean_ranks.tolist() == [1.5, 1.5, 3.0]
    assert found.places.tolist() == [1, 1, 3]
    assert found.kept[2] == 1
    np.testing.assert_allclose(found.shares.sum(axis=1), 1)
    # three of each patient's draws: a's place is 1 unless patient 3 is drawn more often than patient 1
    counts = rng(9).multinomial(3, [1 / 3] * 3, size=40_000)
    assert found.shares[0, 0] == pytest.approx(np.mean(counts[:, 0] >= counts[:, 2]), abs=0.03)


def test_lower_may_be_better():
    values = np.array([[9.0, 8.0], [1.0, 2.0]])
    assert rank_models(values, False, rng(), 10).places.tolist() == [2, 1]
    assert rank_models(values, True, rng(), 10).places.tolist() == [1, 2]


def test_who_always_wins_keeps_its_place():
    values = np.arange(3)[:, None] + np.random.default_rng(0).random((3, 20))
    found = rank_models(values, True, rng(), 500)
    assert found.kept.tolist() == [1, 1, 1]
    np.testing.assert_array_equal(found.shares, np.eye(3)[::-1])


def test_equal_models_share_the_first_place():
    found = rank_models(np.ones((4, 7)), True, rng(), 50)
    assert found.mean_ranks.tolist() == [2.5] * 4
    assert found.places.tolist() == [1] * 4
    assert found.kept.tolist() == [1] * 4


def test_noise_keeps_no_place():
    values = np.random.default_rng(1).random((5, 30))
    assert rank_models(values, True, rng(), 2000).kept.max() < 0.9


def test_batches_change_nothing(monkeypatch):
    values = np.random.default_rng(2).random((3, 20))
    whole = rank_models(values, True, rng(), 300).shares
    monkeypatch.setattr(ranking, "DRAWS_AT_ONCE", 3 * 20 * 16)
    np.testing.assert_array_equal(rank_models(values, True, rng(), 300).shares, whole)
