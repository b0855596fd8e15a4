import numpy as np

from segmake.volume.cleaning import cleaned

VOXEL_ML = 0.5


def a_map():
    """Two parts of label 3 (8 and 2 voxels), a shell of label 5 with a hole, in which lies one voxel of 3."""
    labels = np.zeros((12, 9, 9), np.uint8)
    labels[0:2, 0:2, 0:2] = 3
    labels[0, 8, 7:9] = 3
    labels[4:9, 2:7, 2:7] = 5
    labels[5:8, 3:6, 3:6] = 0
    labels[6, 4, 4] = 3
    return labels


def test_the_largest_part_stays_and_other_labels_are_left_alone() -> None:
    labels = a_map()
    found = cleaned(labels, 3, "largest", 0.0, VOXEL_ML)
    assert (found == 3).sum() == 8
    assert found[:2, :2, :2].all()
    assert np.array_equal(found == 5, labels == 5)
    assert np.array_equal(labels, a_map())  # the caller's array is as it was


def test_parts_below_a_volume_are_dropped() -> None:
    for smallest_ml, voxels in ((0.5, 11), (0.51, 10), (1.0, 10), (1.01, 8), (4.0, 8), (4.01, 0)):
        assert (cleaned(a_map(), 3, "smallest", smallest_ml, VOXEL_ML) == 3).sum() == voxels


def test_a_hole_is_filled_where_no_other_label_is() -> None:
    found = cleaned(a_map(), 5, "holes", 0.0, VOXEL_ML)
    assert (found == 5).sum() == 125 - 1
    assert found[6, 4, 4] == 3
    assert np.array_equal(cleaned(a_map(), 3, "holes", 0.0, VOXEL_ML), a_map())


def test_nothing_stays_nothing() -> None:
    for kind in ("largest", "smallest", "holes"):
        assert not cleaned(np.zeros((3, 3, 3), np.int16), 1, kind, 1.0, 1.0).any()
