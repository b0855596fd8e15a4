import numpy as np
import pytest
from scan_cases import grid, world_mm

from segmake.volume.regrid import background, covered, resample_onto, vote_onto
from segmake.volume.volume import Volume

SHAPE = (20, 24, 18)


def ramp(shape: tuple[int, int, int], affine: np.ndarray) -> np.ndarray:
    """A field that is linear in world space: interpolation must give it exactly."""
    return np.asarray(world_mm(shape, affine) @ [1.0, -2.0, 0.5] + 300, dtype=np.float32)


@pytest.mark.parametrize("degrees", [0, 25])
def test_a_linear_field_is_the_same_on_any_grid(degrees: float) -> None:
    source = grid("RAS", (1, 1, 1), degrees)
    target = source @ np.diag([1.5, 0.7, 2.0, 1])
    target[:3, 3] = source[:3, :3] @ [2.2, 3.1, 1.3] + source[:3, 3]
    shape = (10, 25, 7)
    data, outside = resample_onto(Volume(ramp(SHAPE, source)[None], source), shape, target)
    assert outside == 0
    assert data.dtype == np.float32
    assert np.abs(data[0] - ramp(shape, target)).max() < 1e-3


def test_between_turned_grids_too() -> None:
    source, target = grid("RAS", (1, 1, 1), 0), grid("RAS", (1, 1, 1), 15)
    data, outside = resample_onto(Volume(ramp(SHAPE, source)[None], source), SHAPE, target)
    seen = covered(SHAPE, np.linalg.inv(source) @ target, SHAPE)
    assert outside == pytest.approx(1 - seen.mean())
    assert 0.1 < outside < 0.6
    index = np.linalg.inv(source)[:3] @ np.append(world_mm(SHAPE, target), np.ones((*SHAPE, 1)), 3)[..., None]
    within = ((index[..., 0] >= 0) & (index[..., 0] <= np.array(SHAPE) - 1)).all(axis=-1)
    assert np.abs(data[0] - ramp(SHAPE, target))[within].max() < 1e-3


def test_outside_is_background_and_the_outer_half_voxel_is_not() -> None:
    thick = np.diag([1.0, 1, 5, 1])
    fine = np.eye(4)
    fine[2, 3] = -4.0
    data = np.full((1, 4, 4, 3), 7, np.int16)
    data[0, 0, 0, 0] = -1000
    made, outside = resample_onto(Volume(data, thick), (4, 4, 18), fine)
    line = made[0, 2, 2]  # slices reach from -2.5 to 12.5 mm, voxels from -4 to 13
    assert line.tolist() == [-1000] * 2 + [7] * 15 + [-1000]
    assert outside == pytest.approx(3 / 18)


def test_background_is_zero_where_zeros_are_common() -> None:
    assert background(np.array([-3, 0, 5])) == 0
    assert background(np.array([-3.0, 1, 5])) == -3


@pytest.mark.parametrize("degrees", [0, 20])
def test_votes_keep_values_and_volumes(degrees: float) -> None:
    source = grid("RAS", (1, 1, 1), 0)
    place = np.moveaxis(np.indices((40, 40, 40)), 0, -1) - 19.5
    label = np.zeros((40, 40, 40), np.int16)
    label[np.linalg.norm(place, axis=-1) < 12] = 9
    label[np.linalg.norm(place, axis=-1) < 7] = 300
    centre = source[:3, :3] @ [19.5, 19.5, 19.5] + source[:3, 3]
    target = grid("RAS", (0.8, 1.1, 1.6), degrees)
    target[:3, 3] = centre - target[:3, :3] @ (np.array([49, 37, 25]) / 2)
    made = vote_onto(label, source, (50, 38, 26), target)
    assert made.dtype == np.int16
    assert set(np.unique(made)) == {0, 9, 300}
    voxel = 0.8 * 1.1 * 1.6
    for value in (9, 300):
        assert np.count_nonzero(made == value) * voxel == pytest.approx(
            np.count_nonzero(label == value), rel=0.03
        )
        mean = world_mm(made.shape, target)[made == value].mean(axis=0)
        assert np.linalg.norm(mean - centre) < 0.1


def test_votes_on_the_same_grid_change_nothing_and_outside_is_zero() -> None:
    label = np.random.default_rng(0).choice(np.array([0, 1, 2, 7], np.int16), SHAPE)
    affine = grid("RAS", (1, 2, 3), 10)
    assert np.array_equal(vote_onto(label, affine, SHAPE, affine), label)
    shifted = affine.copy()
    shifted[:3, 3] += affine[:3, 0] * 3
    made = vote_onto(label, affine, SHAPE, shifted)
    assert np.array_equal(made[:-3], label[3:])
    assert not made[-3:].any()
    far = affine.copy()
    far[:3, 3] += 1000
    assert not vote_onto(label, affine, SHAPE, far).any()
