from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_cases import DATA, TURN, a_series, a_volume, assert_is, copy_of, edit, move, set_all, to_enhanced
from pydicom.dataset import Dataset

from segmake.errors import InputError
from segmake.volume.dicom import find_series, read_dicom
from segmake.volume.geometry import to_canonical


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return a_series(tmp_path / "a series, with commas")


def texts(path: Path) -> list[str]:
    return [f"{note.kind}: {note.text}" for note in read_dicom(path).notes]


def test_hounsfield_units_and_world_position(series: Path) -> None:
    scan = read_dicom(series)
    assert_is(scan.volume, a_volume())
    assert scan.notes == ()
    assert scan.tags["Modality"] == "CT"


def test_an_oblique_series_keeps_its_world_position(tmp_path: Path) -> None:
    turned = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]]) @ TURN
    assert_is(read_dicom(a_series(tmp_path / "a", turned)).volume, a_volume(turned))


def test_file_names_and_numbers_mean_nothing(series: Path) -> None:
    def renumber(number: int, data: Dataset) -> None:
        data.InstanceNumber = (3 * number) % 7
        data.SliceThickness = 1

    edit(series, renumber)
    for number, path in enumerate(sorted(series.iterdir())):
        path.rename(series / f"IM{(number * 5) % 7}")
    assert_is(read_dicom(series).volume, a_volume())


def test_enhanced_multi_frame_is_the_same_scan(series: Path, tmp_path: Path) -> None:
    scan = read_dicom(to_enhanced(series, tmp_path / "enhanced.dcm"))
    assert_is(scan.volume, a_volume())
    assert scan.notes == ()
    assert scan.tags["PixelSpacing"] == "1.25\\0.75"


def test_a_gap_in_a_multi_frame_file_names_its_frames(series: Path, tmp_path: Path) -> None:
    (series / "0003.dcm").unlink()
    path = to_enhanced(series, tmp_path / "enhanced.dcm")
    with pytest.raises(
        InputError, match=r"missing between enhanced\.dcm frame \d and enhanced\.dcm frame \d"
    ):
        read_dicom(path)


