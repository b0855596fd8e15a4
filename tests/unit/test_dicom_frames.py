from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_cases import a_series, copy_of, header, to_enhanced

from segmake.errors import InputError
from segmake.volume.dicom.frames import Frame, found, frames_of, has_place, layers_of, size_of


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return a_series(tmp_path / "a")


def place(frame: Frame) -> list[float]:
    return [*frame.position_mm, *frame.row, *frame.column, *frame.spacing_mm]


def test_a_file_is_one_frame(series: Path) -> None:
    (frame,) = frames_of(header(series / "0002.dcm"))
    assert frame.name == "0002.dcm"
    assert frame.size == (4, 5)
    assert place(frame) == [12.5, -20.25, 106, -1, 0, 0, 0, -1, 0, 1.25, 0.75]
    assert frame.normal.tolist() == [0, 0, 1]
    assert frame.mark("Modality") == "CT"


def test_a_multi_frame_file_says_the_same(series: Path, tmp_path: Path) -> None:
    expected = [place(frames_of(header(path))[0]) for path in sorted(series.iterdir())]
    frames = frames_of(header(to_enhanced(series, tmp_path / "e.dcm")))
    assert sorted(map(place, frames)) == sorted(expected)
    assert [frame.index for frame in frames] == list(range(7))
    assert frames[4].name == "e.dcm frame 5"


def test_the_particular_goes_before_the_shared(series: Path, tmp_path: Path) -> None:
    path = to_enhanced(series, tmp_path / "e.dcm")
    data = pydicom.dcmread(path)
    shared = data.SharedFunctionalGroupsSequence[0]
    own = data.PerFrameFunctionalGroupsSequence[2]
    own.PixelMeasuresSequence = pydicom.Sequence([pydicom.Dataset()])
    own.PixelMeasuresSequence[0].PixelSpacing = [9, 8]
    data.save_as(path)
    assert [frame.spacing_mm for frame in frames_of(header(path))][1:4] == [
        (1.25, 0.75),
        (9, 8),
        (1.25, 0.75),
    ]
    assert found([own.PixelMeasuresSequence[0], shared], "SliceThickness") == ""


def test_the_number_of_frames_must_agree(series: Path, tmp_path: Path) -> None:
    path = to_enhanced(series, tmp_path / "e.dcm")
    data = pydicom.dcmread(path)
    data.NumberOfFrames = 9
    data.save_as(path)
    with pytest.raises(InputError, match=r"e\.dcm says 9 frames but describes 7"):
        layers_of(header(path))


def test_images_without_a_place_have_none(series: Path) -> None:
    first = series / "0000.dcm"
    assert has_place(header(first))
    assert not has_place(header(copy_of(first, "b.dcm", ImagePositionPatient=None)))
    assert not has_place(header(copy_of(first, "c.dcm", ImageOrientationPatient=None)))


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "is no pair of perpendicular unit vectors"),
        ({"ImageOrientationPatient": [2, 0, 0, 0, 1, 0]}, "is no pair of perpendicular unit vectors"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "is no pair of perpendicular unit vectors"),
        ({"ImageOrientationPatient": [1, 0, 0]}, "ImageOrientationPatient is .*, not 6 finite numbers"),
        ({"PixelSpacing": [0, 1]}, r"b\.dcm: PixelSpacing is 0, 1 mm, not above zero; repair"),
        ({"PixelSpacing": [-1, 1]}, "PixelSpacing is -1, 1 mm"),
        ({"PixelSpacing": None}, r"b\.dcm does not say its PixelSpacing, so it has no place; export"),
    ],
)
def test_a_place_that_is_none_is_explained(series: Path, values: dict[str, object], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        frames_of(header(copy_of(series / "0000.dcm", "b.dcm", **values)))


def test_an_image_has_pixels(series: Path) -> None:
    assert size_of(header(series / "0000.dcm")) == (4, 5)
    with pytest.raises(InputError, match=r"b\.dcm says 0 rows and 5 columns"):
        size_of(header(copy_of(series / "0000.dcm", "b.dcm", Rows=0)))


def test_rounded_cosines_are_taken_as_they_are(series: Path) -> None:
    cosines = [0.999, 0.045, 0, -0.045, 0.999, 0]
    (frame,) = frames_of(header(copy_of(series / "0000.dcm", "b.dcm", ImageOrientationPatient=cosines)))
    assert np.concatenate([frame.row, frame.column]).tolist() == cosines
