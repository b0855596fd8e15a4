import numpy as np
import pytest

from segmake.errors import GeometryError
from segmake.metrics.counts import Counts, check_shapes, count, joint_box

TRUTH = np.array([[True, True], [False, False]])
PREDICTION = np.array([[True, False], [True, False]])


def test_a_two_by_two_case_by_hand():
    assert count(PREDICTION, TRUTH) == Counts(tp=1, fp=1, fn=1, tn=1)


def test_sizes_of_both_masks():
    counts = count(np.array([True, True, True, False]), np.array([True, False, False, False]))
    assert (counts.prediction, counts.truth) == (3, 1)


def test_swapping_the_masks_swaps_the_errors():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 5, 6, 7)) < 0.3
    forth, back = count(a, b), count(b, a)
    assert (forth.tp, forth.fp, forth.fn, forth.tn) == (back.tp, back.fn, back.fp, back.tn)


def test_cropped_masks_count_as_the_whole_image():
    truth = np.zeros((9, 8, 7), dtype=bool)
    prediction = truth.copy()
    truth[2:5, 3:6, 1:4] = True
    prediction[3:6, 3:6, 1:4] = True
    box = joint_box(prediction, truth)
    assert count(prediction[box], truth[box], truth.size) == count(prediction, truth)


def test_counts_add_up_to_the_image():
    rng = np.random.default_rng(1)
    counts = count(rng.random((4, 4, 4)) < 0.5, rng.random((4, 4, 4)) < 0.5)
    assert counts.tp + counts.fp + counts.fn + counts.tn == 64


def test_the_joint_box_is_tight_around_both_masks():
    a, b = np.zeros((2, 10, 11, 12), dtype=np.uint8)
    a[2, 5, 7] = 4
    b[6, 3, 7] = 1
    assert joint_box(a, b) == (slice(2, 7), slice(3, 6), slice(7, 8))


def test_the_joint_box_of_a_full_image_is_the_image():
    full = np.ones((3, 4, 5), dtype=bool)
    assert joint_box(full) == (slice(0, 3), slice(0, 4), slice(0, 5))


def test_the_joint_box_of_empty_masks_is_empty():
    empty = np.zeros((3, 4, 5), dtype=bool)
    assert empty[joint_box(empty, empty)].size == 0


def test_the_joint_box_matches_a_search_voxel_by_voxel():
    rng = np.random.default_rng(2)
    for _ in range(20):
        mask = rng.random((6, 7, 8)) < 0.01
        where = np.argwhere(mask)
        if len(where):
            expected = tuple(slice(a, b + 1) for a, b in zip(where.min(0), where.max(0), strict=True))
            assert joint_box(mask) == expected


def test_masks_on_two_grids_are_refused():
    with pytest.raises(GeometryError, match=r"\(2, 2\), \(2, 3\)"):
        count(np.ones((2, 2), dtype=bool), np.ones((2, 3), dtype=bool))
    check_shapes(np.ones((2, 2)), np.zeros((2, 2)))
