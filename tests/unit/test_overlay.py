import numpy as np
import pytest

from segmake.figures.overlay import draw_slices
from segmake.figures.slices import cut_slices
from segmake.figures.style import to_png, width_inches

LABELS = {"core": 1, "edge": 2}


@pytest.fixture
def case():
    image = np.arange(20 * 30 * 10, dtype=np.float32).reshape(20, 30, 10)
    truth = np.zeros(image.shape, np.uint8)
    truth[4:10, 10:20, 3:6] = 2
    truth[6:8, 12:16, 4] = 1
    prediction = np.roll(truth, 1, axis=0)
    return image, truth, prediction


def overlay(image, truth, prediction, spacing_mm, labels):
    return draw_slices(cut_slices(image, truth, prediction, spacing_mm, labels))


def test_all_planes_have_one_scale(case):
    figure = overlay(*case, (1.0, 1.0, 2.0), LABELS)
    assert {abs(np.diff(panel.get_xlim())[0]) for panel in figure.axes} == {30.0}
    assert {np.diff(panel.get_ylim())[0] for panel in figure.axes} == {30.0}


def test_three_planes_show_the_right_slices(case):
    figure = overlay(*case, (1.0, 1.0, 2.0), LABELS)
    axial, coronal, sagittal = figure.axes
    assert axial.get_title(loc="left") == "Axial, slice 4 of 10"
    shown = np.asarray(axial.images[0].get_array())
    assert np.array_equal(shown, cut_slices(*case, (1.0, 1.0, 2.0), LABELS).planes[2].grey.T)
    assert list(axial.images[0].get_extent()) == [-0.5, 19.5, -0.5, 29.5]
    assert coronal.get_title(loc="left") == "Coronal, slice 11 of 30"
    assert sagittal.get_title(loc="left").startswith("Sagittal, slice 5")


def test_patients_right_is_on_the_left_and_front_is_up(case):
    axial = overlay(*case, (1.0, 1.0, 2.0), LABELS).axes[0]
    left, right = axial.get_xlim()
    assert left > right
    letters = {text.get_text(): text.get_position() for text in axial.texts}
    assert letters["R"][0] < letters["L"][0]
    assert letters["A"][1] > letters["P"][1]


def test_outlines_lie_on_the_voxels_in_mm(case):
    image, truth, _ = case
    axial = overlay(image, truth, truth * 0, (2.0, 1.0, 1.0), {"edge": 2}).axes[0]
    (outline,) = axial.collections
    corners = np.concatenate([path.vertices for path in outline.get_paths()])
    assert corners[:, 0].min() == pytest.approx(7.0)  # voxel 4 of 2 mm is centred at 8, its face at 7
    assert corners[:, 0].max() == pytest.approx(19.0)
    assert (corners[:, 1].min(), corners[:, 1].max()) == pytest.approx((9.5, 19.5))


def test_outlines_of_single_voxels_are_squares_not_diamonds():
    mask = np.zeros((9, 9, 9), np.uint8)
    mask[4, 4, 4] = 1
    axial = overlay(mask * 1.0, mask, mask * 0, (1.0, 1.0, 1.0), {"dot": 1}).axes[0]
    (path,) = axial.collections[0].get_paths()
    x, y = path.vertices.T
    area = abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2
    assert area == pytest.approx(1.0, abs=0.05)


def test_a_label_at_the_border_and_an_empty_truth_can_be_drawn():
    image = np.zeros((4, 4, 4), np.float32)
    full, empty = np.ones((4, 4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)
    assert to_png(overlay(image, empty, full, (1, 1, 1), LABELS), 40)
    assert to_png(overlay(image, empty, empty, (1, 1, 1), LABELS), 40)


def test_in_a_single_column_titles_are_short_and_planes_as_wide(case):
    slices = cut_slices(*case, (1.0, 1.0, 2.0), LABELS)
    figure = draw_slices(slices, width_inches("single"))
    assert figure.get_figwidth() == pytest.approx(88 / 25.4)
    assert figure.axes[0].get_title(loc="left") == "Axial 4/10"


def test_the_key_names_every_label_and_both_lines(case):
    words = [text.get_text() for text in overlay(*case, (1, 1, 2), LABELS).legends[0].get_texts()]
    assert words == ["core", "edge", "truth", "prediction"]


def test_bytes_repeat(case):
    assert to_png(overlay(*case, (1, 1, 2), LABELS), 50) == to_png(overlay(*case, (1, 1, 2), LABELS), 50)
