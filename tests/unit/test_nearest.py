import numpy as np
import pytest

from segmake.metrics import nearest
from segmake.metrics.nearest import by_map, by_rings, by_tree, nearest_mm

SPACING = (0.8, 1.5, 3.0)
SPACINGS = [(1.0, 1.0, 1.0), SPACING, (5.0, 0.5, 0.5), (0.3, 0.31, 7.0)]


def brute_force(points, targets, spacing_mm):
    a, b = (np.argwhere(mask) * spacing_mm for mask in (points, targets))
    return np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)).min(1)


@pytest.mark.parametrize("density", [0.005, 0.05, 0.5])
@pytest.mark.parametrize("spacing_mm", SPACINGS)
def test_every_way_equals_brute_force(spacing_mm, density):
    rng = np.random.default_rng(0)
    points, targets = rng.random((2, 12, 11, 10)) < density
    targets[5, 5, 5] = True
    expected = brute_force(points, targets, spacing_mm)
    index = np.flatnonzero(points)
    assert by_map(index, targets, spacing_mm) == pytest.approx(expected, rel=1e-6)
    assert by_tree(index, targets, spacing_mm) == pytest.approx(expected, rel=1e-12)
    assert nearest_mm(points, targets, spacing_mm) == pytest.approx(expected, rel=1e-6)
    near = by_rings(index, targets, spacing_mm)
    assert near[np.isfinite(near)] == pytest.approx(expected[np.isfinite(near)], rel=1e-8)
    assert np.isfinite(near).tolist() == (expected <= 4 * min(spacing_mm) * (1 + 1e-9)).tolist()


def test_one_point_and_one_target_by_hand():
    points, targets = np.zeros((2, 6, 6, 6), dtype=bool)
    points[0, 0, 0] = targets[3, 4, 0] = True
    assert nearest_mm(points, targets, (1, 1, 1)).tolist() == [5.0]
    assert nearest_mm(points, targets, (2, 2, 9)).tolist() == [10.0]


def test_a_point_that_is_a_target_is_at_no_distance():
    mask = np.random.default_rng(1).random((6, 6, 6)) < 0.5
    assert not nearest_mm(mask, mask, SPACING).any()


def test_rings_do_not_reach_around_the_border():
    """The last voxel of a row and the first of the next are stored side by side and lie far apart."""
    points, targets = np.zeros((2, 5, 9, 9), dtype=bool)
    points[0, 0, 8] = targets[0, 1, 0] = True
    assert nearest_mm(points, targets, (1, 1, 1)).tolist() == [pytest.approx(65**0.5)]
    points[:], targets[:] = False, False
    points[4, 8, 8] = targets[0, 0, 0] = True
    assert nearest_mm(points, targets, (1, 1, 1)).tolist() == [pytest.approx(12.0)]


def test_distances_come_in_array_order():
    points, targets = np.zeros((2, 9, 1, 1), dtype=bool)
    points[[1, 4, 8]] = targets[0] = True
    assert nearest_mm(points, targets, (1, 1, 1)).tolist() == [1.0, 4.0, 8.0]
    for way in (by_map, by_tree):
        assert way(np.flatnonzero(points), targets, (1, 1, 1)).tolist() == [1.0, 4.0, 8.0]


def test_only_points_out_of_reach_are_measured_further_by_the_cheaper_way(monkeypatch):
    taken = []

    def note(way):
        return lambda index, *_: taken.append((way, len(index))) or np.zeros(len(index))

    monkeypatch.setattr(nearest, "by_tree", note("tree"))
    monkeypatch.setattr(nearest, "by_map", note("map"))
    points, targets = np.zeros((2, 30, 30, 30), dtype=bool)
    points[0, 0, :2] = targets[0, 0, 0] = True
    nearest_mm(points, targets, SPACING)
    points[20, :5, 0] = True
    nearest_mm(points, targets, SPACING)
    points[20:] = True
    nearest_mm(points, targets, SPACING)
    assert taken == [("tree", 5), ("map", 9000)]
