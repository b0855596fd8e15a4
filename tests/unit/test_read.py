from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from segmake.dataset.phantom.write import write_dicom_series
from segmake.errors import GeometryError, InputError
from segmake.volume.geometry import to_canonical
from segmake.volume.read import as_labels, read_volume
from segmake.volume.volume import Volume

DATA = np.random.default_rng(0).integers(-1000, 3000, (4, 5, 6)).astype(np.int16)
AFFINE = np.array([[1.5, 0, 0, 10], [0, 2.0, 0, -20], [0, 0, 2.5, 30], [0, 0, 0, 1.0]])


def label(values: list[float], kind: type = np.float32) -> Volume:
    return Volume(np.array(values, dtype=kind).reshape(1, -1, 1, 1), np.eye(4))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "B.NII.GZ", "a.mha", "a.mhd", "a.nrrd", "series"])
def test_every_format_gives_the_same_volume(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "series":
        write_dicom_series(path, "case", Volume(DATA[None], AFFINE), seed=0)
    elif ".nii" in name.lower():
        nib.save(nib.Nifti1Image(DATA, AFFINE), tmp_path / name.lower())
        (tmp_path / name.lower()).rename(path)
    else:
        image = sitk.GetImageFromArray(DATA.T)
        image.SetSpacing((1.5, 2.0, 2.5))
        image.SetOrigin((-10.0, 20.0, 30.0))
        image.SetDirection((-1.0, 0, 0, 0, -1.0, 0, 0, 0, 1.0))
        sitk.WriteImage(image, str(path))
    volume = to_canonical(read_volume(path))
    assert np.array_equal(volume.data[0], DATA)
    assert np.allclose(volume.affine, AFFINE)


def test_an_unknown_format_is_named_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png has no known format \(\.nii, \.nii\.gz, \.mhd"):
        read_volume(tmp_path / "a.png")


def test_a_grid_that_is_none_is_named(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(DATA, AFFINE), tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[280:296] = bytes(16)
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(GeometryError, match=r"a\.nii cannot be used: .*zero voxel size"):
        read_volume(tmp_path / "a.nii")
    sitk.WriteImage(sitk.GetImageFromArray(DATA[0]), str(tmp_path / "b.mha"))
    with pytest.raises(GeometryError, match=r"b\.mha cannot be used: a volume has three axes"):
        read_volume(tmp_path / "b.mha")


def test_masks_that_are_nearly_whole_are_rounded() -> None:
    found = as_labels(label([0, 0.99999997, 1.0000001, 3.9999995]), "mask")
    assert found.data.dtype == np.int16
    assert found.data.ravel().tolist() == [0, 1, 1, 4]


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.uint16])
def test_whole_numbers_keep_their_value(kind: type) -> None:
    source = label([0, 2, 200], kind)
    assert as_labels(source, "mask").data.ravel().tolist() == [0, 2, 200]
    assert source.data.dtype == kind


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([0, 0.5], "mask.nii holds values that are not whole numbers"),
        ([0, np.nan], "not whole numbers"),
        ([0, np.inf], "not whole numbers"),
        ([-1, 1], r"values from -1 to 1; label values lie in 0\.\.32767"),
        ([0, 40000], "values from 0 to 40000"),
    ],
)
def test_what_is_no_label_map_is_refused(values: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_labels(label(values), "mask.nii")


def test_large_integers_do_not_wrap_round() -> None:
    with pytest.raises(InputError, match="values from 0 to 65536"):
        as_labels(label([0, 65536], np.int64), "mask")


def test_a_label_map_has_one_channel() -> None:
    with pytest.raises(InputError, match=r"mask has 2 channels; a label map has one"):
        as_labels(Volume(np.zeros((2, 3, 3, 3)), np.eye(4)), "mask")


@pytest.mark.data
def test_a_real_mask_of_nearly_ones_is_not_empty(shared_data: Path) -> None:
    path = shared_data / "brats2015/test/brats_2013_pat0001_1/brainmask.nii.gz"
    assert np.asanyarray(nib.load(path).dataobj).astype(int).max() == 0
    assert np.count_nonzero(as_labels(read_volume(path), "mask").data == 1) == 1_487_565
