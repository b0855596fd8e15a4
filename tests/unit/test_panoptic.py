import numpy as np
import pytest
from scipy import ndimage

from segmake.errors import GeometryError
from segmake.metrics.panoptic import panoptic_quality


def bars(*spans, length=40):
    mask = np.zeros((length, 3, 3), dtype=bool)
    for start, stop in spans:
        mask[start:stop, 1, 1] = True
    return mask


def by_the_definition(prediction, truth):
    found, many = ndimage.label(prediction, np.ones((3, 3, 3)))
    true, some = ndimage.label(truth, np.ones((3, 3, 3)))
    ious = []
    for i in range(1, many + 1):
        for j in range(1, some + 1):
            a, b = found == i, true == j
            if (a & b).sum() / (a | b).sum() > 0.5:
                ious.append((a & b).sum() / (a | b).sum())
    tp = len(ious)
    return sum(ious) / (tp + (many - tp) / 2 + (some - tp) / 2)


@pytest.mark.parametrize(
    ("prediction", "truth", "quality"),
    [
        (bars((0, 10)), bars((0, 10)), 1.0),
        (bars((0, 8)), bars((0, 10)), 0.8),
        (bars((0, 5)), bars((0, 10)), 0.0),  # an IoU of exactly 0.5 is no match
        (bars((0, 8), (20, 25)), bars((0, 10)), 0.8 / 1.5),  # a false alarm
        (bars((0, 8)), bars((0, 10), (20, 25)), 0.8 / 1.5),  # a miss
        (bars((0, 20)), bars((0, 9), (11, 20)), 0.0),  # two merged into one: 9 / 20 each
        (bars(), bars((0, 10)), 0.0),
        (bars((0, 10)), bars(), 0.0),
    ],
)
def test_by_hand(prediction, truth, quality):
    assert panoptic_quality(prediction, truth) == pytest.approx(quality)


@pytest.mark.parametrize("seed", range(5))
def test_random_parts(seed):
    rng = np.random.default_rng(seed)
    truth = ndimage.binary_opening(rng.random((20, 20, 20)) < 0.55, iterations=1)
    prediction = truth ^ (rng.random(truth.shape) < 0.03)
    assert panoptic_quality(prediction, truth) == pytest.approx(by_the_definition(prediction, truth))


def test_nothing_against_nothing_is_undefined_here():
    assert np.isnan(panoptic_quality(bars(), bars()))


def test_masks_on_two_grids_are_refused():
    with pytest.raises(GeometryError, match="one grid"):
        panoptic_quality(bars(), bars(length=9))
