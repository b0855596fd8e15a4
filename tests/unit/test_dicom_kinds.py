from pathlib import Path

import pydicom
import pytest
from dicom_cases import a_series, copy_of, header

from segmake.volume.dicom.kinds import is_secondary, label_kind, why_no_slice

STORAGE = "1.2.840.10008.5.1.4.1.1."


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return a_series(tmp_path / "a") / "0000.dcm"


@pytest.mark.parametrize(
    "kind", ["2", "2.1", "2.2", "4", "4.1", "4.4", "20", "128", "128.1", "1.2", "1.1.1", "7"]
)
def test_images_may_be_slices(first: Path, kind: str) -> None:
    found = header(copy_of(first, "a.dcm", SOPClassUID=STORAGE + kind))
    assert why_no_slice(found) == label_kind(found) == ""
    assert is_secondary(found) == (kind == "7")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("88.67", "a dose report"),
        ("88.11", "a structured report"),
        ("88.59", "a list of key objects"),
        ("11.1", "a presentation state"),
        ("481.5", "a radiotherapy object"),
        ("104.1", "an enclosed document"),
        ("66.1", "raw or registration data"),
        ("30", "a parametric map"),
        ("9.1.1", "a waveform"),
    ],
)
def test_other_objects_are_named(first: Path, kind: str, reason: str) -> None:
    assert why_no_slice(header(copy_of(first, "a.dcm", SOPClassUID=STORAGE + kind))) == reason


@pytest.mark.parametrize(
    ("kind", "label"), [("66.4", "segmentation"), ("66.7", "segmentation"), ("481.3", "structures")]
)
def test_labels_are_told_apart(first: Path, kind: str, label: str) -> None:
    found = header(copy_of(first, "a.dcm", SOPClassUID=STORAGE + kind))
    assert label_kind(found) == label
    assert "give it as label" in why_no_slice(found)


def test_a_localiser_is_told_by_its_type(first: Path) -> None:
    found = header(copy_of(first, "a.dcm", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER", "CT_SOM5 TOP"]))
    assert why_no_slice(found) == "a localiser"


def test_secondary_captures_of_every_kind(first: Path) -> None:
    for kind, expected in (("7", True), ("7.4", True), ("77.1.6", False), ("2", False)):
        assert is_secondary(header(copy_of(first, "a.dcm", SOPClassUID=STORAGE + kind))) is expected


def test_an_image_without_pixels_is_cut_short(first: Path) -> None:
    data = pydicom.dcmread(first)
    del data.PixelData
    data.save_as(first)
    assert why_no_slice(header(first)) == "cut short, for it is an image without pixels"
    plan = copy_of(first, "plan.dcm", SOPClassUID="1.2.840.10008.5.1.4.34.7")
    assert why_no_slice(header(plan)) == "a DICOM file without pixels"
