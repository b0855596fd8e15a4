from itertools import product

import numpy as np
import pytest
from scipy import ndimage

from segmake.volume.geometry import new_spacing
from segmake.volume.interpolation import (
    axis_matrix,
    axis_orders,
    resample_classes,
    resample_image,
)

GRIDS = [
    ((13, 17, 9), (26, 10, 9), (0.5, 1.7, 1.0)),
    ((10, 11, 12), (7, 8, 30), (1.43, 1.3, 0.41)),
    ((1, 5, 6), (3, 2, 13), (0.4, 2.6, 0.45)),
]


def positions(shape: tuple[int, ...], shape_out: tuple[int, ...], ratio: tuple[float, ...]) -> np.ndarray:
    axes = [
        (n - 1) / 2 + (np.arange(m) - (m - 1) / 2) * r
        for n, m, r in zip(shape, shape_out, ratio, strict=True)
    ]
    return np.stack(np.meshgrid(*axes, indexing="ij"))


@pytest.mark.parametrize(("shape", "shape_out", "ratio"), GRIDS)
@pytest.mark.parametrize("order", [1, 3])
def test_equals_scipy(shape, shape_out, ratio, order) -> None:  # type: ignore[no-untyped-def]
    data = np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
    found = resample_image(data, shape_out, ratio, order)
    at = positions(shape, shape_out, ratio)
    for channel, expected in zip(found, data.astype(np.float64), strict=True):
        exact = ndimage.map_coordinates(expected, at, order=order, mode="nearest")
        assert np.abs(channel - exact).max() < 2e-5


def test_nearest_takes_the_closest_voxel() -> None:
    data = np.arange(6, dtype=np.float32).reshape(1, 6, 1, 1)
    found = resample_image(data, (4, 1, 1), (1.4, 1, 1), 0)
    assert found.ravel().tolist() == [0, 2, 3, 5]  # at 0.4, 1.8, 3.2, 4.6


def test_same_grid_returns_the_input_itself() -> None:
    data = np.random.default_rng(0).normal(size=(1, 5, 6, 7)).astype(np.float32)
    assert resample_image(data, (5, 6, 7), (1, 1, 1), 3) is data
    index = np.ones((5, 6, 7), dtype=np.uint8)
    assert np.array_equal(resample_classes(index, (5, 6, 7), (1, 1, 1)), index)


def test_the_ratio_counts_even_when_the_sizes_agree() -> None:
    ramp = np.arange(5, dtype=np.float32).reshape(1, 5, 1, 1)
    found = resample_image(ramp, (5, 1, 1), (0.9, 1, 1), 1)
    assert np.allclose(found.ravel(), [0.2, 1.1, 2.0, 2.9, 3.8])


@pytest.mark.parametrize("order", [0, 1, 3])
def test_a_constant_stays_constant(order: int) -> None:
    data = np.full((1, 9, 8, 7), 3.5, dtype=np.float32)
    assert np.allclose(resample_image(data, (20, 3, 7), (0.45, 2.7, 1), order), 3.5, atol=1e-5)
    assert np.allclose(axis_matrix(9, 20, 0.45, order).sum(axis=1), 1)


@pytest.mark.parametrize("order", [1, 3])
def test_a_ramp_is_exact_inside(order: int) -> None:
    ramp = np.arange(40, dtype=np.float32).reshape(1, 40, 1, 1)
    found = resample_image(ramp, (50, 1, 1), (0.8, 1, 1), order).ravel()
    at = positions((40, 1, 1), (50, 1, 1), (0.8, 1, 1))[0].ravel()
    assert np.allclose(found[10:-10], at[10:-10], atol=2e-3)


def test_a_blob_keeps_its_world_centroid_on_an_oblique_grid() -> None:
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([0.7, 1.1, 2.5])
    affine[:3, 3] = [12, -30, 5]
    grid = np.stack(np.meshgrid(*map(np.arange, (40, 36, 20)), indexing="ij")).astype(float)
    blob = np.exp(
        -(((grid - np.array([22, 15, 9])[:, None, None, None]) / [[[[4]]], [[[3]]], [[[2]]]]) ** 2).sum(0)
    )
    target = (1.0, 1.0, 2.0)
    shape, moved = new_spacing(blob.shape, affine, target)
    ratio = [t / s for t, s in zip(target, (0.7, 1.1, 2.5), strict=True)]
    found = resample_image(blob[None], shape, ratio, 3)[0]
    assert np.linalg.norm(centroid_mm(blob, affine) - centroid_mm(found, moved)) < 0.05


