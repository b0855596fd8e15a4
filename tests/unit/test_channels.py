from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from segmake.errors import GeometryError, InputError
from segmake.volume.channels import check_grid, read_channels
from segmake.volume.volume import Volume

SHAPE = (4, 5, 6)
AFFINE = np.array([[1.5, 0, 0, 10], [0, 2.0, 0, -20], [0, 0, 2.5, 30], [0, 0, 0, 1.0]])


def saved(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    nib.save(nib.Nifti1Image(data, affine), path)
    return path


def numbers(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 1000, SHAPE).astype(np.int16)


def test_files_of_different_orientation_are_stacked_in_one(tmp_path: Path) -> None:
    flipped = AFFINE @ np.diag([-1.0, 1, 1, 1])
    flipped[:3, 3] += AFFINE[:3, 0] * (SHAPE[0] - 1)
    paths = [
        saved(tmp_path / "flipped.nii.gz", numbers(0)[::-1], flipped),
        saved(tmp_path / "turned.nii.gz", numbers(1).transpose(2, 0, 1), AFFINE[:, [2, 0, 1, 3]]),
        saved(tmp_path / "straight.nii.gz", numbers(2)),
    ]
    image, source = read_channels(paths, tolerance_mm=1e-3)
    assert np.array_equal(image.data, [numbers(0), numbers(1), numbers(2)])
    assert np.allclose(image.affine, AFFINE)
    assert np.allclose(source.affine, flipped)
    assert np.array_equal(source.data[0], numbers(0)[::-1])


def test_one_file_may_hold_all_channels(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii.gz", np.stack([numbers(0), numbers(1)], axis=-1))
    image, _ = read_channels([path, path], tolerance_mm=1e-3)
    assert np.array_equal(image.data, [numbers(0), numbers(1)])


def test_the_number_of_channels_must_agree(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii.gz", np.stack([numbers(0), numbers(1)], axis=-1))
    with pytest.raises(InputError, match=r"a\.nii\.gz .* hold 2 channels, expected 3"):
        read_channels([path] * 3, tolerance_mm=1e-3)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (np.array([0, 40], np.uint8), np.int16),
        (np.array([0, 65535], np.uint16), np.int32),
        (np.array([-40000, 0], np.int32), np.int32),
        (np.array([0, 4_000_000_000], np.uint32), np.float32),
        (np.array([0.5, 1], np.float64), np.float32),
    ],
)
def test_the_smallest_type_that_holds_the_values(tmp_path: Path, data: np.ndarray, kind: type) -> None:
    path = saved(tmp_path / "a.nii.gz", np.broadcast_to(data, (3, 3, 2)))
    image, _ = read_channels([path], tolerance_mm=1e-3)
    assert image.data.dtype == kind
    assert image.data[0, 0, 0].tolist() == data.tolist()


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    data = numbers().astype(np.float32)
    data[1, 2, 3] = np.nan
    with pytest.raises(InputError, match=r"bad\.nii holds values that are not finite"):
        read_channels([saved(tmp_path / "bad.nii", data)], tolerance_mm=1e-3)


def test_files_on_two_grids_are_refused(tmp_path: Path) -> None:
    shifted = AFFINE.copy()
    shifted[0, 3] += 0.5
    paths = [saved(tmp_path / "t1.nii", numbers()), saved(tmp_path / "t2.nii", numbers(), shifted)]
    rule = r"one grid within 0\.01 mm, but .*t2\.nii does not \(0\.5 mm apart\)"
    with pytest.raises(GeometryError, match=rule):
        read_channels(paths, tolerance_mm=0.01)
    assert read_channels(paths, tolerance_mm=0.6)[0].data.shape == (2, *SHAPE)


def test_files_of_two_sizes_are_refused() -> None:
    small, large = Volume(np.zeros((1, 3, 4, 5)), np.eye(4)), Volume(np.zeros((1, 3, 4, 6)), np.eye(4))
    with pytest.raises(GeometryError, match=r"label\.nii does not \(\(3, 4, 5\) against \(3, 4, 6\)\)"):
        check_grid(Path("label.nii"), small, large, 1e-3)
