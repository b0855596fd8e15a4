"""Pictures and classes that are wrong, each beside a good one: a row with one sentence, the rest sliced."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalMammographyXRayImageStorageForPresentation, ExplicitVRLittleEndian

from robustness.cases import (
    FAULT,
    Cells,
    Ended,
    Wrong,
    assert_clean,
    assert_sentence,
    run,
    write_sheet,
)
from segmake.tables import read_table
from segmake.volume.store import load_array

AGAIN = "copy or export it again"
GREY = np.random.default_rng(0).integers(0, 255, (24, 24), dtype=np.uint8)
CLASSES = ("--classes", '["ill", "well"]')


def slice_beside(
    capsys: pytest.CaptureFixture[str], folder: Path, cells: Cells, flags: tuple[str, ...] = ()
) -> Ended:
    """Slice a case `bad` of these cells beside a good one."""
    Image.fromarray(GREY).save(folder / "good.png")
    good = {"case": "good", "image": "good.png", "class": "ill"}
    sheet = write_sheet(folder, [{"case": "bad", "image": "bad.png", "class": "well"} | dict(cells), good])
    table = folder / "out" / "shard-00.tsv"
    words = ["--channels", '{"image": "xray"}', "--size", "16", *CLASSES, *flags, "--output", table]
    ended = run(capsys, "slice", "--cases", sheet, *words)
    return Ended(
        ended.code, ended.said, {row["case"]: row for row in read_table(table)} if table.exists() else {}
    )


def saved(name: str, picture: Image.Image, **how: object) -> Callable[[Path], Cells]:
    def cells(folder: Path) -> Cells:
        picture.save(folder / name, **how)  # type: ignore[arg-type]
        return {"image": name}

    return cells


def bytes_of(name: str, content: bytes) -> Callable[[Path], Cells]:
    def cells(folder: Path) -> Cells:
        (folder / name).write_bytes(content)
        return {"image": name}

    return cells


def half(name: str) -> Callable[[Path], Cells]:
    """A picture that ends in the middle."""

    def cells(folder: Path) -> Cells:
        Image.fromarray(GREY).save(folder / name)
        whole = (folder / name).read_bytes()
        (folder / name).write_bytes(whole[: len(whole) // 2])
        return {"image": name}

    return cells


def volume(folder: Path) -> Cells:
    nib.save(nib.Nifti1Image(GREY.reshape(8, 8, 9).astype(np.int16), np.eye(4)), folder / "bad.nii")
    return {"image": "bad.nii"}


def dicom(folder: Path, name: str = "bad.dcm", **values: object) -> Cells:
    """A mammogram of 24 x 24 pixels with 12 bits."""
    data = pydicom.Dataset()
    data.SOPClassUID = DigitalMammographyXRayImageStorageForPresentation
    data.SOPInstanceUID, data.SeriesInstanceUID, data.StudyInstanceUID = "1.2.3", "1.2.4", "1.2.5"
    data.Modality, data.PatientID, data.Manufacturer = "MG", "nobody", "Maker"
    data.Rows, data.Columns, data.SamplesPerPixel = *GREY.shape, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.ImagerPixelSpacing = [0.1, 0.1]
    data.PixelData = (GREY.astype(np.uint16) * 16).tobytes()
    for keyword, value in values.items():
        setattr(data, keyword, value)
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(folder / name, enforce_file_format=True)
    return {"image": name}


PAGES = [Image.fromarray(GREY), Image.fromarray(GREY[::-1].copy())]
BAD = {
    "missing": Wrong(lambda _: {}, ("bad.png does not exist; correct the path",)),
    "empty": Wrong(bytes_of("bad.png", b""), ("bad.png is empty (0 bytes)", AGAIN)),
    "text": Wrong(bytes_of("bad.png", b"no picture" * 9), ("bad.png is no PNG, JPEG or TIFF image", AGAIN)),
    "half a PNG": Wrong(half("bad.png"), ("bad.png is damaged", AGAIN)),
    "half a JPEG": Wrong(half("bad.jpg"), ("bad.jpg is damaged", AGAIN)),
    "colours of a printer": Wrong(
        saved("bad.jpg", Image.new("CMYK", (24, 24))), ("CMYK colours; export it as grey or RGB",)
    ),
    "two pages": Wrong(
        saved("bad.tif", PAGES[0], save_all=True, append_images=PAGES[1:]),
        ("a 2D image has one slice or page, got 2; split it",),
    ),
    "a volume": Wrong(volume, ("a 2D image has one slice or page, got 9; split it",)),
    "unknown format": Wrong(bytes_of("bad.bmp2", b"BM"), ("bad.bmp2 has no known format", "; convert it")),
    "unknown class": Wrong(
        lambda folder: {**saved("bad.png", PAGES[0])(folder), "class": "sick"},
        ("class 'sick' is none of slice.classes (ill, well)", "; correct it"),
    ),
    "archive without the image": Wrong(
        lambda folder: (np.savez(folder / "bad.npz", x=GREY[None]), {"image": "bad.npz#x[3]"})[1],
        ("x has 1 images, so there is no 3",),
    ),
    "DICOM without pixels": Wrong(lambda folder: dicom(folder, PixelData=b""), ("bad.dcm",)),
    "DICOM of too few pixels": Wrong(lambda folder: dicom(folder, PixelData=b"\0" * 100), ("bad.dcm",)),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_picture_is_a_sentence(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong = BAD[name]
    ended = slice_beside(capsys, tmp_path, wrong.make(tmp_path), wrong.flags)
    assert (ended.rows["good"]["status"], ended.rows["bad"]["status"]) == ("ok", "failed")
    assert ended.code == 2
    assert_sentence(ended.rows["bad"]["reason"], wrong.says)
    assert not FAULT.search(ended.said)
    assert_clean(tmp_path / "out")
    assert (tmp_path / "out" / "good.b2nd").is_file()


def test_wrong_sizes_are_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, shape in (("thin", (1, 500)), ("point", (1, 1)), ("large", (3000, 40))):
        Image.fromarray(np.full(shape, 200, np.uint8)).save(tmp_path / f"{name}.png")
        ended = slice_beside(capsys, tmp_path, {"case": name, "image": f"{name}.png"})
        assert ended.code == 0, ended.said
        patch = load_array(tmp_path / "out" / f"{name}.b2nd")
        assert patch.shape == (1, 1, 16, 16)
        assert patch.max() > 0 or name != "point"


def test_mammograms_are_bright_where_tissue_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain = dicom(tmp_path, "plain.dcm")
    inverse = dicom(
        tmp_path,
        "inverse.dcm",
        PhotometricInterpretation="MONOCHROME1",
        PixelData=(4095 - GREY.astype(np.uint16) * 16).tobytes(),
    )
    made = {}
    for name, cells in (("plain", plain), ("inverse", inverse)):
        ended = slice_beside(capsys, tmp_path, {"case": name} | dict(cells))
        assert ended.code == 0, ended.said
        made[name] = load_array(tmp_path / "out" / f"{name}.b2nd").astype(int)
    assert np.abs(made["plain"] - made["inverse"]).max() <= 1
    assert "MONOCHROME1: grey values inverted" in ended.rows["inverse"]["repairs"]
    assert ended.rows["inverse"]["metadata"] == "DICOM, 16 bit, MONOCHROME1, Maker"
    assert (ended.rows["inverse"]["width_px"], ended.rows["inverse"]["height_px"]) == ("24", "24")