def centroid_mm(weights: np.ndarray, affine: np.ndarray) -> np.ndarray:
    grid = np.stack(np.meshgrid(*map(np.arange, weights.shape), indexing="ij"))
    centre = (grid * weights).sum(axis=(1, 2, 3)) / weights.sum()
    return np.asarray(affine[:3, :3] @ centre + affine[:3, 3])


def shares(index: np.ndarray, shape_out: tuple[int, ...], ratio: tuple[float, ...]) -> np.ndarray:
    at = positions(index.shape, shape_out, ratio)
    return np.stack(
        [ndimage.map_coordinates((index == k) * 1.0, at, order=1, mode="nearest") for k in range(4)]
    )


@pytest.mark.parametrize(("shape", "shape_out", "ratio"), GRIDS)
def test_classes_are_voted(shape, shape_out, ratio) -> None:  # type: ignore[no-untyped-def]
    noise = np.random.default_rng(1).integers(0, 4, shape)
    blobs = noise.copy()
    blobs[: shape[0] // 2] = 0
    blobs[:, shape[1] // 2 :] = 2
    for index in (noise, blobs):
        found = resample_classes(index, shape_out, ratio)
        votes = shares(index, shape_out, ratio)
        clear = np.diff(np.sort(votes, axis=0)[-2:], axis=0)[0] > 1e-5
        assert found.dtype == np.uint8
        assert clear.mean() > 0.9
        assert np.array_equal(found[clear], votes.argmax(axis=0)[clear])


def test_no_class_appears_and_volumes_stay() -> None:
    grid = np.stack(np.meshgrid(*map(np.arange, (60, 60, 60)), indexing="ij")) - 29.5
    radius = np.sqrt((grid**2).sum(axis=0))
    index = (radius < 25).astype(np.uint8) * 5
    index[radius < 15] = 9
    found = resample_classes(index, (86, 43, 60), (0.7, 1.4, 1.0))
    assert sorted(np.unique(found).tolist()) == [0, 5, 9]
    for value in (5, 9):
        volume = (found == value).sum() * 0.7 * 1.4
        assert volume == pytest.approx((index == value).sum(), rel=0.02)


def test_a_background_that_ties_wins() -> None:
    index = np.array([0, 1], dtype=np.uint8).reshape(2, 1, 1)
    assert resample_classes(index, (1, 1, 1), (2, 1, 1)).ravel().tolist() == [0]


def test_an_empty_label_stays_empty() -> None:
    assert not resample_classes(np.zeros((4, 4, 4), dtype=np.uint8), (7, 3, 4), (0.6, 1.3, 1)).any()


def test_the_callers_arrays_are_left_alone() -> None:
    data = np.random.default_rng(0).normal(size=(1, 6, 6, 6)).astype(np.float32)
    index = (data[0] > 0).astype(np.uint8)
    copies = data.copy(), index.copy()
    resample_image(data, (4, 9, 6), (1.5, 0.6, 1), 3)
    resample_classes(index, (4, 9, 6), (1.5, 0.6, 1))
    assert np.array_equal(data, copies[0])
    assert np.array_equal(index, copies[1])


def test_a_coarse_axis_is_treated_apart() -> None:
    assert axis_orders(3, (1, 1, 1), (1, 1, 1)) == (3, 3, 3)
    assert axis_orders(3, (0.5, 0.5, 5), (0.5, 0.5, 5)) == (3, 3, 0)
    assert axis_orders(3, (1, 1, 1), (4, 1, 1)) == (0, 3, 3)
    assert axis_orders(1, (1, 5, 1), (1, 1, 1)) == (1, 0, 1)
    assert axis_orders(3, (1, 4, 4), (1, 1, 1)) == (3, 3, 3)


def test_slices_are_not_mixed_along_a_coarse_axis() -> None:
    data = np.zeros((1, 6, 6, 3), dtype=np.float32)
    data[..., 1] = 1
    orders = axis_orders(3, (1, 1, 5), (0.5, 0.5, 2.5))
    found = resample_image(data, (12, 12, 6), (0.5, 0.5, 0.5), orders)
    for x, z in product(range(12), range(6)):
        assert found[0, x, x, z] == pytest.approx(1.0 if z in (2, 3) else 0.0, abs=1e-5)
