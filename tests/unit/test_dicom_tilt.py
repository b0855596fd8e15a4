import numpy as np
import pytest
from scan_cases import grid

from segmake.volume.dicom.tilt import straighten, tilt_degrees
from segmake.volume.volume import Affine, Volume


def sheared(affine: Affine, x: float, y: float) -> Affine:
    """The affine with slices that move by x and y pixels from one to the next."""
    result = np.array(affine)
    result[:3, 2] += affine[:3, :2] @ [x, y]
    return result


def ramp(shape: tuple[int, int, int], affine: Affine) -> np.ndarray:
    """A field that is linear in the world, so that linear interpolation is exact."""
    world = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    return np.asarray(world @ [0.3, -0.7, 0.2] + 50)


@pytest.mark.parametrize(
    ("y", "degrees"), [(0, 0), (1.5, 45), (-1.5, 45), (1.5 * np.tan(np.deg2rad(20)), 20)]
)
def test_the_angle_is_that_of_the_step(y: float, degrees: float) -> None:
    affine = grid(spacing=(1, 2, 3), degrees=30)
    assert tilt_degrees(sheared(affine, 0, y)) == pytest.approx(degrees, abs=1e-6)


@pytest.mark.parametrize("shift", [(0, 0.37), (0, -0.37), (0.21, 0), (-0.6, 0.45), (0, 2), (1.25, -3.5)])
@pytest.mark.parametrize("codes", ["RAS", "LPS", "PIR"])
def test_a_world_point_keeps_its_place_and_value(shift: tuple[float, float], codes: str) -> None:
    affine = sheared(grid(codes, (0.5, 0.8, 3), 25), *shift)
    source = Volume(ramp((9, 8, 6), affine)[np.newaxis], affine)
    found = straighten(source)
    assert tilt_degrees(found.affine) == pytest.approx(0, abs=1e-9)
    assert found.spacing_mm[:2] == pytest.approx((0.5, 0.8))
    expected = ramp(found.shape, found.affine)
    index = np.indices(found.shape).reshape(3, -1)
    world = found.affine[:3, :3] @ index + found.affine[:3, 3:]
    back = np.linalg.inv(affine) @ np.vstack([world, np.ones(world.shape[1])])
    inside = np.all((back[:3] >= -1e-6) & (back[:3] <= np.array([[8], [7], [5]]) + 1e-6), axis=0)
    assert inside.sum() > 200
    difference = (found.data[0] - expected).ravel()[inside]
    assert np.abs(difference).max() < 1e-5


@pytest.mark.parametrize("shift", [(0, 0.37), (-1.4, 0.45)])
def test_the_grid_covers_every_slice(shift: tuple[float, float]) -> None:
    affine = sheared(grid("LPS", (0.5, 0.8, 3)), *shift)
    source = Volume(np.zeros((1, 9, 8, 6)), affine)
    found = straighten(source)
    corners = np.array([(x, y, z, 1) for x in (0, 8) for y in (0, 7) for z in (0, 5)]).T
    index = (np.linalg.inv(found.affine) @ affine @ corners)[:3].T
    assert (index > -1e-6).all()
    assert (index < np.array(found.shape) - 1 + 1e-6).all()


def test_whole_pixels_are_moved_and_nothing_else() -> None:
    data = np.arange(2 * 3 * 4, dtype=np.int16).reshape(1, 2, 3, 4) + 5
    affine = sheared(grid(), 0, 1)
    found = straighten(Volume(data, affine))
    assert found.data.dtype == np.int16
    assert found.shape == (2, 6, 4)
    for number in range(4):
        assert np.array_equal(found.data[0, :, number : number + 3, number], data[0, :, :, number])
        assert np.count_nonzero(found.data[..., number] == 5) >= 6
    assert np.allclose(found.affine, grid())


def test_whole_numbers_stay_whole_and_the_outside_is_air() -> None:
    data = np.full((1, 4, 6, 3), 1000, np.int16)
    data[0, 0, 0, 0] = -1024
    found = straighten(Volume(data, sheared(grid(), 0, 0.5)))
    assert found.data.dtype == np.int16
    assert found.shape == (4, 7, 3)
    assert found.data[0, 1, :, 1].tolist() == [-12, 1000, 1000, 1000, 1000, 1000, -12]
    assert found.data[0, 1, :, 2].tolist() == [-1024, 1000, 1000, 1000, 1000, 1000, 1000]


def test_the_source_is_left_alone() -> None:
    data = np.random.default_rng(0).normal(size=(2, 4, 5, 3)).astype(np.float32)
    before = data.copy()
    found = straighten(Volume(data, sheared(grid(), 0.3, 0.4)))
    assert np.array_equal(data, before)
    assert found.data.dtype == np.float32
    assert found.data.shape[0] == 2
