from math import isnan

import numpy as np
import pytest

from segmake.metrics.counts import Counts, count
from segmake.metrics.overlap import (
    dice,
    iou,
    precision,
    recall,
    relative_volume_error,
    volume_error_ml,
    volume_ml,
)

HAND = Counts(tp=3, fp=1, fn=2, tn=4)
NOTHING = Counts(tp=0, fp=0, fn=0, tn=10)


def test_ratios_by_hand():
    assert dice(HAND) == 6 / 9
    assert iou(HAND) == 3 / 6
    assert precision(HAND) == 3 / 4
    assert recall(HAND) == 3 / 5


def test_a_mask_compared_with_itself_is_perfect():
    mask = np.random.default_rng(0).random((5, 5, 5)) < 0.4
    counts = count(mask, mask)
    assert [f(counts) for f in (dice, iou, precision, recall)] == [1.0] * 4
    assert relative_volume_error(counts) == 0.0


def test_disjoint_masks_score_zero():
    counts = Counts(tp=0, fp=4, fn=4, tn=0)
    assert [f(counts) for f in (dice, iou, precision, recall)] == [0.0] * 4


def test_dice_and_iou_are_symmetric_and_tied_to_each_other():
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = rng.random((2, 4, 5, 6)) < 0.5
        forth, back = count(a, b), count(b, a)
        assert dice(forth) == dice(back)
        assert iou(forth) == iou(back)
        assert dice(forth) == pytest.approx(2 * iou(forth) / (1 + iou(forth)), abs=1e-15)
        assert precision(forth) == recall(back)


def test_dice_is_the_harmonic_mean_of_precision_and_recall():
    p, r = precision(HAND), recall(HAND)
    assert dice(HAND) == pytest.approx(2 * p * r / (p + r))


def test_volumes_follow_the_voxel_size():
    assert volume_ml(1000, (1.0, 1.0, 1.0)) == 1.0
    assert volume_ml(10, (0.5, 2.0, 5.0)) == pytest.approx(0.05)


def test_volume_errors_carry_a_sign():
    assert volume_error_ml(HAND, (10.0, 10.0, 10.0)) == -1.0
    assert relative_volume_error(HAND) == -1 / 5
    assert relative_volume_error(Counts(tp=2, fp=2, fn=0, tn=0)) == 1.0
    assert relative_volume_error(Counts(tp=0, fp=0, fn=7, tn=0)) == -1.0


def test_a_ratio_without_a_denominator_is_left_to_the_policy():
    for formula in (dice, iou, precision, recall, relative_volume_error):
        assert isnan(formula(NOTHING))
