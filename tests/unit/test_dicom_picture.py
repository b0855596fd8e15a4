from pathlib import Path

import numpy as np
import pytest
from dicom_cases import a_series, copy_of, header

from segmake.volume.dicom.picture import picture_affine
from segmake.volume.geometry import axis_codes


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return a_series(tmp_path / "a") / "0000.dcm"


@pytest.mark.parametrize(
    ("orientation", "codes"),
    [
        ("", "LPS"),
        (["L", "F"], "LIA"),
        (["A", "F"], "AIR"),
        (["P", "FR"], "PIR"),
        (["A", "R"], "ARS"),
        (["L", "R"], "LPS"),
        (["X", "F"], "LPS"),
        ("L", "LPS"),
    ],
)
def test_axes_point_where_the_file_says(first: Path, orientation: object, codes: str) -> None:
    path = copy_of(first, "b.dcm", PatientOrientation=orientation)
    affine, notes = picture_affine(header(path))
    assert axis_codes(affine) == codes
    assert np.linalg.norm(affine[:3, :3], axis=0).tolist() == [0.75, 1.25, 1]
    assert affine[:, 3].tolist() == [0, 0, 0, 1]
    assert notes == ()


def test_the_spacing_at_the_detector_stands_in(first: Path) -> None:
    path = copy_of(first, "b.dcm", PixelSpacing=None, ImagerPixelSpacing=[0.2, 0.1])
    assert np.array_equal(picture_affine(header(path))[0], np.diag([-0.1, -0.2, 1, 1]))


def test_an_unknown_pixel_size_is_warned_about(first: Path) -> None:
    for spacing in (None, [0, 0]):
        affine, notes = picture_affine(header(copy_of(first, "b.dcm", PixelSpacing=spacing)))
        assert np.array_equal(affine, np.diag([-1, -1, 1, 1]))
        assert [note.text for note in notes] == ["b.dcm does not say its pixel size; taken as 1 mm"]
