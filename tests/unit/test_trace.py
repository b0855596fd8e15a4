import numpy as np
import pytest

from segmake.volume.dicom.contours import fill
from segmake.volume.dicom.trace import keyhole, outlines
from segmake.volume.volume import Array


def area(loop: Array) -> float:
    x, y = loop.T
    return float(abs(np.roll(x, -1) @ y - x @ np.roll(y, -1)) / 2)


def drawn(mask: Array) -> Array:
    """The mask as our own reader fills its outlines, [row, column]."""
    return fill([loop[:, ::-1] for loop in outlines(mask)], mask.shape)


def test_one_pixel_is_a_diamond_round_it() -> None:
    mask = np.zeros((5, 7), bool)
    mask[2, 4] = True
    (loop,) = outlines(mask)
    assert sorted(map(tuple, loop.tolist())) == [(3.5, 2), (4, 1.5), (4, 2.5), (4.5, 2)]


def test_nothing_has_no_outline() -> None:
    assert outlines(np.zeros((3, 4), bool)) == []


def test_a_hole_is_cut_open_and_taken_off() -> None:
    mask = np.ones((7, 7), bool)
    mask[3, 3] = False
    (loop,) = outlines(mask)
    assert area(loop) == pytest.approx(49 - 4 * 0.125 - 0.5)
    assert np.array_equal(drawn(mask), mask)


def test_keyholes_lead_to_every_hole_and_back() -> None:
    square = np.array([[0, 0], [10, 0], [10, 10], [0, 10.0]])
    holes = [np.array([[2, 2], [2, 4], [4, 4], [4, 2.0]]), np.array([[6, 6], [6, 8], [8, 8], [8, 6.0]])]
    made = keyhole(square, holes)
    assert len(made) == 4 + 2 * 6
    assert area(made) == 100 - 4 - 4


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_filled_as_it_was(seed: int) -> None:
    mask = np.random.default_rng(seed).random((31, 24)) < 0.2 + 0.1 * seed
    assert np.array_equal(drawn(mask), mask)


def test_an_island_in_a_hole_is_a_part_of_its_own() -> None:
    mask = np.ones((9, 9), bool)
    mask[2:7, 2:7] = False
    mask[4, 4] = True
    assert len(outlines(mask)) == 2
    assert np.array_equal(drawn(mask), mask)
