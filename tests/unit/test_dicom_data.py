"""Every real series beside the repository: its verdict, or its voxels and geometry."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from segmake.errors import InputError
from segmake.volume.dicom import read_dicom
from segmake.volume.geometry import to_canonical

pytestmark = pytest.mark.data


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("notavolume/001", r"all 4 slices lie at one position \(001\.dcm to 004\.dcm\); they are no volume"),
        (
            "sliceincrement/001",
            r"a slice is missing between IM-0001-0009-0001\.dcm and IM-0001-0010-0001\.dcm: "
            r"they are 10 mm apart, the others 5 mm",
        ),
        (
            "sliceincrement/002",
            r"a slice is missing between IM-0001-0003\.dcm and IM-0001-0005\.dcm: they are 1\.499 mm apart, "
            r"the others 0\.7497 mm",
        ),
        ("sliceorientation/001", r"two orientations: .* is turned against .* by 124 degrees"),
    ],
)
def test_series_that_are_no_volume(shared_data: Path, name: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        read_dicom(shared_data / "dicom_hard/failing" / name)


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("failing/slicecount/001", 0),
        ("ge/anatomical/001", 0),
        ("ge/anatomical/001_implicit", 0),
        ("ge/anatomical/001_single_slice", 1),
        ("generic/anatomical/001", 0),
        ("generic/anatomical/001_implicit", 0),
        *((f"generic/compressed{kind}/001", 0) for kind in ("", "_j2k", "_jpeg", "_jpegls", "_rle")),
        ("generic/rgb/001", 0),
        ("generic/anatomical/002_non_isotropic", 0),
        ("philips_enhanced/anatomical/001", 0),
        ("philips_enhanced/anatomical/001_implicit", 0),
    ],
)
def test_series_with_a_known_volume(shared_data: Path, name: str, notes: int) -> None:
    folder = shared_data / "dicom_hard"
    scan = read_dicom(folder / name)
    found = to_canonical(scan.volume)
    truth = nib.as_closest_canonical(nib.load(folder / f"{name}_ground_truth.nii.gz"))
    assert len(scan.notes) == notes
    assert np.allclose(found.affine, truth.affine, rtol=0, atol=1e-4)
    voxels = expected(truth)
    if found.data.dtype.kind == "f":  # the peer multiplied by the slope in 32 bits: the last may differ
        assert np.allclose(found.data, voxels, rtol=2**-23, atol=2**-20)
    else:
        assert np.array_equal(found.data, voxels)


def expected(truth: nib.Nifti1Image) -> np.ndarray:
    """The truth's voxels as channels: colours are records in the file, a single time point an axis."""
    voxels = np.asanyarray(truth.dataobj)
    if voxels.dtype.names:
        return np.stack([voxels[colour] for colour in "RGB"])
    return voxels.reshape(truth.shape[:3])[np.newaxis]


def test_a_tilted_gantry_without_its_tag(shared_data: Path) -> None:
    folder = shared_data / "dicom_hard/failing/gantrytilting/001"
    scan = read_dicom(folder)
    (note,) = scan.notes
    assert note.kind == "repair"
    assert note.text.startswith("gantry tilt of 14 degrees corrected")
    axes = scan.volume.affine[:3, :3] / scan.volume.spacing_mm
    assert np.allclose(axes.T @ axes, np.eye(3), rtol=0, atol=1e-6)
    assert scan.volume.spacing_mm == pytest.approx((0.41796875, 0.41796875, 5 * 0.970295726), abs=1e-6)
    # Slice 1 lies where its header says: each new row is a mixture of the two rows around it.
    raw = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "IM-0001-0002.dcm")))[0]
    world = [106.791015625, 256.61886606561, -56.951915066986]
    start = np.linalg.solve(scan.volume.affine[:3, :3], world - scan.volume.affine[:3, 3])
    row = int(np.ceil(start[1] - 1e-6))
    assert (start[0], start[2]) == (pytest.approx(0, abs=1e-6), pytest.approx(1, abs=1e-6))
    fraction = row - start[1]
    mixed = raw[:-1] * (1 - fraction) + raw[1:] * fraction
    assert np.abs(scan.volume.data[0, :, row : row + 511, 1].T - mixed).max() <= 0.51
    with pytest.raises(InputError, match="tilted by 14 degrees"):
        read_dicom(folder, "stop")


def test_the_outside_of_a_ct(shared_data: Path) -> None:
    scan = read_dicom(shared_data / "dicom_seg/ct-3slice")
    assert [note.text for note in scan.notes] == [
        "167316 voxels (21 %) outside of the scan held -3024; set to -1024"
    ]
    files = [str(shared_data / f"dicom_seg/ct-3slice/0{number}.dcm") for number in (3, 2, 1)]
    peer = sitk.GetArrayFromImage(sitk.ReadImage(files))
    assert np.array_equal(scan.volume.data[0], np.maximum(peer, -1024).T)


@pytest.mark.parametrize("name", ["23x38x3", "24x38x3"])
def test_a_multi_frame_ct_is_its_slices(shared_data: Path, name: str) -> None:
    one, many = (
        read_dicom(shared_data / "dicom_seg" / name / kind).volume for kind in ("multiframe", "image")
    )
    assert np.array_equal(one.data, many.data)
    assert np.allclose(one.affine, many.affine, rtol=0, atol=1e-4)
    assert one.shape == tuple(int(size) for size in name.split("x"))
    assert one.affine[:3, 3] == pytest.approx([-46.4649, -5.01881, -177.75])


def test_a_chest_ct_is_what_simpleitk_reads(shared_data: Path) -> None:
    folder = next((shared_data / "chest_ct_dicom").iterdir())
    found = read_dicom(folder)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))
    peer = sitk.ReadImage(names)
    assert np.array_equal(found.volume.data[0], sitk.GetArrayViewFromImage(peer).T)
    assert found.volume.spacing_mm == pytest.approx(peer.GetSpacing(), abs=1e-5)
    assert found.volume.affine[:3, 3] == pytest.approx(np.array(peer.GetOrigin()) * [-1, -1, 1])
    assert found.notes == ()
