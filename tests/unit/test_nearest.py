import numpy as np
import pytest

from segmake.metrics import nearest
from segmake.metrics.nearest import by_map, by_tree, nearest_mm

SPACING = (0.8, 1.5, 3.0)


def brute_force(points, targets, spacing_mm):
    a, b = (np.argwhere(mask) * spacing_mm for mask in (points, targets))
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)).min(1)


@pytest.mark.parametrize("density", [0.005, 0.05, 0.5])
def test_both_ways_equal_brute_force_on_an_anisotropic_grid(density):
    rng = np.random.default_rng(0)
    points, targets = rng.random((2, 12, 11, 10)) < density
    targets[5, 5, 5] = True
    expected = brute_force(points, targets, SPACING)
    assert by_map(points, targets, SPACING) == pytest.approx(expected, rel=1e-6)
    assert by_tree(points, targets, SPACING) == pytest.approx(expected, rel=1e-12)


def test_one_point_and_one_target_by_hand():
    points, targets = np.zeros((2, 6, 6, 6), dtype=bool)
    points[0, 0, 0] = targets[3, 4, 0] = True
    assert nearest_mm(points, targets, (1, 1, 1)).tolist() == [5.0]
    assert nearest_mm(points, targets, (2, 2, 9)).tolist() == [10.0]


def test_a_point_that_is_a_target_is_at_no_distance():
    mask = np.random.default_rng(1).random((6, 6, 6)) < 0.5
    assert not nearest_mm(mask, mask, SPACING).any()


def test_distances_come_in_array_order():
    points, targets = np.zeros((2, 5, 1, 1), dtype=bool)
    points[[1, 4]] = targets[0] = True
    for way in (by_map, by_tree):
        assert way(points, targets, (1, 1, 1)).tolist() == [1.0, 4.0]


def test_sparse_points_go_to_the_tree_and_dense_ones_to_the_map(monkeypatch):
    taken = []
    monkeypatch.setattr(nearest, "by_tree", lambda *_: taken.append("tree"))
    monkeypatch.setattr(nearest, "by_map", lambda *_: taken.append("map"))
    few, many = np.zeros((2, 20, 20, 20), dtype=bool)
    few[0, 0, 0] = many[:2] = True
    nearest_mm(few, few, SPACING)
    nearest_mm(few, many, SPACING)
    assert taken == ["tree", "map"]