def test_what_is_no_slice_is_left_out_and_named(series: Path) -> None:
    (series / "LICENSE.txt").write_text("no scan")
    (series / ".DS_Store").write_bytes(b"\x00\x00\x00\x01Bud1")
    (series / "DICOMDIR").write_bytes(b"\x00" * 200)
    (series / "more").mkdir()
    first = series / "0000.dcm"
    copy_of(first, "scout.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SeriesInstanceUID="1.2.9")
    copy_of(first, "shot.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.7", SeriesInstanceUID="1.2.8")
    copy_of(first, "unplaced.dcm", ImagePositionPatient=None)
    scan = read_dicom(series)
    assert_is(scan.volume, a_volume())
    assert {(note.kind, note.text) for note in scan.notes} == {
        ("warning", "left out .DS_Store, LICENSE.txt: no DICOM file"),
        ("warning", "left out DICOMDIR: an index of a disk"),
        ("warning", "left out scout.dcm: a localiser"),
        ("warning", "left out shot.dcm: a secondary capture"),
        ("warning", "left out unplaced.dcm: an image without a position"),
    }


def test_a_slice_that_was_copied_twice_is_dropped(series: Path) -> None:
    copy_of(series / "0002.dcm", "again.dcm", InstanceNumber=99)
    assert_is(read_dicom(series).volume, a_volume())
    assert texts(series) == [
        "repair: left out again.dcm: the same slice with the same pixels is there already"
    ]


def test_two_images_in_one_place_stop(series: Path) -> None:
    pixels = bytes(reversed(pydicom.dcmread(series / "0002.dcm").PixelData))
    copy_of(series / "0002.dcm", "again.dcm", PixelData=pixels)
    rule = r"again\.dcm lies where 0002\.dcm does \(8 slices at 7 positions\); remove one"
    with pytest.raises(InputError, match=rule):
        read_dicom(series)


def test_echoes_are_told_apart(series: Path) -> None:
    set_all(series, EchoTime="4.9")
    for path in sorted(series.iterdir()):
        pixels = bytes(reversed(pydicom.dcmread(path).PixelData))
        copy_of(path, f"echo {path.name}", EchoTime="7.4", PixelData=pixels)
    rule = r"14 slices at 7 positions\), told apart by EchoTime \(4\.9, 7\.4\); give each EchoTime"
    with pytest.raises(InputError, match=rule):
        read_dicom(series)


def test_a_tilted_gantry_is_corrected_without_its_tag(series: Path) -> None:
    edit(series, lambda number, data: move(number, (0, 0.8 * number, 0))(number, data))
    assert texts(series) == [
        "repair: gantry tilt of 14.9 degrees corrected by resampling to an orthogonal grid of 5x8x7"
    ]
    with pytest.raises(InputError, match=r"tilted by 14\.9 degrees.*set convert\.tilt to correct"):
        read_dicom(series, tilt="stop")


def test_a_part_of_a_micrometre_is_no_tilt(series: Path) -> None:
    edit(series, lambda number, data: move(number, (0, 0.001 * number, 0))(number, data))
    scan = read_dicom(series, tilt="stop")
    assert scan.notes == ()
    last = to_canonical(scan.volume).affine @ [0, 3, 6, 1]
    assert np.allclose(last[:3], a_volume().affine[:3] @ [0, 3, 6, 1] - [0, 0.006, 0], rtol=0, atol=1e-9)


def test_one_slice_of_a_series_is_readable(series: Path) -> None:
    set_all(series, SliceThickness="2.5", SpacingBetweenSlices=None)
    scan = read_dicom(series / "0003.dcm")
    assert scan.notes[0].text == "0003.dcm is a single slice; its depth of 2.5 mm is SliceThickness"
    found = to_canonical(scan.volume)
    assert np.array_equal(found.data[0, :, :, 0], DATA[:, :, 3])
    assert np.allclose(found.affine[:3, 3], [-12.5, 20.25, 109.0], rtol=0, atol=1e-9)
    assert found.spacing_mm == pytest.approx((0.75, 1.25, 2.5))


def test_a_picture_has_one_slice(series: Path) -> None:
    path = copy_of(series / "0000.dcm", "x.dcm", ImagePositionPatient=None, Modality="DX")
    scan = read_dicom(path)
    assert scan.volume.shape == (5, 4, 1)
    assert np.array_equal(scan.volume.data[0, :, :, 0], DATA[:, :, 0])
    assert np.array_equal(scan.volume.affine, np.diag([-0.75, -1.25, 1, 1]))


def test_pictures_are_no_volume(series: Path) -> None:
    set_all(series, ImagePositionPatient=None)
    with pytest.raises(InputError, match=r"holds 7 images without a position \(0000\.dcm and so on\)"):
        read_dicom(series)


def test_text_in_the_pixels_is_warned_about(series: Path) -> None:
    set_all(series, BurnedInAnnotation="YES")
    assert texts(series) == ["warning: text is burned into the pixels (BurnedInAnnotation YES)"]


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("none.dcm", None, "does not exist"),
        ("empty.dcm", b"", "is empty"),
        ("text.dcm", b"no scan", "is no DICOM file; give a DICOM image"),
        ("cut.dcm", 400, r"cut\.dcm is cut short, for it is an image without pixels"),
    ],
)
def test_a_file_that_is_no_image_is_explained(
    series: Path, name: str, content: bytes | int | None, rule: str
) -> None:
    path = series / name
    if isinstance(content, int):
        content = (series / "0000.dcm").read_bytes()[:content]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=rule):
        read_dicom(path)


def test_a_series_is_named_by_its_uid(series: Path) -> None:
    for path in sorted(series.iterdir())[:4]:
        copy_of(path, f"other {path.name}", SeriesInstanceUID="1.2.3.77")
    assert read_dicom(Path(f"{series}#1.2.3.77")).volume.shape == (5, 4, 4)
    assert read_dicom(Path(f"{series}#77")).volume.shape == (5, 4, 4)


def test_a_folder_with_a_hash_in_its_name_is_a_folder(tmp_path: Path) -> None:
    assert read_dicom(a_series(tmp_path / "scan#2")).volume.shape == (5, 4, 7)


@pytest.mark.parametrize("kind", ["slices", "frames"])
def test_damage_is_always_explained(series: Path, tmp_path: Path, kind: str) -> None:
    path = series / "0003.dcm" if kind == "slices" else to_enhanced(series, tmp_path / "e.dcm")
    folder = series if kind == "slices" else path
    whole, draw = path.read_bytes(), np.random.default_rng(0)
    explained = 0
    for number in range(60):
        content = bytearray(whole)
        for at in draw.integers(132, len(content), 3):
            content[at] = draw.integers(256)
        path.write_bytes(content[: draw.integers(len(content))] if number % 3 == 0 else content)
        try:
            read_dicom(folder)
        except InputError:
            explained += 1
        assert all(isinstance(found.problem, str) for found in find_series(path.parent))
    assert explained > 10
