"""Windows, squares and their pixels."""

import numpy as np
import pytest
from PIL import Image

from segmake.prepare.framing import axis_weights, find_window, frame, frame_whole, to_bytes, to_grey

RNG = np.random.default_rng(0)


def test_windows_by_kind_of_pixels() -> None:
    assert find_window(np.array([0, 9], np.uint8), "ct") == (0, 255)
    assert find_window(np.array([0, 1], bool), "mr") == (0, 1)
    assert find_window(np.array([-2000, 3000], np.int16), "ct") == (-1000, 400)
    values = np.arange(1001, dtype=np.float32)
    assert find_window(np.append(values, [np.nan, np.inf]), "mr") == pytest.approx((5, 995))
    assert find_window(np.full(3, np.nan, np.float32), "mr") == (0, 1)


def test_grey_values_run_from_black_to_white() -> None:
    values = np.array([-1500, -1000, -300, 400, 2000, np.nan, np.inf], np.float32)
    assert to_grey(values, (-1000, 400)).tolist() == [0, 0, 127.5, 255, 255, 0, 255]
    assert to_grey(np.array([5, 5]), (5, 5)).tolist() == [0, 0]
    assert to_bytes(np.array([-3, 0.4, 127.6, 300])).tolist() == [0, 0, 128, 255]


def test_weights_are_means_of_what_lies_round_a_point() -> None:
    weights = axis_weights(6, np.array([0.0, 2.5, 5.5, 5.6, -0.6]), 1)
    assert weights[0].tolist() == [1, 0, 0, 0, 0, 0]
    assert weights[1].tolist() == [0, 0, 0.5, 0.5, 0, 0]
    assert weights[2].tolist() == [0, 0, 0, 0, 0, 1]  # the outer half of the last pixel
    assert weights[3:].sum() == 0  # outside
    wide = axis_weights(8, np.array([3.5]), 4)
    assert wide.sum() == pytest.approx(1)
    assert np.count_nonzero(wide) == 8


def test_a_picture_of_its_own_size_is_itself() -> None:
    picture = RNG.random((9, 9)).astype(np.float32) * 255
    assert np.allclose(frame_whole(picture, (1, 1), 9), picture, atol=1e-4)


def test_making_small_averages_and_does_not_alias() -> None:
    stripes = np.tile([0, 255], (64, 32)).astype(np.float32)
    small = frame_whole(stripes, (1, 1), 16)
    assert np.abs(small - 127.5).max() < 16  # plain sampling would give stripes of 0 or 255
    picture = RNG.random((60, 60)).astype(np.float32) * 255
    pillow = np.asarray(Image.fromarray(picture).resize((20, 20), Image.Resampling.BILINEAR))
    assert np.abs(frame_whole(picture, (1, 1), 20) - pillow).max() < 0.01


def test_a_large_picture_is_read_off_as_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = RNG.random((300, 250)).astype(np.float32) * 255
    few = [frame(picture, (1, 1), middle, 290, 30) for middle in ((150, 120), (40, 240), (900, 10))]
    monkeypatch.setattr("segmake.prepare.framing.SPARSE", 1000)
    all_ = [frame(picture, (1, 1), middle, 290, 30) for middle in ((150, 120), (40, 240), (900, 10))]
    assert np.allclose(few, all_, atol=1e-3)


def test_a_whole_picture_is_not_stretched() -> None:
    wide = frame_whole(np.full((20, 40), 200, np.float32), (1, 1), 40)
    assert (wide[10:30] > 199).all()
    assert (wide[:10] == 0).all()
    assert (wide[30:] == 0).all()
    thick = frame_whole(np.full((20, 40), 200, np.float32), (2, 1), 40)  # pixels twice as high: a square
    assert (thick > 199).all()


def test_a_square_lies_round_its_middle_in_mm() -> None:
    rows, columns = np.mgrid[:50, :80].astype(np.float32)
    cut = frame(rows * 2 + columns, (0.5, 0.25), (20.25, 30.5), 5.0, 10)
    # a pixel of 0.5 mm is a row, and two columns
    middle = 20.25 * 2 + 30.5
    assert cut.mean() == pytest.approx(middle, abs=1e-3)
    assert np.allclose(np.diff(cut, axis=0), 2, atol=1e-3)
    assert np.allclose(np.diff(cut, axis=1), 2, atol=1e-3)


@pytest.mark.parametrize("middle", [(0, 0), (49, 79), (-100, 40), (25, 500)])
def test_beyond_the_picture_all_is_black(middle: tuple[float, float]) -> None:
    cut = frame(np.full((50, 80), 100, np.float32), (1, 1), middle, 20, 20)
    inside = cut[cut > 0]
    assert np.allclose(inside, 100, atol=1e-3)
    rows, columns = (
        sum(0 <= point - 9.5 + i + 0.5 <= count for i in range(20))
        for point, count in zip(middle, (50, 80), strict=True)
    )
    assert inside.size == rows * columns
