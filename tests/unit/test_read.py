from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_cases import a_series, edit, move
from PIL import Image

from segmake.dataset.phantom.write import write_dicom_series
from segmake.errors import GeometryError, InputError
from segmake.volume.geometry import to_canonical
from segmake.volume.read import read_scan, read_volume
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


def test_every_image_file_gives_one_slice(tmp_path: Path) -> None:
    for name in ("a.png", "a.TIFF"):
        Image.fromarray(DATA[:, :, 0].T.astype(np.uint8)).save(tmp_path / name)
        volume = read_volume(tmp_path / name)
        assert volume.shape == (4, 5, 1)
        assert np.array_equal(volume.data[0, :, :, 0], DATA[:, :, 0].astype(np.uint8))


def test_dicom_is_known_by_its_ending_its_magic_and_its_folder(tmp_path: Path) -> None:
    write_dicom_series(tmp_path / "a", "case", Volume(DATA[None], AFFINE), seed=0)
    (tmp_path / "a/0002.dcm").rename(tmp_path / "a/IM2")
    (tmp_path / "a/0003.dcm").rename(tmp_path / "a/3.IMA")
    uid = pydicom.dcmread(tmp_path / "a/IM2").SeriesInstanceUID
    assert read_volume(tmp_path / f"a#{uid}").shape == (4, 5, 6)
    for number, name in ((1, "0001.dcm"), (2, "IM2"), (3, "3.IMA")):
        found = to_canonical(read_volume(tmp_path / "a" / name))
        assert np.array_equal(found.data[0, :, :, 0], DATA[:, :, number])
        assert found.affine[2, 3] == pytest.approx(30 + 2.5 * number)


def test_the_policy_for_tilt_reaches_the_reader(tmp_path: Path) -> None:
    edit(a_series(tmp_path / "a"), lambda number, data: move(number, (0, number, 0))(number, data))
    assert [note.kind for note in read_scan(tmp_path / "a").notes] == ["repair"]
    with pytest.raises(InputError, match="the gantry was tilted"):
        read_scan(tmp_path / "a", "stop")


@pytest.mark.parametrize("name", ["a.pdf", "a", "a#1.2.3"])
def test_an_unknown_format_is_named_with_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bytes(300))
    rule = name + r" has no known format \(\.nii, \.nii\.gz, \.mhd.*\.tiff, or DICOM\)"
    with pytest.raises(InputError, match=rule):
        read_volume(tmp_path / name)


@pytest.mark.parametrize("name", ["a.nii.gz", "a.mha", "a.png", "a.dcm", "a", "a#1.2.3", "a#1.nii"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} does not exist; correct the path"):
        read_volume(tmp_path / name)


def test_a_grid_that_is_none_is_named(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(DATA, AFFINE), tmp_path / "a.nii")
    content = bytearray((tmp_path / "a.nii").read_bytes())
    content[280:296] = bytes(16)
    (tmp_path / "a.nii").write_bytes(content)
    with pytest.raises(GeometryError, match=r"a\.nii cannot be used: .*; repair its header"):
        read_volume(tmp_path / "a.nii")
