from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from segmake.dataset.phantom.write import write_dicom_series
from segmake.errors import GeometryError, InputError
from segmake.volume.geometry import to_canonical
from segmake.volume.read import read_volume
from segmake.volume.volume import Volume

DATA = np.random.default_rng(0).integers(-1000, 3000, (4, 5, 6)).astype(np.int16)
AFFINE = np.array([[1.5, 0, 0, 10], [0, 2.0, 0, -20], [0, 0, 2.5, 30], [0, 0, 0, 1.0]])


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
