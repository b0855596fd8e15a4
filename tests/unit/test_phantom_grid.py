"""Acquisitions, grids and random streams."""

import numpy as np
import pytest

from segmake.dataset.phantom.grid import Acquisition, Grid, Lesion, lay_grid, rotation, stream
from segmake.volume.geometry import axis_codes, spacing_mm


def test_streams_are_repeatable_and_differ_by_purpose():
    first = stream(3, "brats", 0, "grid").random(4)
    assert np.array_equal(first, stream(3, "brats", 0, "grid").random(4))
    for other in (stream(4, "brats", 0, "grid"), stream(3, "luna", 0, "grid"), stream(3, "brats", 1, "grid")):
        assert not np.array_equal(first, other.random(4))


def test_rotation_turns_x_to_y_about_z():
    assert np.allclose(rotation((0, 0, 2), 90) @ [1, 0, 0], [0, 1, 0])


@pytest.mark.parametrize("codes", ["RAS", "LPS", "PSR", "LIP"])
def test_grid_points_where_its_codes_say(codes):
    shape, affine = lay_grid(Acquisition(codes, (1, 1, 2)), (100, 120, 140), 40, np.zeros(3))
    assert axis_codes(affine) == codes
    assert max(shape) == 40
    assert np.allclose(np.array(spacing_mm(affine)) / spacing_mm(affine)[0], (1, 1, 2))


def test_grid_covers_its_box_and_is_centred():
    shape, affine = lay_grid(Acquisition("PSR", (1, 1, 1.8)), (100, 120, 140), 70, np.array([5.0, 6.0, 7.0]))
    extent = dict(zip("PSR", np.array(shape) * spacing_mm(affine), strict=True))
    assert extent["R"] == pytest.approx(100, abs=3.6)
    assert extent["P"] == pytest.approx(120, abs=2)
    assert extent["S"] == pytest.approx(140, abs=2)
    middle = affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]
    assert np.allclose(middle, (5, 6, 7))


def test_oblique_grid_keeps_voxel_size_and_is_turned_by_the_angle():
    _, affine = lay_grid(Acquisition("RAS", oblique_deg=13), (100, 120, 140), 70, np.zeros(3))
    cosines = affine[:3, :3] / spacing_mm(affine)
    assert np.allclose(cosines.T @ cosines, np.eye(3))
    assert np.rad2deg(np.arccos((np.trace(cosines) - 1) / 2)) == pytest.approx(13)


def test_points_are_affine_times_index():
    affine = np.eye(4)
    affine[:3] = [[0, 2, 0, 5], [-1, 0, 0, 6], [0, 0, 3, 7]]
    points = Grid((2, 3, 4), affine).points
    assert points.shape == (3, 2, 3, 4)
    assert points[:, 1, 2, 3].tolist() == [9, 5, 16]


def test_part_of_a_grid_has_the_same_points():
    shape, affine = lay_grid(Acquisition("LPS", oblique_deg=12), (60, 60, 60), 30, np.zeros(3))
    grid = Grid(shape, affine)
    found = grid.around(np.array([5.0, -4.0, 3.0]), 9.0)
    assert found is not None
    box, part = found
    assert np.allclose(part.points, grid.points[(slice(None), *box)], atol=1e-4)
    near = np.linalg.norm(grid.points - np.array([5.0, -4.0, 3.0])[:, None, None, None], axis=0) < 9
    assert near[box].sum() == near.sum() > 0


def test_no_part_outside_the_grid():
    assert Grid((4, 4, 4), np.eye(4)).around(np.array([50.0, 0.0, 0.0]), 3.0) is None


def test_diameter_is_that_of_the_ball_of_equal_volume():
    assert Lesion((0, 0, 0), 4 / 3 * np.pi * 5**3 / 1000, "benign").diameter_mm == pytest.approx(10)
