import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_cases import a_series, copy_of, damage, header, set_all
from pydicom.dataset import Dataset

from segmake.errors import InputError
from segmake.volume.dicom.headers import Other, items, numbers, quiet, read_header, text, whole


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return a_series(tmp_path / "a") / "0000.dcm"


def other(path: Path) -> Other:
    found = read_header(path)
    assert isinstance(found, Other)
    return found


def test_pixels_begin_where_the_header_says(first: Path) -> None:
    found = header(first)
    pixels = pydicom.dcmread(first).PixelData
    assert first.read_bytes()[found.pixels_at : (found.pixels_at or 0) + len(pixels)] == pixels
    assert found.frames == 1
    assert found.name == "0000.dcm"
    assert found.sop_class == "1.2.840.10008.5.1.4.1.1.2"


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"])
def test_every_native_encoding_says_where_its_pixels_begin(first: Path, syntax: str) -> None:
    data = pydicom.dcmread(first)
    pixels = data.PixelData
    little = syntax != "1.2.840.10008.1.2.2"
    if not little:
        data.PixelData = np.frombuffer(pixels, "<u2").astype(">u2").tobytes()
    data.file_meta.TransferSyntaxUID = syntax
    pydicom.dcmwrite(first, data, implicit_vr=syntax.endswith("1.2"), little_endian=little)
    found = header(first)
    assert first.read_bytes()[found.pixels_at :] == data.PixelData
    assert text(found.data, "Rows") == "4"


def test_a_data_set_without_its_preamble_is_read(first: Path) -> None:
    data = pydicom.dcmread(first)
    with first.open("wb") as stream:
        pydicom.filewriter.write_dataset(_implicit(stream), data)
    found = header(first)
    assert text(found.data, "Modality") == "CT"
    assert first.read_bytes()[found.pixels_at :] == data.PixelData


def _implicit(stream: object) -> pydicom.filebase.DicomFileLike:
    target = pydicom.filebase.DicomFileLike(stream)
    target.is_little_endian, target.is_implicit_VR = True, True
    return target


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("DICOMDIR", b"x", "an index of a disk"),
        ("a.dcm", b"", "empty"),
        ("notes.txt", b"no scan at all", "no DICOM file"),
    ],
)
def test_other_files_say_what_they_are(tmp_path: Path, name: str, content: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(content)
    found = other(tmp_path / name)
    assert (found.reason, found.damaged, found.name) == (reason, False, name)


def test_a_damaged_file_says_what_the_parser_says(first: Path) -> None:
    found = other(damage(first))
    assert found.reason.startswith("damaged DICOM (")
    assert found.damaged


def test_a_file_that_cannot_be_opened_may_be_a_slice(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").symlink_to(tmp_path / "gone.dcm")
    found = other(tmp_path / "a.dcm")
    assert found == Other(tmp_path / "a.dcm", "not readable (No such file or directory)", damaged=True)


def test_names_that_are_not_utf8_can_be_printed(tmp_path: Path) -> None:
    path = tmp_path / "a\udcff.dcm"
    path.write_bytes(b"")
    name = other(path).name
    assert name.encode().startswith(b"a")
    assert name.endswith(".dcm")


def test_values_are_text_numbers_or_nothing() -> None:
    data = Dataset()
    data.ImageType, data.Rows, data.PixelSpacing, data.SeriesDescription = ["A", "B"], 7, ["1.5", "2"], ""
    assert text(data, "ImageType") == "A\\B"
    assert text(data, "SeriesDescription") == text(data, "Columns") == ""
    assert (whole(data, "Rows", 1), whole(data, "Columns", 3)) == (7, 3)
    assert numbers(data, "PixelSpacing", 2, "a").tolist() == [1.5, 2]  # type: ignore[union-attr]
    assert numbers(data, "ImagePositionPatient", 3, "a") is None


@pytest.mark.parametrize("value", ["abc", "1\\2\\x", "1\\2", "nan\\1\\2", "inf\\0\\0"])
def test_what_is_no_number_is_named(first: Path, value: str) -> None:
    content = first.read_bytes()
    old = pydicom.dcmread(first)["ImagePositionPatient"].value
    written = "\\".join(part.original_string for part in old).encode()
    first.write_bytes(content.replace(written, value.encode().ljust(len(written))))
    with quiet(), pytest.raises(InputError, match=r"0000\.dcm: ImagePositionPatient is .*, not 3 finite"):
        numbers(header(first).data, "ImagePositionPatient", 3, "0000.dcm")


def test_nothing_depends_on_warnings(tmp_path: Path) -> None:
    folder = a_series(tmp_path / "a")
    with quiet():
        set_all(folder, SeriesInstanceUID="1.2.not a uid", PatientPosition="lower case")
        with warnings.catch_warnings(record=True) as seen:
            assert header(folder / "0000.dcm").series == "1.2.not a uid"
    assert seen == []


def test_a_copy_keeps_its_pixels(first: Path) -> None:
    again = header(copy_of(first, "again.dcm", SeriesInstanceUID="1.2.3"))
    assert again.series == "1.2.3"
    assert again.pixels_at is not None


def test_values_that_cannot_be_parsed_are_named(first: Path) -> None:
    content = first.read_bytes()
    at = content.index(b"\x28\x00\x10\x00US")  # Rows
    first.write_bytes(content[: at + 4] + b"QQ" + content[at + 6 :])
    with pytest.raises(InputError, match=r"0000\.dcm: Rows is damaged \(.*\); copy or export it again"):
        whole(header(first).data, "Rows", 0)


def test_a_sequence_is_a_list_of_its_items() -> None:
    data = Dataset()
    assert items(data, "SharedFunctionalGroupsSequence") == []
    data.SharedFunctionalGroupsSequence = [Dataset(), Dataset()]
    assert items(data, "SharedFunctionalGroupsSequence") == [Dataset(), Dataset()]
    data.PatientID = "x"
    with pytest.raises(InputError, match=r"a frame: PatientID is damaged \(it is no sequence\)"):
        items(data, "PatientID")
