from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset

from segmake.dataset.phantom.write import write_dicom_series
from segmake.errors import InputError
from segmake.volume.dicom import read_series
from segmake.volume.geometry import to_canonical
from segmake.volume.volume import Volume

STRAIGHT = np.eye(3)
TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
DATA = np.random.default_rng(0).integers(-1000, 2000, (5, 4, 7)).astype(np.int16)


def a_volume(turn: np.ndarray = STRAIGHT) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([0.75, 1.25, 3.0])
    affine[:3, 3] = [-12.5, 20.25, 100.0]
    return Volume(DATA[np.newaxis], affine)


@pytest.fixture
def series(tmp_path: Path) -> Path:
    write_dicom_series(tmp_path / "a series, with commas", "case", a_volume(), seed=0)
    return tmp_path / "a series, with commas"


def edit(folder: Path, change: Callable[[int, Dataset], None]) -> None:
    for number, path in enumerate(sorted(folder.iterdir())):
        header = pydicom.dcmread(path)
        change(number, header)
        header.save_as(path)


def move(number: int, offset_mm: tuple[float, float, float]) -> Callable[[int, Dataset], None]:
    """Edit that moves one slice."""

    def change(at: int, header: Dataset) -> None:
        if at == number:
            moved = np.array(header.ImagePositionPatient, dtype=float) + offset_mm
            header.ImagePositionPatient = moved.tolist()

    return change


def assert_is(volume: Volume, expected: Volume) -> None:
    found = to_canonical(volume)
    assert np.array_equal(found.data, expected.data)
    assert np.allclose(found.affine, expected.affine, rtol=0, atol=1e-5)


def test_hounsfield_units_and_world_position(series: Path) -> None:
    assert_is(read_series(series), a_volume())


def test_an_oblique_series_keeps_its_world_position(tmp_path: Path) -> None:
    tilted = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]]) @ TURN
    write_dicom_series(tmp_path / "a", "case", a_volume(tilted), seed=0)
    assert_is(read_series(tmp_path / "a"), a_volume(tilted))


def test_file_names_and_numbers_mean_nothing(series: Path) -> None:
    def renumber(number: int, header: Dataset) -> None:
        header.InstanceNumber = (3 * number) % 7
        header.SliceThickness = 1

    edit(series, renumber)
    for number, path in enumerate(sorted(series.iterdir())):
        path.rename(series / f"IM{(number * 5) % 7}")
    assert_is(read_series(series), a_volume())


def test_the_order_of_slices_may_be_reversed(series: Path) -> None:
    for number, path in enumerate(sorted(series.iterdir())):
        path.rename(series / f"{99 - number}.dcm")
    assert_is(read_series(series), a_volume())


def test_rescale_slope_and_intercept_are_applied(series: Path) -> None:
    def rescale(_: int, header: Dataset) -> None:
        header.RescaleSlope, header.RescaleIntercept = "0.5", "-100"

    edit(series, rescale)
    found = to_canonical(read_series(series))
    assert found.data.dtype == np.float32
    assert np.array_equal(found.data[0], (DATA + 1024) * np.float32(0.5) - 100)


def test_every_slice_may_have_a_scale_of_its_own(series: Path) -> None:
    slopes = np.array([1, 0.5, 0.25, 2, 40, 1, 0.3])  # the first alone would make whole numbers of all

    def rescale(number: int, header: Dataset) -> None:
        header.RescaleSlope, header.RescaleIntercept = str(slopes[number]), "0"

    edit(series, rescale)
    found = to_canonical(read_series(series))
    assert np.allclose(found.data[0], (DATA.astype(float) + 1024) * slopes, rtol=1e-6, atol=0)


def test_what_is_no_slice_is_passed_over(series: Path) -> None:
    (series / "LICENSE.txt").write_text("no scan")
    (series / "empty.dcm").write_bytes(b"")
    (series / "more").mkdir()
    for name, tag in (("report.dcm", "ImagePositionPatient"), ("blank.dcm", "ImageOrientationPatient")):
        header = pydicom.dcmread(series / "0000.dcm")
        setattr(header, tag, None)
        header.save_as(series / name)
    header = pydicom.dcmread(series / "0000.dcm")
    del header.ImagePositionPatient
    header.save_as(series / "dose.dcm")
    assert_is(read_series(series), a_volume())


def test_a_missing_slice_is_named(series: Path) -> None:
    (series / "0003.dcm").unlink()
    rule = r"slices are 3 mm apart, but 6 mm between 0002\.dcm and 0004\.dcm; add the missing slice"
    with pytest.raises(InputError, match=rule):
        read_series(series)


