from pathlib import Path

import pytest
from dicom_cases import a_series, copy_of, header

from segmake.errors import InputError
from segmake.volume.dicom.format import Format, format_of


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return a_series(tmp_path / "a") / "0000.dcm"


def form(first: Path, **values: object) -> Format:
    return format_of(header(copy_of(first, "b.dcm", **values)))


def test_a_plain_slice(first: Path) -> None:
    assert format_of(header(first)) == Format(4, 5, 1, "MONOCHROME2", False, 16, 16, 15, False)


@pytest.mark.parametrize(
    ("values", "kind", "size"),
    [
        ({}, "u2", 40),
        ({"PixelRepresentation": 1}, "i2", 40),
        ({"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}, "u1", 20),
        ({"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "u4", 80),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "u2", 120),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "YBR_FULL_422"}, "u2", 80),
    ],
)
def test_types_and_sizes(first: Path, values: dict[str, object], kind: str, size: int) -> None:
    found = form(first, **values)
    assert (found.kind, found.frame_bytes) == (kind, size)


def test_what_a_header_leaves_out(first: Path) -> None:
    found = form(first, BitsStored=12, HighBit=None, PhotometricInterpretation=None, PixelRepresentation=None)
    assert (found.high, found.photometric, found.signed) == (11, "MONOCHROME2", False)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        (
            {"PhotometricInterpretation": "PALETTE COLOR"},
            r"b\.dcm stores its pixels as PALETTE COLOR, and only grey",
        ),
        ({"PhotometricInterpretation": "CMYK"}, "as CMYK, and only grey values and RGB are read; convert it"),
        ({"BitsAllocated": 1, "BitsStored": 1}, r"b\.dcm stores 1 of 1 bits a pixel, and only 8, 16 and 32"),
        ({"BitsAllocated": 64, "BitsStored": 64}, "64 of 64 bits"),
        ({"BitsStored": 20}, "20 of 16 bits"),
        ({"BitsStored": 0}, "0 of 16 bits"),
    ],
)
def test_other_formats_are_named(first: Path, values: dict[str, object], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        form(first, **values)
