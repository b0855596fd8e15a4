"""Slices and patches of volumes: what is where, in radiological view, on oblique grids too."""

import numpy as np
import pytest

from segmake.errors import InputError
from segmake.prepare.cutting import (
    Sight,
    axial_slices,
    nearest_slice,
    patch_at,
    slice_middle,
    to_voxel,
)
from segmake.volume.volume import Affine, Array, Volume

WINDOW = (0.0, 255.0)


def turned(degrees: float, axis: int, spacing: tuple[float, float, float] = (1, 1, 1)) -> Affine:
    """An affine that is turned about a world axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    turn = np.eye(3)
    first, second = (a for a in range(3) if a != axis)
    turn[[first, first, second, second], [first, second, first, second]] = c, -s, s, c
    affine = np.eye(4)
    affine[:3, :3] = turn * np.array(spacing)
    affine[:3, 3] = (-30, 12, -200)
    return affine


def ball(affine: Affine, shape: tuple[int, int, int], centre_mm: Array, radius_mm: float) -> Volume:
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    world = index @ affine[:3, :3].T + affine[:3, 3]
    data = 200.0 * (np.linalg.norm(world - centre_mm, axis=-1) <= radius_mm)
    return Volume(data[np.newaxis].astype(np.float32), affine)


def centroid(picture: Array) -> tuple[float, float]:
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    weight = picture.astype(float) / picture.sum(dtype=float)
    return float((rows * weight).sum()), float((columns * weight).sum())


def test_radiological_view() -> None:
    data = np.zeros((1, 4, 5, 3), np.uint8)
    data[0, 3, 4, 1] = 200  # right, front
    ((number, patch),) = [
        s for s in axial_slices(Volume(data, np.eye(4)), Sight([WINDOW], "axial", 16), 1) if s[0] == 1
    ]
    assert number == 1
    rows, columns = np.nonzero(patch[0] > 100)
    assert rows.max() < 4  # front is on top
    assert columns.max() < 6  # the patient's right is on the left (beside half a pixel of black)


def test_every_nth_slice_and_neighbours() -> None:
    data = np.broadcast_to(np.arange(7, dtype=np.uint8) * 30, (1, 16, 16, 7))
    volume = Volume(np.array(data), np.diag([1, 1, 5, 1.0]))
    numbers = [number for number, _ in axial_slices(volume, Sight([WINDOW], "axial", 16), 3)]
    assert numbers == [1, 4]
    patches = dict(axial_slices(volume, Sight([WINDOW], "neighbours", 16), 1))
    assert [[int(c[8, 8]) for c in patches[k]] for k in (0, 3, 6)] == [
        [0, 0, 30],
        [60, 90, 120],
        [150, 180, 180],
    ]
    assert slice_middle(volume, 2) == (7.5, 7.5, 10)


def test_every_channel_has_its_window() -> None:
    data = np.stack([np.full((8, 8, 1), 50.0), np.full((8, 8, 1), 50.0)])
    sight = Sight([(0, 100), (50, 60)], "neighbours", 16)
    ((_, patch),) = axial_slices(Volume(data, np.eye(4)), sight, 1)
    assert patch[:, 8, 8].tolist() == [128, 128, 128, 0, 0, 0]
    assert sight.count() == len(patch) == 6


@pytest.mark.parametrize("degrees", [0, 17, -31])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_place_in_mm_is_in_the_middle_of_its_patch_on_oblique_grids(degrees: float, axis: int) -> None:
    affine = turned(degrees, axis, (0.8, 1.1, 2.0))
    centre = affine[:3, :3] @ np.array([22.3, 18.6, 14]) + affine[:3, 3]
    volume = ball(affine, (45, 40, 30), centre, 7)
    patch = patch_at(volume, centre, 24, Sight([WINDOW], "orthogonal", 48))
    assert patch.shape == (3, 48, 48)
    for plane in patch:
        assert centroid(plane) == pytest.approx((23.5, 23.5), abs=1.0)  # 0.5 mm a pixel
    disc_px = np.count_nonzero(patch[0] > 100)
    assert disc_px == pytest.approx(np.pi * 7**2 / 0.5**2, rel=0.06)  # a circle, though voxels are none


def test_a_patch_moves_with_its_place() -> None:
    centre = np.array([20.0, 20.0, 20.0])
    volume = ball(np.eye(4), (40, 40, 40), centre, 4)
    sight = Sight([WINDOW], "orthogonal", 40)
    axial, coronal, sagittal = patch_at(volume, centre - (6, 3, 2), 40, sight)
    # the place is left, behind and below: the ball is to the viewer's left and further up
    assert centroid(axial) == pytest.approx((19.5 - 3, 19.5 - 6), abs=0.6)
    assert centroid(coronal) == pytest.approx((19.5 - 2, 19.5 - 6), abs=0.6)
    assert sagittal.max() == 0  # six mm beside a ball of four
    assert patch_at(volume, centre - (6, 3, 2), 40, Sight([WINDOW], "axial", 40)).tolist() == [axial.tolist()]


def test_thick_slices_are_not_mixed() -> None:
    data = np.zeros((1, 20, 20, 3), np.uint8)
    data[..., 1] = 200
    volume = Volume(data, np.diag([1, 1, 5, 1.0]))
    assert nearest_slice(volume, (10, 10, 7)) == 1
    patch = patch_at(volume, (10, 10, 7), 8, Sight([WINDOW], "neighbours", 16))
    assert [int(np.median(channel)) for channel in patch] == [0, 200, 0]


@pytest.mark.parametrize("place", [(-1, 5, 5), (5, 20, 5), (5, 5, -300)])
def test_a_place_outside_of_the_scan_is_refused(place: tuple[float, float, float]) -> None:
    volume = Volume(np.zeros((1, 10, 10, 10), np.uint8), np.eye(4))
    with pytest.raises(InputError, match=r"outside of the scan.*check the signs of coordX"):
        patch_at(volume, place, 8, Sight([WINDOW], "axial", 16))
    assert patch_at(volume, (-0.4, 9.4, 9.4), 8, Sight([WINDOW], "axial", 16)).shape == (1, 16, 16)


def test_voxels_of_world_positions() -> None:
    affine = turned(30, 2, (2, 1, 3))
    world = affine @ np.array([4, 5, 6, 1.0])
    assert to_voxel(Volume(np.zeros((1, 2, 2, 2)), affine), world[:3]) == pytest.approx([4, 5, 6])
