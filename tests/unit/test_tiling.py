import itertools

import pytest

from segmake.inference.tiling import choose_tiling

CT = (340, 340, 533)


def test_stripes_follow_the_axis_that_leaves_the_smallest_ring():
    assert choose_tiling(CT, CT, (96, 96, 96), 20, 8e9).axis == 2
    assert choose_tiling((512, 512, 99), (512, 512, 99), (160, 160, 64), 4, 8e9).axis == 0
    assert choose_tiling((50, 50, 50), (50, 50, 50), (64, 64, 32), 4, 8e9).axis == 2


def test_what_fits_is_not_cut():
    found = choose_tiling(CT, (512, 512, 800), (96, 96, 96), 20, 8e9)
    assert found.block == CT[found.across]
    assert len(list(found.boxes(CT))) == 1
    ring = 4 * 21 * 96 * 340 * 340
    assert ring < found.bytes < ring + 200e6


@pytest.mark.parametrize("room", [2e9, 1e9, 5e8, 3e8])
def test_what_does_not_fit_is_cut_further(room):
    shape = (512, 512, 800)
    found = choose_tiling(shape, shape, (96, 96, 96), 20, room)
    assert found.bytes <= room
    assert found.block < 512
    boxes = list(found.boxes(shape))
    assert boxes[0].start == (0, 0, 0)
    for one, two in itertools.pairwise(boxes):
        assert two.start[found.across] == one.start[found.across] + one.size[found.across] - 1
    last = boxes[-1]
    assert last.start[found.across] + last.size[found.across] == shape[found.across]
    assert all(box.size[found.axis] == shape[found.axis] for box in boxes)


def test_there_is_always_a_way():
    found = choose_tiling((512, 512, 800), (1024, 1024, 1600), (96, 96, 96), 100, -1e9)
    assert (found.rows, found.block) == (1, 48)
    assert len(list(found.boxes((512, 512, 800)))) > 10
    tiny = choose_tiling((1, 1, 1), (1, 1, 1), (96, 96, 96), 2, 1e9)
    assert [box.size for box in tiny.boxes((1, 1, 1))] == [(1, 1, 1)]


def test_no_last_block_is_one_shared_row():
    found = choose_tiling((9, 9, 9), (9, 9, 9), (4, 4, 4), 2, 1e9)
    for block in range(2, 12):
        tiling = type(found)(0, 1, 1, 1, block, 0)
        boxes = list(tiling.boxes((9, 9, 9)))
        assert boxes[-1].start[1] + boxes[-1].size[1] == 9
        assert all(box.size[1] > 1 for box in boxes)
