import numpy as np
import pytest
from scipy import ndimage

from segmake.prepare.crop import background_value, crop, nonzero_box, nonzero_mask
from segmake.volume.components import fill_holes


def test_a_voxel_counts_when_any_channel_is_not_zero() -> None:
    data = np.zeros((2, 3, 3, 3), dtype=np.float32)
    data[0, 0, 1, 2] = -1
    data[1, 2, 1, 0] = 5
    mask = nonzero_mask(data)
    assert sorted(map(tuple, np.argwhere(mask).tolist())) == [(0, 1, 2), (2, 1, 0)]


def test_a_constant_around_the_body_counts_as_zero() -> None:
    data = np.full((2, 6, 7, 8), -3.25, dtype=np.float32)
    data[1] = 0
    data[0, 2:4, 3:5, 1:7] = [[0.0]]
    assert (background_value(data[0]), background_value(data[1])) == (-3.25, 0.0)
    assert nonzero_box(nonzero_mask(data)) == ((2, 3, 1), (2, 2, 6))


def test_corners_that_differ_are_no_background() -> None:
    data = np.full((1, 6, 7, 8), 5, dtype=np.int16)
    data[0, -1, -1, -1] = 6
    assert background_value(data[0]) == 0
    assert nonzero_box(nonzero_mask(data)) == ((0, 0, 0), (6, 7, 8))
    data[0, 2, 2, 2] = 0
    assert nonzero_mask(data).sum() == data.size - 1


def test_a_slice_has_corners_too() -> None:
    flat = np.full((4, 1, 5), 7.0)
    flat[1, 0, 2] = 1
    assert background_value(flat) == 7.0


def test_the_mask_leaves_the_data_alone() -> None:
    data = np.eye(3, dtype=np.int16)[None, None].repeat(2, axis=0)
    before = data.copy()
    nonzero_mask(data)
    assert np.array_equal(data, before)


def test_the_box_is_tight() -> None:
    mask = np.zeros((8, 9, 10), dtype=bool)
    mask[2, 3, 4] = mask[5, 3, 8] = True
    assert nonzero_box(mask) == ((2, 3, 4), (4, 1, 5))


def test_the_box_of_nothing_is_the_whole_grid() -> None:
    assert nonzero_box(np.zeros((4, 5, 6), dtype=bool)) == ((0, 0, 0), (4, 5, 6))


def test_crop_takes_the_last_three_axes() -> None:
    data = np.arange(2 * 4 * 5 * 6).reshape(2, 4, 5, 6)
    assert np.array_equal(crop(data, ((1, 2, 3), (2, 2, 2))), data[:, 1:3, 2:4, 3:5])
    assert np.array_equal(crop(data[0], ((1, 2, 3), (2, 2, 2))), data[0, 1:3, 2:4, 3:5])


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_holes_are_those_of_scipy(share: float) -> None:
    mask = np.random.default_rng(0).random((20, 21, 22)) < share
    assert np.array_equal(fill_holes(mask), ndimage.binary_fill_holes(mask))


def test_a_cavity_is_filled_and_a_bay_is_not() -> None:
    mask = np.zeros((7, 7, 7), dtype=bool)
    mask[1:6, 1:6, 1:6] = True
    mask[3, 3, 3] = False
    mask[1, 3, 3] = False
    filled = fill_holes(mask)
    assert filled[3, 3, 3]
    assert not filled[1, 3, 3]
    assert filled.sum() == mask.sum() + 1
    assert not fill_holes(np.zeros((3, 3, 3), dtype=bool)).any()
    assert fill_holes(np.ones((3, 3, 3), dtype=bool)).all()
