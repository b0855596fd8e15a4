import numpy as np
import pytest
from registration_cases import SHAPE, SPACING, displacement, grid, head

from segmake.errors import GeometryError
from segmake.volume.registration import movement, register_rigid
from segmake.volume.regrid import resample_onto
from segmake.volume.volume import Volume


@pytest.mark.parametrize(("shift", "degrees"), [((5, -4, 3), 0), ((-3, 2, 4), 8)])
def test_a_known_movement_is_found_within_half_a_voxel(shift, degrees) -> None:
    fixed, still = head("t1"), head("t2")
    known = displacement(shift, degrees)
    moved = Volume(still.data, known @ still.affine)
    found = register_rigid(moved, fixed)
    corners = np.array([[x, y, z, 1] for x in (-28, 28) for y in (-30, 30) for z in (14, 68)], float)
    off = (corners @ (found @ known).T - corners)[:, :3]
    assert np.linalg.norm(off / SPACING, axis=1).max() < 0.5
    millimetres, angle = movement(found, moved)
    assert millimetres == pytest.approx(np.linalg.norm(shift), abs=0.75)
    assert angle == pytest.approx(degrees, abs=1)
    data, _ = resample_onto(Volume(moved.data, found @ moved.affine), SHAPE, fixed.affine)
    inside = head("t1").data[0] > 50
    assert np.corrcoef(data[0][inside], still.data[0][inside])[0, 1] > 0.95


def test_the_result_is_the_same_to_the_bit() -> None:
    fixed, moved = head("t1"), Volume(head("t2").data, displacement((2, 3, -4), 3) @ grid())
    assert np.array_equal(register_rigid(moved, fixed), register_rigid(moved, fixed))


def test_scans_that_do_not_overlap_start_from_equal_centres() -> None:
    fixed, still = head("t1"), head("t2")
    known = displacement((500, 0, 0), 0)
    found = register_rigid(Volume(still.data, known @ still.affine), fixed)
    assert np.abs((found @ known - np.eye(4))[:3, 3]).max() < 1


def test_movement_of_a_volume() -> None:
    assert movement(np.eye(4), head()) == (0, 0)
    millimetres, degrees = movement(displacement((3, 0, 4), 20), head())
    assert (millimetres, degrees) == pytest.approx((5, 20))


def test_nothing_to_register_is_explained() -> None:
    blank = Volume(np.zeros((1, *SHAPE), np.float32), grid())
    with pytest.raises(GeometryError, match=r"cannot be registered: .*; set convert\.register: none"):
        register_rigid(blank, blank)
