import numpy as np
import pytest

from segmake.errors import InputError
from segmake.volume.repairs import compact, fill_non_finite, map_labels, snap
from segmake.volume.scan import Note
from segmake.volume.volume import Volume


def volume(data: np.ndarray) -> Volume:
    return Volume(data, np.eye(4))


def test_voxels_that_are_no_numbers_get_the_least_value_of_their_channel() -> None:
    data = np.arange(2000, dtype=np.float32).reshape(2, 10, 10, 10) + 5
    data[0, 1, 2, 3], data[1, 4, 5, 6], data[1, 0, 0, 1] = np.nan, np.inf, -np.inf
    given = data.copy()
    filled, counts = fill_non_finite(volume(data), "t1.nii")
    assert counts == (1, 2)
    assert filled.data[0, 1, 2, 3] == 5
    assert filled.data[1, 4, 5, 6] == filled.data[1, 0, 0, 1] == 1005
    assert np.array_equal(data, given, equal_nan=True)
    assert np.count_nonzero(filled.data != np.where(np.isfinite(data), data, filled.data)) == 0


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_whole_volumes_are_passed_on(kind: type) -> None:
    good = volume(np.ones((2, 3, 3, 3), kind))
    filled, counts = fill_non_finite(good, "t1.nii")
    assert filled is good
    assert counts == (0, 0)


def test_sums_that_overflow_are_no_reason_to_fill() -> None:
    good = volume(np.full((1, 3, 3, 3), np.finfo(np.float32).max))
    assert fill_non_finite(good, "x")[1] == (0,)


def test_more_than_a_hundredth_stops() -> None:
    data = np.ones((1, 10, 10, 10), np.float32)
    data.flat[:10] = np.nan
    assert fill_non_finite(volume(data), "t1.nii")[1] == (10,)
    data.flat[10] = np.inf
    with pytest.raises(InputError, match=r"t1\.nii holds 11 voxels of 1000 that are NaN .* at most 1% "):
        fill_non_finite(volume(data), "t1.nii")
    with pytest.raises(InputError, match="1000 voxels of 1000"):
        fill_non_finite(volume(data * np.nan), "t1.nii")


def test_snapping_takes_the_reference_and_notes_all_but_rounding() -> None:
    near = Volume(np.ones((1, 2, 2, 2)), np.eye(4) + 1e-5)
    reference = volume(np.zeros((1, 2, 2, 2)))
    snapped, notes = snap(near, reference, 0.0123)
    assert np.array_equal(snapped.affine, np.eye(4))
    assert snapped.data is near.data
    assert notes == (Note("repair", "grid snapped to the first channel's, 0.0123 mm away"),)
    assert snap(near, reference, 0.9e-4)[1] == ()


def test_label_values_are_exchanged_all_at_once() -> None:
    label = volume(np.array([0, 1, 1, 2, 4, 9], np.int16).reshape(1, 1, 2, 3))
    mapped, notes = map_labels(label, {1: 2, 2: 1, 4: 0, 7: 3})
    assert mapped.data.ravel().tolist() == [0, 2, 2, 1, 0, 9]
    assert mapped.data.dtype == np.int16
    text = (
        "label values by data.label_map: 1 became 2 (2 voxels), 2 became 1 (1 voxels), 4 became 0 (1 voxels)"
    )
    assert notes == (Note("repair", text),)
    assert label.data.ravel().tolist() == [0, 1, 1, 2, 4, 9]


@pytest.mark.parametrize("mapping", [{}, {5: 1}, {3: 1}, {1: 1}])
def test_a_map_without_effect_is_no_repair(mapping: dict[int, int]) -> None:
    label = volume(np.array([0, 1, 4, 0], np.int16).reshape(1, 1, 2, 2))
    assert map_labels(label, mapping) == (label, ())


@pytest.mark.parametrize(
    ("values", "kind", "wanted"),
    [
        ([0, 40], np.uint8, np.int16),
        ([-5, 40], np.int16, np.int16),
        ([0, 32767], np.uint16, np.int16),
        ([0, 65535], np.uint16, np.int32),
        ([-40000, 0], np.int32, np.int32),
        ([0, 4_000_000_000], np.uint32, np.float32),
        ([0.5, 1], np.float64, np.float32),
    ],
)
def test_the_smallest_type_that_holds_the_values(values: list[float], kind: type, wanted: type) -> None:
    made = compact(np.array(values, kind))
    assert made.dtype == wanted
    assert made.tolist() == values
