import itertools

import numpy as np
import pytest

from segmake.errors import GeometryError
from segmake.volume.geometry import (
    axis_codes,
    check_affine,
    check_spacing,
    corners_mm,
    crop_affine,
    from_canonical,
    grid_distance_mm,
    new_spacing,
    spacing_mm,
    to_canonical,
)
from segmake.volume.volume import Affine, Volume

ORIENTATIONS = [
    (axes, signs)
    for axes in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]


def turned(degrees: float) -> np.ndarray:
    """Rotation about an axis that is none of the grid's (Rodrigues' formula)."""
    x, y, z = np.array([1.0, 2.0, 3.0]) / np.sqrt(14)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def oblique(axes: tuple[int, ...] = (0, 1, 2), signs: tuple[int, ...] = (1, 1, 1)) -> Affine:
    affine = np.eye(4)
    affine[:3, :3] = (turned(17) @ np.eye(3)[:, axes]) * (np.array([0.9, 1.3, 2.5]) * signs)
    affine[:3, 3] = [-12.5, 33.0, 7.25]
    return affine


def located(affine: Affine) -> Volume:
    """Three channels that hold the world position of every voxel."""
    index = np.indices((4, 5, 6)).reshape(3, -1)
    world = affine[:3, :3] @ index + affine[:3, 3:]
    return Volume(world.reshape(3, 4, 5, 6), affine)


def positions(volume: Volume) -> np.ndarray:
    index = np.indices(volume.shape).reshape(3, -1)
    return (volume.affine[:3, :3] @ index + volume.affine[:3, 3:]).reshape(3, *volume.shape)


@pytest.mark.parametrize(("axes", "signs"), ORIENTATIONS)
def test_every_orientation_becomes_ras_and_comes_back(axes: tuple[int, ...], signs: tuple[int, ...]) -> None:
    source = located(oblique(axes, signs))
    before = source.data.copy()
    canonical = to_canonical(source)
    assert axis_codes(canonical.affine) == "RAS"
    assert np.allclose(canonical.data, positions(canonical), rtol=0, atol=1e-9)
    back = from_canonical(canonical, source.affine)
    assert np.array_equal(back.data, source.data)
    assert np.array_equal(back.affine, source.affine)
    assert np.array_equal(source.data, before)


def test_the_48_orientations_are_distinct() -> None:
    assert len({axis_codes(oblique(axes, signs)) for axes, signs in ORIENTATIONS}) == 48


def test_a_canonical_volume_is_returned_as_it_is() -> None:
    source = located(oblique())
    assert to_canonical(source) is source


@pytest.mark.parametrize("degrees", [44.0, 45.0, 46.0, 60.0, 180.0])
def test_strongly_oblique_grids_keep_their_world_positions(degrees: float) -> None:
    affine = np.eye(4)
    affine[:3, :3] = turned(degrees) * [1.0, 2.0, 3.0]
    source = located(affine)
    canonical = to_canonical(source)
    assert np.allclose(canonical.data, positions(canonical), rtol=0, atol=1e-9)
    assert np.array_equal(from_canonical(canonical, affine).data, source.data)


def test_axis_codes_name_where_axes_point() -> None:
    assert axis_codes(np.diag([-1.0, -1, 1, 1])) == "LPS"
    assert axis_codes(oblique((2, 0, 1), (1, -1, 1))) == "SLA"


def test_spacing_does_not_depend_on_rotation() -> None:
    assert np.allclose(spacing_mm(oblique((1, 2, 0), (-1, 1, -1))), (0.9, 1.3, 2.5))


def test_corners_are_voxel_centres() -> None:
    corners = corners_mm((1, 3, 4, 5), np.diag([1.0, 2.0, 3.0, 1.0]))
    assert {tuple(corner) for corner in corners.tolist()} == set(itertools.product((0, 2), (0, 6), (0, 12)))


