import numpy as np
import pytest

from segmake.errors import InputError
from segmake.figures.slices import (
    clearest_channel,
    cut_slices,
    grey_window,
    inside,
    largest_slice,
    read_slices,
    save_slices,
    view_box_mm,
)

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


def test_the_grey_window_looks_at_the_view_only_and_at_finite_values():
    image = np.full((10, 10, 10), 5.0)
    image[0, 0, 0] = 1e9
    image[5, 5, 5] = np.nan
    view = np.array([[2.0, 8.0]] * 3)
    low, high = grey_window(image, view, np.ones(3))
    assert low == 5.0
    assert 5.0 < high < 5.1


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


def test_the_slices_are_the_right_ones_and_cut_to_the_view(case):
    image, truth, prediction = case
    slices = cut_slices(image, truth, prediction, (1.0, 1.0, 2.0), LABELS)
    sagittal, coronal, axial = slices.planes
    assert [plane.place.tolist() for plane in slices.planes] == [[4, 20], [10, 30], [3, 10]]
    x, y, z = inside(
        view_box_mm((truth > 0) | (prediction > 0), np.array([1.0, 1, 2])), (1.0, 1, 2), image.shape
    )
    assert np.array_equal(axial.truth, truth[x, y, 3])
    assert np.array_equal(coronal.prediction, prediction[x, 10, z])
    assert np.array_equal(sagittal.truth, truth[4, y, z])
    assert axial.start_mm.tolist() == [x.start, y.start]
    assert coronal.spacing_mm.tolist() == [1.0, 2.0]


def test_grey_values_run_from_black_to_white_and_keep_their_order(case):
    image, truth, prediction = case
    axial = cut_slices(image, truth, prediction, (1.0, 1.0, 2.0), LABELS).planes[2]
    assert axial.grey.dtype == np.uint8
    assert np.all(np.diff(axial.grey.astype(int), axis=0) >= 0)
    dark = cut_slices(-image, truth, prediction, (1.0, 1.0, 2.0), LABELS).planes[2]
    assert np.abs(axial.grey.astype(int) + dark.grey - 255).max() <= 1


def test_a_voxel_without_a_value_is_black_and_values_without_a_name_are_background(case):
    image, truth, prediction = (array.copy() for array in case)
    image[:, :, 3] = np.nan
    truth[0, 0, 3] = 9
    axial = cut_slices(image, truth, prediction, (1.0, 1.0, 2.0), LABELS).planes[2]
    assert not axial.grey.any()
    assert set(np.unique(axial.truth)) == {0, 2}


def test_what_is_saved_is_read_again_and_bytes_repeat(case, tmp_path):
    slices = cut_slices(*case, (1.0, 1.0, 2.0), LABELS | {"rest": 300})
    for name in "ab":
        save_slices(tmp_path / f"{name}.npz", slices)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    again = read_slices(tmp_path / "a.npz")
    assert again.labels == {"core": 1, "edge": 2, "rest": 300}
    for plane, other in zip(slices.planes, again.planes, strict=True):
        for name, value in vars(plane).items():
            assert np.array_equal(value, getattr(other, name)), name


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04nothing", None])
def test_a_damaged_or_missing_file_is_explained(case, tmp_path, damage):
    if damage is not None:
        (tmp_path / "a.npz").write_bytes(damage)
    with pytest.raises(InputError, match=r"a\.npz"):
        read_slices(tmp_path / "a.npz")


def test_slices_of_other_arrays_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))
    with pytest.raises(InputError, match="run `segmake examples` again"):
        read_slices(tmp_path / "a.npz")


def test_inputs_are_left_alone(case):
    copies = [array.copy() for array in case]
    cut_slices(*case, (1.0, 1.0, 2.0), LABELS)
    assert all(np.array_equal(array, copy) for array, copy in zip(case, copies, strict=True))