def test_uneven_spacing_is_refused(series: Path) -> None:
    edit(series, move(3, (0, 0, 0.5)))
    with pytest.raises(InputError, match=r"slices are 3 mm apart, but (2\.5|3\.5) mm between"):
        read_series(series)


def test_positions_may_be_rounded(series: Path) -> None:
    edit(series, move(3, (0, 0, 0.004)))
    assert np.allclose(read_series(series).spacing_mm, (0.75, 1.25, 3.0), rtol=0, atol=1e-5)


def test_two_slices_in_one_place_are_named(series: Path) -> None:
    header = pydicom.dcmread(series / "0002.dcm")
    header.save_as(series / "again.dcm")
    with pytest.raises(InputError, match=r"slice (0002|again)\.dcm lies where another one is"):
        read_series(series)


def test_slices_all_in_one_place_are_refused(series: Path) -> None:
    edit(series, lambda _, header: setattr(header, "ImagePositionPatient", [0, 0, 0]))
    with pytest.raises(InputError, match=r"lies where another one is"):
        read_series(series)


def test_several_series_are_refused(series: Path) -> None:
    def other(number: int, header: Dataset) -> None:
        header.SeriesInstanceUID += ".1" if number > 3 else ""

    edit(series, other)
    with pytest.raises(InputError, match=r"holds 2 DICOM series; give each series a folder of its own"):
        read_series(series)


def test_two_sizes_are_refused(series: Path) -> None:
    def shrink(number: int, header: Dataset) -> None:
        if number == 2:
            header.Rows, header.PixelData = 3, header.PixelData[: 3 * 5 * 2]

    edit(series, shrink)
    with pytest.raises(InputError, match=r"differ in size: \[\(3, 5\), \(4, 5\)\]; keep one size"):
        read_series(series)


def test_two_orientations_are_refused(series: Path) -> None:
    def tilt(number: int, header: Dataset) -> None:
        if number > 4:
            header.ImageOrientationPatient = [1, 0, 0, 0, 0.8, 0.6]

    edit(series, tilt)
    with pytest.raises(InputError, match=r"differ in orientation by .*; keep one stack"):
        read_series(series)


def test_a_tilted_gantry_is_refused_without_its_tag(series: Path) -> None:
    edit(series, lambda number, header: move(number, (0, 0.8 * number, 0))(number, header))
    with pytest.raises(InputError, match=r"shifted by 0\.8 mm sideways \(gantry tilt\)"):
        read_series(series)


@pytest.mark.parametrize("count", [0, 1])
def test_a_volume_needs_two_slices(series: Path, count: int) -> None:
    for path in sorted(series.iterdir())[count:]:
        path.unlink()
    with pytest.raises(InputError, match=rf"holds {count} DICOM slices with a position; a volume needs two"):
        read_series(series)


def test_pixels_that_are_cut_short_are_explained(series: Path) -> None:
    path = series / "0004.dcm"
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"DICOM series beginning with .*0000\.dcm cannot be read"):
        read_series(series)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("gantrytilting/001", "gantry tilt"),
        ("notavolume/001", "lies where another one is"),
        ("sliceincrement/001", "mm apart, but"),
        ("sliceincrement/002", "mm apart, but"),
        ("sliceorientation/001", "differ in orientation"),
    ],
)
def test_real_series_that_are_no_volume_are_refused(shared_data: Path, name: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        read_series(shared_data / "dicom_hard/failing" / name)


@pytest.mark.data
@pytest.mark.parametrize(
    "name",
    [
        "generic/anatomical/001",
        "generic/anatomical/001_implicit",
        "generic/anatomical/002_non_isotropic",
        *(f"generic/compressed{kind}/001" for kind in ("", "_j2k", "_jpeg", "_jpegls", "_rle")),
        "ge/anatomical/001",
    ],
)
def test_real_encodings_give_the_known_volume(shared_data: Path, name: str) -> None:
    folder = shared_data / "dicom_hard"
    found = to_canonical(read_series(folder / name))
    truth = nib.as_closest_canonical(nib.load(folder / f"{name}_ground_truth.nii.gz"))
    assert np.array_equal(found.data[0], truth.get_fdata(dtype=np.float32))
    assert np.allclose(found.affine, truth.affine, rtol=0, atol=1e-3)


@pytest.mark.data
def test_a_real_chest_ct(shared_data: Path) -> None:
    folder = next((shared_data / "chest_ct_dicom").iterdir())
    volume = read_series(folder)
    assert volume.shape == (512, 512, 99)
    assert np.allclose(volume.spacing_mm, (0.564453, 0.564453, 3.0), rtol=0, atol=1e-4)
    assert volume.data.min() >= -1024
    assert -1000 < np.median(volume.data) < 100