def test_distance_between_grids_is_that_of_the_farthest_corner() -> None:
    a = located(oblique())
    assert grid_distance_mm(a, a) == 0
    shifted = oblique()
    shifted[:3, 3] += [3.0, 4.0, 0.0]
    assert grid_distance_mm(a, Volume(a.data, shifted)) == pytest.approx(5)
    stretched = oblique()
    stretched[:3, 2] *= 1.1
    assert grid_distance_mm(a, Volume(a.data, stretched)) == pytest.approx(5 * 0.25)
    assert grid_distance_mm(a, Volume(a.data[:, 1:], a.affine)) == float("inf")


def test_a_crop_keeps_the_world_position_of_its_voxels() -> None:
    source = located(oblique((2, 1, 0), (1, -1, 1)))
    before = source.affine.copy()
    cropped = Volume(source.data[:, 1:3, 2:5, 3:], crop_affine(source.affine, (1, 2, 3)))
    assert np.allclose(cropped.data, positions(cropped), rtol=0, atol=1e-9)
    assert np.array_equal(source.affine, before)


def centre_mm(shape: tuple[int, ...], affine: Affine) -> np.ndarray:
    return affine[:3, :3] @ ((np.array(shape) - 1) / 2) + affine[:3, 3]


@pytest.mark.parametrize("target", [(1.0, 1.0, 1.0), (0.37, 2.9, 1.1), (5.0, 0.5, 2.5)])
@pytest.mark.parametrize("degrees", [0.0, 17.0, 130.0])
def test_new_spacing_is_exact_and_keeps_centre_and_directions(
    target: tuple[float, float, float], degrees: float
) -> None:
    affine = np.eye(4)
    affine[:3, :3] = turned(degrees) * [0.9, 1.3, 2.5]
    affine[:3, 3] = [-12.5, 33.0, 7.25]
    shape, found = new_spacing((31, 42, 23), affine, target)
    assert np.allclose(spacing_mm(found), target, rtol=1e-12)
    assert np.allclose(centre_mm(shape, found), centre_mm((31, 42, 23), affine), rtol=0, atol=1e-9)
    assert np.allclose(found[:3, :3] / target, affine[:3, :3] / [0.9, 1.3, 2.5])
    field, old = np.array(shape) * target, np.array((31, 42, 23)) * [0.9, 1.3, 2.5]
    assert (np.abs(field - old) <= np.array(target) / 2 + 1e-9).all()


def test_the_same_spacing_is_the_same_grid() -> None:
    shape, affine = new_spacing((7, 8, 9), oblique(), spacing_mm(oblique()))
    assert shape == (7, 8, 9)
    assert np.allclose(affine, oblique(), rtol=0, atol=1e-12)


def test_an_axis_keeps_at_least_one_voxel() -> None:
    shape, _ = new_spacing((3, 3, 1), np.eye(4), (1, 1, 100))
    assert shape == (3, 3, 1)


@pytest.mark.parametrize("size", [0, -1, np.nan, np.inf, 1e6, 1000, 1e-7])
def test_voxel_sizes_that_cannot_be_meant_are_refused(size: float) -> None:
    with pytest.raises(GeometryError, match=r"voxel sizes of the header are \(1, .*, 1\) mm, not between"):
        check_spacing((1, size, 1), "the header")


def test_sizes_from_microscopes_to_scouts_are_kept() -> None:
    check_spacing((1e-4, 999, 0.5), "the header")
    turn = np.array([[0, -1.5, 0, 10], [0.8, 0, 0.6, -20], [-0.6, 0, 0.8, 30], [0, 0, 0, 1.0]])
    check_affine(turn, "the header")
    check_affine(np.diag([1e-3, 1e-3, 1e-4, 1]), "the header")


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (np.zeros((3, 3)), r"\(0, 0, 0\) mm"),
        (np.full((3, 3), np.nan), r"the sform is .*nan.*, not finite"),
        ([[1, 1, 0], [1, 1, 0], [0, 0, 1]], r"the axes of the sform lie in one plane"),
        ([[1, 1, 0], [1, 1.0001, 0], [0, 0, 1]], r"lie in one plane"),
    ],
)
def test_affines_that_place_nothing_are_refused(matrix: np.ndarray, said: str) -> None:
    affine = np.eye(4)
    affine[:3, :3] = matrix
    with pytest.raises(GeometryError, match=said):
        check_affine(affine, "the sform")
