"""DICOM folders as they come out of archives, each beside a good case: a row with one sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import EncapsulatedPDFStorage, MRSpectroscopyStorage

from robustness.cases import GRID, NOISE, Cells, Wrong, assert_refused, convert_beside
from segmake.dataset.phantom.write import write_dicom_series
from segmake.volume.volume import Volume

Change = Callable[[Path], object]


def series(*changes: Change, name: str = "bad", uid: str = "") -> Callable[[Path], Cells]:
    """A CT of eight slices, 0000.dcm to 0007.dcm, that is changed."""

    def cells(folder: Path) -> Cells:
        write_dicom_series(folder / name, "bad", Volume(NOISE[np.newaxis], GRID), 0)
        for change in changes:
            change(folder / name)
        return {"ct": f"{name}#{uid}" if uid else name}

    return cells


def edit(change: Callable[[Any], object], number: int | None = None) -> Change:
    """Change the data set of every file, or of one."""

    def make(folder: Path) -> None:
        for at, path in enumerate(sorted(folder.iterdir())):
            if number in (None, at):
                data = pydicom.dcmread(path)
                change(data)
                data.save_as(path)

    return make


def put(number: int | None = None, **values: object) -> Change:
    """Give every file, or one, these attributes; None takes them away."""

    def change(data: Any) -> None:
        for keyword, value in values.items():
            if value is None:
                delattr(data, keyword)
            else:
                setattr(data, keyword, value)

    return edit(change, number)


def lean(data: Any) -> None:
    """Move a slice along its columns by a fifth of its height, as a tilted gantry does."""
    x, y, z = data.ImagePositionPatient
    data.ImagePositionPatient = [x, float(y) + float(z) / 5, z]


def lower(data: Any) -> None:
    data.ImagePositionPatient = [*data.ImagePositionPatient[:2], float(data.ImagePositionPatient[2]) - 0.7]


def copied(name: str, **values: object) -> Change:
    """A copy of the first file with other attributes."""

    def make(folder: Path) -> None:
        data = pydicom.dcmread(folder / "0000.dcm")
        for keyword, value in values.items():
            setattr(data, keyword, value)
        data.save_as(folder / name)

    return make


def bytes_of(name: str, change: Callable[[bytes], bytes]) -> Change:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def removed(*names: str) -> Change:
    return lambda folder: [(folder / name).unlink() for name in names]


def folder_of(**files: bytes) -> Callable[[Path], Cells]:
    def cells(folder: Path) -> Cells:
        (folder / "bad").mkdir()
        for name, content in files.items():
            (folder / "bad" / name).write_bytes(content)
        return {"ct": "bad"}

    return cells


def picture(folder: Path) -> Cells:
    Image.fromarray(NOISE[0].astype(np.uint8)).save(folder / "bad.dcm", format="JPEG")
    return {"ct": "bad.dcm"}


def one_file(*changes: Change) -> Callable[[Path], Cells]:
    def cells(folder: Path) -> Cells:
        series(*changes)(folder)
        return {"ct": "bad/0003.dcm"}

    return cells


OTHER = "1.2.3.4"
TABLE = {
    "empty folder": Wrong(folder_of(), ("bad holds no DICOM slices; give a folder with a scan",)),
    "junk alone": Wrong(
        folder_of(a=b"1", b=b"", DICOMDIR=b"x"), ("bad holds no DICOM slices (", "; give a folder")
    ),
    "folders alone": Wrong(
        lambda folder: ((folder / "bad" / "CT_1").mkdir(parents=True), {"ct": "bad"})[1],
        ("no DICOM slices; give one of its folders (CT_1)",),
    ),
    "two series": Wrong(
        series(copied("other.dcm", SeriesInstanceUID=OTHER, SeriesDescription="scout")),
        ("bad holds 2 DICOM series", "4 (scout, 1 slices)", "; name one as FOLDER#UID"),
    ),
    "series that is not there": Wrong(
        series(uid="9.9"), ("holds not one DICOM series that ends in 9.9, but", "; name one as FOLDER#UID")
    ),
    "folder of a series gone": Wrong(
        lambda _: {"ct": "bad#1.2"}, ("bad#1.2 does not exist; correct the path",)
    ),
    "slice missing": Wrong(
        series(removed("0004.dcm")),
        ("a slice is missing between 0003.dcm and 0005.dcm", "; add what is missing"),
    ),
    "slices missing": Wrong(
        series(removed("0003.dcm", "0004.dcm")), ("2 slices are missing", "; add what is")
    ),
    "slice uneven": Wrong(series(edit(lower, 3)), ("unevenly spaced", "; give an even reconstruction")),
    "slice off the line": Wrong(series(edit(lean, 3)), ("0003.dcm lies 1.2 mm off", "; remove it or give")),
    "other pixels at one place": Wrong(
        series(copied("x.dcm", PixelData=bytes(128))),
        ("x.dcm lies where 0000.dcm does (9 slices at 8 positions); remove one",),
    ),
    "two echoes": Wrong(
        series(
            edit(lambda data: setattr(data, "EchoTime", 1)), copied("x.dcm", EchoTime=2, PixelData=bytes(128))
        ),
        ("told apart by EchoTime (1.0, 2.0)", "; give each EchoTime a folder"),
    ),
    "tilt, which may not be mended": Wrong(
        series(edit(lean)),
        ("the gantry was tilted by 11.3 degrees", "; set convert.tilt to correct"),
        ("--tilt", "stop"),
    ),
    "two orientations": Wrong(
        series(put(5, ImageOrientationPatient=[0, 1, 0, 0, 0, -1])),
        ("two orientations: 0005.dcm is turned", "; keep one"),
    ),
    "two sizes": Wrong(series(put(5, Rows=4)), ("slices differ in size", "8x8", "8x4", "; keep one size")),
    "two pixel spacings": Wrong(
        series(put(5, PixelSpacing=[2, 2])), ("differ in pixel spacing", "; keep one")
    ),
    "all at one place": Wrong(
        series(put(ImagePositionPatient=[0, 0, 0])),
        ("all 8 slices lie at one position", "no volume: leave them out"),
    ),
    "one slice": Wrong(one_file(), ("flat ((8, 8, 1) voxels)", "; leave it out, or give")),
    "no positions": Wrong(series(put(ImagePositionPatient=None)), ("8 images without a position", "; give")),
    "position of two numbers": Wrong(
        series(put(2, ImagePositionPatient=[0, 0])), ("ImagePositionPatient", "; repair")
    ),
    "axes not at right angles": Wrong(
        series(put(ImageOrientationPatient=[1, 0, 0, 1, 0, 0])),
        ("no pair of perpendicular unit vectors; repair",),
    ),
    "pixel spacing of zero": Wrong(
        series(put(PixelSpacing=[0, 1])), ("PixelSpacing is 0, 1 mm, not above zero; repair",)
    ),
    "pixel spacing of a kilometre": Wrong(
        series(put(PixelSpacing=[1e6, 1e6])), ("1e+06", "; repair its header")
    ),
    "no pixel spacing": Wrong(series(put(PixelSpacing=None)), ("PixelSpacing", "; export it again")),
    "slope of zero": Wrong(
        series(put(RescaleSlope="0")), ("RescaleSlope is 0, which would erase", "; export")
    ),
    "endless slope": Wrong(series(put(RescaleSlope="1e999")), ("RescaleSlope is", "; repair the header")),
    "no rows": Wrong(series(put(3, Rows=0)), ("0003.dcm says 0 rows and 8 columns; export it again",)),
    "rows of a building": Wrong(
        series(put(Rows=65535, Columns=65535)), ("0000.dcm is cut short", "; copy it again")
    ),
    "bits nobody has": Wrong(
        series(put(BitsAllocated=12)), ("of 12 bits", "and only 8, 16 and 32 are read; convert it")
    ),
    "no bits": Wrong(series(put(BitsStored=0)), ("0 of 16 bits", "; convert it")),
    "odd samples": Wrong(series(put(SamplesPerPixel=7)), ("0000.dcm is cut short", "128 of 896 bytes; copy")),
    "many frames": Wrong(series(put(NumberOfFrames=10**9)), ("it says 1000000000 frames", "; give")),
    "negative frames": Wrong(series(put(NumberOfFrames=-3)), ("it says -3 frames", "; give")),
    "frames that are a word": Wrong(
        series(edit(lambda data: data.add_new("NumberOfFrames", "LO", "x"), 4)),
        ("0004.dcm is damaged DICOM (NumberOfFrames", "; copy it again"),
    ),
    "slice cut short": Wrong(
        series(bytes_of("0002.dcm", lambda data: data[:-40])), ("0002.dcm", "; copy it again")
    ),
    "slice without pixels": Wrong(
        series(put(2, PixelData=None)), ("0002.dcm is cut short", "; copy it again or")
    ),
    "slice of no bytes": Wrong(
        series(bytes_of("0002.dcm", lambda _: b"")), ("0002.dcm is empty, and may be", "; copy")
    ),
    "half a header": Wrong(
        series(bytes_of("0002.dcm", lambda data: data[:400])), ("0002.dcm", "; copy it again")
    ),
    "syntax that is none": Wrong(
        series(edit(lambda data: setattr(data.file_meta, "TransferSyntaxUID", "1.2.3"))),
        ("damaged DICOM (UID is not a transfer syntax", "; give"),
    ),
    "native pixels called run lengths": Wrong(
        series(
            bytes_of(
                "0004.dcm", lambda data: data.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.5\0")
            )
        ),
        ("0004.dcm is damaged: its compressed pixels do not hold 1 frames; copy it again",),
    ),
    "colours": Wrong(
        series(
            put(
                SamplesPerPixel=3,
                PhotometricInterpretation="RGB",
                PlanarConfiguration=0,
                PixelData=bytes(384),
            )
        ),
        ("bad holds 3 channels, expected 1 (ct); correct",),
    ),
    "palette": Wrong(
        series(put(PhotometricInterpretation="PALETTE COLOR")),
        ("pixels as PALETTE COLOR, and only grey", "; convert it"),
    ),
    "enclosed document": Wrong(
        series(put(SOPClassUID=EncapsulatedPDFStorage)), ("an enclosed document", "; give")
    ),
    "spectrum": Wrong(series(put(SOPClassUID=MRSpectroscopyStorage)), ("a spectrum", "; give a folder")),
    "localiser": Wrong(
        series(put(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])), ("a localiser", "; give")
    ),
    "JPEG named DICOM": Wrong(picture, ("bad.dcm is no DICOM file; give a DICOM image",)),
    "text named DICOM": Wrong(
        lambda folder: ((folder / "bad.dcm").write_text("no" * 99), {"ct": "bad.dcm"})[1],
        ("bad.dcm is no DICOM file; give a DICOM image",),
    ),
    "constant": Wrong(
        series(put(PixelData=bytes(128))), ("bad is blank: every voxel of channel ct is -1024; export",)
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_series(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    wrong = TABLE[name]
    ended = convert_beside(capsys, tmp_path, wrong.make(tmp_path), wrong.flags)
    assert_refused(ended, wrong, tmp_path)
