import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageColor

from segmake.figures.palette import ON_IMAGE
from segmake.figures.thumbnail import (
    GAP_PX,
    SIDE_PX,
    bright_slices,
    fit_labels,
    grey_window,
    labelled_slices,
    thumbnail,
)

STEP = SIDE_PX + GAP_PX
WHOLE = (slice(None),) * 3


def drawn(image, label=None, spacing=(1, 1, 1)):
    """The picture as [rows, columns, 3], and its planes as grey values."""
    data = thumbnail(image, label, spacing)
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    return picture, [picture[:, i * STEP : i * STEP + SIDE_PX].mean(axis=2) for i in range(3)]


def octant(*bright):
    """A cube of 48 voxels, bright in the upper part of the given axes."""
    image = np.ones((1, 48, 48, 48), np.float32)
    image[(0, *(slice(24, None) if axis in bright else slice(None) for axis in range(3)))] = 9
    image[0, 0, 0, 0] = 0
    return image


def halves(plane):
    half = SIDE_PX // 2
    return {
        "left": plane[:, :half].mean(),
        "right": plane[:, half:].mean(),
        "top": plane[:half].mean(),
        "bottom": plane[half:].mean(),
    }


@pytest.mark.parametrize(
    ("axis", "plane", "side"),
    [(0, 0, "left"), (0, 1, "left"), (1, 0, "top"), (1, 2, "left"), (2, 1, "top"), (2, 2, "top")],
)
def test_right_and_front_are_on_the_left_and_superior_is_up(axis, plane, side):
    """RAS+: the upper half along x is the patient's right, along y the front, along z superior."""
    middle = np.zeros((48, 48, 48), np.uint8)
    middle[24, 24, 24] = 1
    _, planes = drawn(octant(axis), middle)
    seen = halves(planes[plane])
    opposite = {"left": "right", "top": "bottom"}[side]
    assert seen[side] > seen[opposite] + 150


def test_thick_slices_keep_their_proportion():
    image = np.full((1, 40, 40, 10), 5.0)
    image[0, 0, 0, 0] = 0
    _, (axial, coronal, sagittal) = drawn(image, spacing=(1, 1, 2))
    assert (axial > 100).all(axis=0).sum() == SIDE_PX
    for plane in (coronal, sagittal):
        rows = np.flatnonzero(plane.mean(axis=1) > 100)
        assert len(rows) == SIDE_PX // 2
        assert rows[0] + rows[-1] == SIDE_PX - 1


def test_slices_go_through_the_most_labelled_voxels():
    label = np.zeros((20, 30, 40), np.int16)
    label[3, 4, 5] = 1
    label[10:13, 20:22, 30] = 2
    assert labelled_slices(label, WHOLE) == (10, 20, 30)
    assert labelled_slices(label * 0, WHOLE) is None


def test_a_lesion_between_the_thinned_out_voxels_is_found():
    label = np.zeros((400, 20, 20), np.int16)
    label[302, 4, 5] = 1
    assert labelled_slices(label, (slice(None, None, 6), slice(None), slice(None))) == (302, 4, 5)


def test_without_a_label_the_slices_go_through_what_is_bright():
    image = np.full((40, 40, 40), -1000.0)
    image[30:39, 2:5, 10:21] = 40
    assert bright_slices(image, WHOLE) == (34, 3, 15)
    steps = (slice(None, None, 2), slice(None), slice(None))
    assert bright_slices(image[::2], steps) == (34, 3, 15)
    assert bright_slices(np.ones((5, 7, 9)), WHOLE) == (2, 3, 4)


def test_an_empty_label_is_as_none():
    image = octant(0, 1)
    assert thumbnail(image, np.zeros(image.shape[1:], np.uint8), (1, 1, 1)) == thumbnail(
        image, None, (1, 1, 1)
    )


def test_labels_are_outlined_in_their_colours_and_the_inside_stays_visible():
    image, label = octant(), np.zeros((48, 48, 48), np.int16)
    label[8:20, 8:40, 8:40] = 1
    label[28:40, 8:40, 8:40] = 2
    picture, _ = drawn(image, label)
    axial = picture[:, :SIDE_PX]
    for value, x in ((1, 2 * (48 - 14)), (2, 2 * (48 - 34))):  # columns run from high x to low
        hue = np.array(ImageColor.getrgb(ON_IMAGE[value - 1]))
        assert np.abs(axial[2 * 8, x] - hue).max() < 60
        assert np.ptp(axial[48, x]) < 12  # grey


@pytest.mark.parametrize("pixels", [(5, 3), (20, 30), (96, 96)])
def test_no_label_is_lost_in_a_small_picture(pixels):
    plane = np.zeros((30, 20), np.int16)
    plane[17, 11], plane[2, 3] = 7, 2
    small = fit_labels(plane, *pixels)
    assert small.shape == pixels[::-1]
    assert set(np.unique(small)) == {0, 2, 7}


def test_a_larger_picture_repeats_labels():
    plane = np.array([[1, 2], [3, 4]])
    assert fit_labels(plane, 4, 2).tolist() == [[1, 1, 2, 2], [3, 3, 4, 4]]


def test_the_grey_window_leaves_background_and_padding_out():
    values = np.concatenate([np.zeros(5000), np.full(5000, -3024.0), np.linspace(-1000, 1000, 1001)])
    assert grey_window(values) == pytest.approx((-990, 990), abs=1)
    assert grey_window(np.array([0, 1, 1, 0])) == (0, 1)
    assert grey_window(np.array([-5.0, 0, 0])) == pytest.approx((-5, 0), abs=0.1)
    assert grey_window(np.full(4, 1e20)) == (0, 2e20)


@pytest.mark.parametrize("value", [0, -1024, 3e38])
def test_a_constant_image_is_grey(value):
    picture, planes = drawn(np.full((2, 8, 8, 8), value, np.float32))
    assert all(np.abs(plane - 128).max() < 3 for plane in planes)
    assert picture.shape == (SIDE_PX, 3 * STEP - GAP_PX, 3)


def test_a_flat_image_has_one_plane_as_seen():
    image = np.ones((3, 40, 20, 1), np.uint8)
    image[0, 20:] = 200
    picture = np.asarray(Image.open(io.BytesIO(thumbnail(image, None, (0.1, 0.1, 1)))))
    assert picture.shape == (SIDE_PX, SIDE_PX, 3)
    assert picture[48, 10].mean() > 250 > 5 > picture[48, 85].mean()


def test_the_same_case_gives_the_same_small_file_and_nothing_is_changed():
    noise = np.random.default_rng(0).normal(size=(1, 40, 50, 40)).astype(np.float32)
    label = (noise[0] > 2).astype(np.int16)
    kept = noise.copy(), label.copy()
    first = thumbnail(noise, label, (1, 1, 1))
    assert first == thumbnail(np.asfortranarray(noise), label, (1, 1, 1))
    assert len(first) < 30_000
    assert np.array_equal(noise, kept[0])
    assert np.array_equal(label, kept[1])


def test_no_plotting_library_is_loaded():
    code = "import sys, segmake.figures.thumbnail; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
