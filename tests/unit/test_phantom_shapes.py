"""Analytic shapes and random fields against closed forms."""

import numpy as np
import pytest

from segmake.dataset.phantom.grid import Acquisition, Grid, lay_grid
from segmake.dataset.phantom.shapes import Tube, Waves, capsule, cover, ellipsoid, paint, paint_tubes


def oblique_grid(extent=60.0, size=40):
    acquisition = Acquisition("LPS", (1, 1, 1.5), oblique_deg=11)
    return Grid(*lay_grid(acquisition, (extent,) * 3, size, np.array([1.0, 2.0, 3.0])))


def test_waves_equal_their_definition_on_an_oblique_grid():
    waves, grid = Waves.draw(np.random.default_rng(0), 25, 16), oblique_grid(40, 12)
    phase = np.tensordot(waves.vectors, grid.points.astype(np.float64), 1) + waves.phases[:, None, None, None]
    expected = np.sqrt(2 / 16) * np.cos(phase).sum(axis=0)
    assert np.allclose(waves.on(grid), expected, atol=1e-4)


def test_waves_have_zero_mean_and_unit_variance():
    field = Waves.draw(np.random.default_rng(1), 6).on(oblique_grid(90, 48))
    assert field.mean() == pytest.approx(0, abs=0.05)
    assert field.std() == pytest.approx(1, abs=0.08)


def test_ellipsoid_is_exact_for_a_ball():
    points = np.array([[0, 3, 0], [0, 0, 7], [2, 4, 0]], dtype=float)
    assert ellipsoid(points, (0, 0, 0), (5, 5, 5)) == pytest.approx([-3, 0, 2])


def test_ellipsoid_of_two_radii_is_a_pillar():
    points = np.array([[7.0], [0.0], [1e4]])
    assert ellipsoid(points, (2, 0), (3, 3)) == pytest.approx([2])


def test_ellipsoid_volume_is_that_of_the_formula():
    grid = oblique_grid(60, 60)
    voxels = (ellipsoid(grid.points, (1, 2, 3), (12, 17, 20)) < 0).sum()
    assert voxels * abs(np.linalg.det(grid.affine[:3, :3])) == pytest.approx(
        4 / 3 * np.pi * 12 * 17 * 20, rel=5e-3
    )


def test_capsule_measures_to_the_segment():
    points = np.array([[5, 0, 0], [-3, 0, 0], [14, 3, 0]], dtype=float).T
    start, end = np.zeros(3), np.array([10.0, 0, 0])
    assert capsule(points, start, end, 1.0) == pytest.approx([-1, 2, 4])


def test_capsule_without_length_is_a_ball():
    assert capsule(np.array([[0.0], [3], [4]]), np.zeros(3), np.zeros(3), 1.0) == pytest.approx([4])


def test_cover_is_half_on_the_border_and_a_ramp_about_it():
    assert cover(np.array([-2, -1, 0, 0.5, 1, 2.0]), 2.0) == pytest.approx([1, 1, 0.5, 0.25, 0, 0])


def test_paint_mixes_by_fraction_per_channel():
    image = np.ones((2, 3))
    paint(image, np.array([0, 0.5, 1]), (3.0, -1.0))
    assert image.tolist() == [[1, 2, 3], [1, 0, -1]]


def test_tubes_fill_the_volume_of_a_cylinder():
    grid = oblique_grid(60, 60)
    image = np.zeros((1, *grid.shape), dtype=np.float32)
    tube = Tube(np.array([-15.0, 0, 0]), np.array([15.0, 4, 0]), 4.0)
    paint_tubes(image, grid, [tube], [1.0])
    length = np.linalg.norm(tube.end - tube.start)
    expected = np.pi * 16 * length + 4 / 3 * np.pi * 64
    assert image.sum() * abs(np.linalg.det(grid.affine[:3, :3])) == pytest.approx(expected, rel=0.03)


def test_tubes_outside_the_grid_change_nothing():
    grid, far = oblique_grid(), np.array([500.0, 0, 0])
    image = np.zeros((1, *grid.shape), dtype=np.float32)
    paint_tubes(image, grid, [Tube(far, far + 5, 2.0)], [1.0])
    assert not image.any()
