import numpy as np
import pytest
from scipy import ndimage

from segmake.metrics.components import dilate, meetings
from segmake.volume.components import components


def random_mask(seed, density=0.1, shape=(9, 10, 11)):
    return np.random.default_rng(seed).random(shape) < density


@pytest.mark.parametrize("seed", range(4))
def test_parts_are_those_of_scipy_with_all_26_neighbours(seed):
    mask = random_mask(seed)
    found = components(mask)
    expected, count = ndimage.label(mask, np.ones((3, 3, 3)))
    assert found.count == count
    pairs = {(int(a), int(b)) for a, b in zip(found.parts.ravel(), expected.ravel(), strict=True)}
    assert len(pairs) == count + 1  # the same parts, perhaps numbered otherwise


def test_a_corner_joins_and_a_gap_does_not():
    mask = np.zeros((6, 6, 6), dtype=bool)
    mask[0, 0, 0] = mask[1, 1, 1] = mask[3, 3, 3] = True
    assert components(mask).count == 2


@pytest.mark.parametrize("shape", [(3, 1, 1), (1, 5, 1), (1, 1, 31), (3, 3, 1), (9, 3, 3), (7, 5, 15)])
def test_as_many_parts_as_a_grid_can_hold(shape):
    mask = np.zeros(shape, dtype=bool)
    mask[::2, ::2, ::2] = True
    assert components(mask).count == mask.sum()


def test_sizes_and_boxes_by_hand():
    mask = np.zeros((8, 8, 8), dtype=bool)
    mask[:2, :3, :4] = mask[6, 6, 6] = True
    found = components(mask)
    assert found.sizes().tolist() == [0, 24, 1]
    assert found.sizes(np.arange(8)[:, None, None] + np.zeros((8, 8, 8)) > 0).tolist() == [0, 12, 1]
    assert found.boxes() == [
        (slice(0, 2), slice(0, 3), slice(0, 4)),
        (slice(6, 7), slice(6, 7), slice(6, 7)),
    ]
    assert found.among(np.array([2]), (slice(5, 8),) * 3).sum() == 1


def test_nothing_has_no_parts():
    for shape in ((3, 3, 3), (0, 0, 0)):
        found = components(np.zeros(shape, dtype=bool))
        assert (found.count, found.sizes().tolist(), found.boxes()) == (0, [0], [])


def test_meetings_by_hand():
    first, second = np.zeros((2, 10, 1, 1), dtype=bool)
    first[[0, 1, 2, 5, 6]] = True  # parts 0-2 and 5-6
    second[[2, 3, 4, 5, 8]] = True  # parts 2-5 and 8
    found = meetings(components(first), components(second))
    assert (found.first.tolist(), found.second.tolist(), found.voxels.tolist()) == ([1, 2], [1, 1], [1, 1])
    only = meetings(components(first), components(second), np.arange(10).reshape(10, 1, 1) > 3)
    assert (only.first.tolist(), only.second.tolist()) == ([2], [1])


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5])
def test_dilation_is_that_of_scipy(steps):
    mask = random_mask(5, 0.005, (14, 13, 12))
    mask[0, 0, 0] = mask[-1, 5, -1] = True
    element = ndimage.generate_binary_structure(3, 2)
    expected = ndimage.binary_dilation(mask, element, iterations=steps) if steps else mask
    kept = mask.copy()
    assert (dilate(mask, steps) == expected).all()
    assert (mask == kept).all()
