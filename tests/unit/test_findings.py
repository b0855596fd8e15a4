import numpy as np
import pytest

from segmake.volume.findings import COLUMNS, findings
from segmake.volume.volume import Volume

SHIFT = np.array([10.0, -20.0, 5.0])


def volume(mask, spacing=(1.0, 1.0, 1.0), turn=None) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if turn is None else turn) @ np.diag(spacing)
    affine[:3, 3] = SHIFT
    return Volume(np.asarray(mask, np.uint8)[np.newaxis], affine)


def test_one_voxel_is_as_wide_as_its_longest_edge() -> None:
    mask = np.zeros((4, 4, 4))
    mask[1, 2, 3] = 2
    (found,) = findings(volume(mask, (0.5, 2.0, 3.0)), {"a": 1, "b": 2})
    assert (found.label, found.number, found.voxels) == ("b", 1, 1)
    assert found.volume_ml == pytest.approx(0.003)
    assert found.centroid_mm == pytest.approx((10.5, -16.0, 14.0))
    assert found.axial_diameter_mm == pytest.approx(2.0)
    assert found.diameter_mm == pytest.approx(3.0)


def test_a_bar_is_as_long_as_its_voxels() -> None:
    mask = np.zeros((9, 4, 9))
    mask[1:8, 2, 3] = 1
    (found,) = findings(volume(mask, (2, 1, 1)), {"a": 1})
    assert found.axial_diameter_mm == found.diameter_mm == pytest.approx(14.0)
    mask = mask.transpose(2, 1, 0)  # along z: an axial slice shows one voxel
    (found,) = findings(volume(mask, (2, 1, 1)), {"a": 1})
    assert (found.axial_diameter_mm, found.diameter_mm) == pytest.approx((2.0, 7.0))


def test_a_ball_has_its_diameter_in_any_orientation() -> None:
    x, y, z = np.indices((30, 30, 30))
    ball = (x - 14) ** 2 + (y - 15) ** 2 + (z - 13) ** 2 <= 10**2
    angle = np.deg2rad(25)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    for axes in (None, turn, turn[[2, 0, 1]]):
        (found,) = findings(volume(ball, turn=axes), {"a": 1})
        assert found.axial_diameter_mm == pytest.approx(21, abs=0.2)
        assert found.diameter_mm == pytest.approx(21, abs=0.2)
        world = (np.eye(3) if axes is None else axes) @ [14, 15, 13] + SHIFT
        assert found.centroid_mm == pytest.approx(tuple(world))
        assert found.volume_ml == pytest.approx(4 / 3 * np.pi, rel=0.03)


def test_axial_slices_are_found_by_world_axes() -> None:
    mask = np.zeros((9, 9, 9))
    mask[1:8, 4, 4] = 1
    upright = np.array([[0, 0, 1.0], [0, 1, 0], [1, 0, 0]])  # the first axis goes up
    (found,) = findings(volume(mask, turn=upright), {"a": 1})
    assert (found.axial_diameter_mm, found.diameter_mm) == pytest.approx((1.0, 7.0))


def test_parts_are_counted_from_the_largest_and_small_ones_left_out() -> None:
    mask = np.zeros((20, 20, 20))
    mask[0, 0, 0] = mask[1, 1, 1] = 1  # touching at a corner
    mask[5:9, 5:9, 5:9] = 1
    mask[15:18, 15, 15] = 1
    every = findings(volume(mask), {"a": 1})
    assert [(found.number, found.voxels) for found in every] == [(1, 64), (2, 3), (3, 2)]
    assert [found.voxels for found in findings(volume(mask), {"a": 1}, smallest_ml=0.003)] == [64, 3]
    assert findings(volume(mask), {"b": 2}) == []


def test_a_row_has_all_columns() -> None:
    mask = np.zeros((3, 3, 3))
    mask[1, 1, 1] = 1
    (found,) = findings(volume(mask), {"a": 1})
    assert tuple(found.row()) == COLUMNS
    assert list(found.row().values()) == ["a", "1", "1", "0.0010", "11.00", "-19.00", "6.00", "1.00", "1.00"]
