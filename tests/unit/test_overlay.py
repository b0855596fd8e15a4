import numpy as np
import pytest

from segmake.figures.overlay import clearest_channel, grey_window, largest_slice, overlay, view_box_mm
from segmake.figures.style import to_png

LABELS = {"core": 1, "edge": 2}


@pytest.fixture
def case():
    image = np.arange(20 * 30 * 10, dtype=np.float32).reshape(20, 30, 10)
    truth = np.zeros(image.shape, np.uint8)
    truth[4:10, 10:20, 3:6] = 2
    truth[6:8, 12:16, 4] = 1
    prediction = np.roll(truth, 1, axis=0)
    return image, truth, prediction


def test_the_largest_cross_section_is_found():
    mask = np.zeros((5, 5, 5), bool)
    mask[2, 1:4, 1:4] = True
    mask[3, 2, 2] = True
    assert largest_slice(mask, 0) == 2
    assert largest_slice(np.zeros((5, 6, 7), bool), 2) == 3


def test_the_view_is_a_cube_in_mm_round_the_mask():
    mask = np.zeros((100, 100, 50), bool)
    mask[40:61, 50, 25] = True
    box = view_box_mm(mask, np.array([2.0, 2.0, 4.0]))
    assert (box[:, 1] - box[:, 0]).tolist() == [64.0, 64.0, 64.0]
    assert box.mean(axis=1).tolist() == [100.0, 100.0, 100.0]


def test_the_view_stays_inside_the_image_and_has_a_least_size():
    mask = np.zeros((100, 20, 50), bool)
    mask[0, 0, 49] = True
    box = view_box_mm(mask, np.ones(3))
    assert box.tolist() == [[-0.5, 29.5], [-5.5, 24.5], [19.5, 49.5]]  # centred where 20 mm are too few


def test_an_empty_mask_shows_the_whole_image():
    box = view_box_mm(np.zeros((4, 6, 2), bool), np.ones(3))
    assert box.tolist() == [[-1.5, 4.5], [-0.5, 5.5], [-2.5, 3.5]]


def test_all_planes_have_one_scale(case):
    figure = overlay(*case, (1.0, 1.0, 2.0), LABELS)
    assert {abs(np.diff(panel.get_xlim())[0]) for panel in figure.axes} == {30.0}
    assert {np.diff(panel.get_ylim())[0] for panel in figure.axes} == {30.0}


def test_the_grey_window_looks_at_the_view_only_and_at_finite_values():
    image = np.full((10, 10, 10), 5.0)
    image[0, 0, 0] = 1e9
    image[5, 5, 5] = np.nan
    view = np.array([[2.0, 8.0]] * 3)
    low, high = grey_window(image, view, np.ones(3))
    assert low == 5.0
    assert 5.0 < high < 5.1


def test_three_planes_show_the_right_slices(case):
    figure = overlay(*case, (1.0, 1.0, 2.0), LABELS)
    axial, coronal, sagittal = figure.axes
    assert axial.get_title(loc="left") == "Axial, slice 4 of 10"
    shown = np.asarray(axial.images[0].get_array())
    assert np.array_equal(shown, case[0][:, :, 3].T)
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


def test_the_channel_with_most_contrast_is_shown():
    rng = np.random.Generator(np.random.Philox(1))
    mask = np.zeros((12, 12, 12), np.uint8)
    mask[4:8, 4:8, 4:8] = 1
    noise = rng.normal(0, 1, (3, 12, 12, 12))
    image = noise + np.array([1.0, -5.0, 2.0])[:, None, None, None] * mask
    assert clearest_channel(image, mask > 0, (1, 1, 1)) == 1
    assert clearest_channel(image * np.array([9.0, 1.0, 9.0])[:, None, None, None], mask > 0, (1, 1, 1)) == 1
    assert clearest_channel(image, mask > 5, (1, 1, 1)) == 0
    assert clearest_channel(image[:1], mask > 0, (1, 1, 1)) == 0


def test_a_label_at_the_border_and_an_empty_truth_can_be_drawn():
    image = np.zeros((4, 4, 4), np.float32)
    full, empty = np.ones((4, 4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8)
    assert to_png(overlay(image, empty, full, (1, 1, 1), LABELS), 40)
    assert to_png(overlay(image, empty, empty, (1, 1, 1), LABELS), 40)


def test_inputs_are_left_alone_and_bytes_repeat(case):
    copies = [array.copy() for array in case]
    first = to_png(overlay(*case, (1, 1, 2), LABELS), 50)
    assert first == to_png(overlay(*case, (1, 1, 2), LABELS), 50)
    for array, copy in zip(case, copies, strict=True):
        assert np.array_equal(array, copy)
