from pathlib import Path

import numpy as np
import pydicom
import pytest
from dicom_cases import DATA, a_series, copy_of, header, to_enhanced
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from segmake.errors import InputError
from segmake.volume.dicom.format import format_of
from segmake.volume.dicom.pixels import stored_frames

STORED = DATA[:, :, 0].T.astype(np.uint16) + np.uint16(1024)  # wraps as the file's values do


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return a_series(tmp_path / "a") / "0000.dcm"


def stored(path: Path, *indices: int) -> list[np.ndarray]:
    found = header(path)
    return stored_frames(found, format_of(found), indices or (0,))


def written(first: Path, values: np.ndarray, **attributes: object) -> Path:
    bits = 8 * values.dtype.itemsize
    common = {"BitsAllocated": bits, "BitsStored": bits, "HighBit": bits - 1, "PixelData": values.tobytes()}
    return copy_of(first, "b.dcm", **{**common, **attributes})


def test_native_pixels_come_as_they_are_stored(first: Path) -> None:
    (plane,) = stored(first)
    assert plane.dtype == np.uint16
    assert np.array_equal(plane[0], STORED)


def test_frames_of_a_file_come_in_the_order_asked(first: Path, tmp_path: Path) -> None:
    path = to_enhanced(first.parent, tmp_path / "e.dcm")
    third, zeroth = stored(path, 3, 0)
    assert np.array_equal(zeroth[0], STORED)
    assert np.array_equal(third[0], DATA[:, :, 15 % 7].T.astype(np.uint16) + np.uint16(1024))


@pytest.mark.parametrize("kind", [np.uint8, np.int8, np.uint16, np.int16, np.uint32, np.int32])
def test_every_type_keeps_its_values(first: Path, kind: type) -> None:
    info = np.iinfo(kind)
    values = np.linspace(info.min, info.max, 20).astype(kind).reshape(4, 5)
    (plane,) = stored(written(first, values, PixelRepresentation=int(info.min < 0)))
    assert plane.dtype == kind
    assert np.array_equal(plane[0], values)


@pytest.mark.parametrize("kind", ["u1", "i2", "u4"])
def test_big_endian_files(first: Path, kind: str) -> None:
    values = np.arange(20, dtype=kind).reshape(4, 5) * 3 + (300 if kind != "u1" else 0)
    path = written(first, values.astype(f">{kind}"), PixelRepresentation=int(kind[0] == "i"))
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    if kind == "u1":  # as words, whose bytes are swapped
        data.PixelData = np.frombuffer(data.PixelData, "<u2").byteswap().tobytes()
    data["PixelData"].VR = "OW"
    pydicom.dcmwrite(path, data, implicit_vr=False, little_endian=False)
    assert np.array_equal(stored(path)[0][0], values)


def test_deflated_files(first: Path) -> None:
    data = pydicom.dcmread(first)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(first)
    assert np.array_equal(stored(first)[0][0], STORED)


def test_unused_bits_are_no_part_of_a_value(first: Path) -> None:
    values = np.array([0, 1, 0x0FFF, 0x0800] * 5, np.uint16).reshape(4, 5)
    overlaid = values | np.uint16(0xA000)
    twelve = {"BitsStored": 12, "HighBit": 11}
    assert np.array_equal(stored(written(first, overlaid, **twelve))[0][0], values)
    signed = stored(written(first, overlaid, **twelve, PixelRepresentation=1))[0][0]
    assert sorted(set(signed.ravel().tolist())) == [-2048, -1, 0, 1]
    left = stored(written(first, (values << 4).astype(np.uint16), BitsStored=12, HighBit=15))[0][0]
    assert np.array_equal(left, values)


@pytest.mark.parametrize("planar", [0, 1])
def test_colours_are_channels(first: Path, planar: int) -> None:
    values = np.random.default_rng(0).integers(0, 255, (3, 4, 5)).astype(np.uint8)
    pixels = values if planar else np.ascontiguousarray(values.transpose(1, 2, 0))
    colours = {"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3, "PlanarConfiguration": planar}
    assert np.array_equal(stored(written(first, pixels, **colours))[0], values)


def test_native_ybr_becomes_rgb(first: Path) -> None:
    values = np.full((4, 5, 3), 128, np.uint8)
    values[..., 0] = np.arange(20).reshape(4, 5) * 10
    colours = {"PhotometricInterpretation": "YBR_FULL", "SamplesPerPixel": 3, "PlanarConfiguration": 0}
    (plane,) = stored(written(first, values, **colours))
    assert plane.shape == (3, 4, 5)
    assert np.abs(plane.astype(int) - values[..., 0]).max() <= 1


def test_pixels_that_are_cut_short_are_explained(first: Path) -> None:
    first.write_bytes(first.read_bytes()[:-30])
    with pytest.raises(
        InputError, match=r"0000\.dcm is cut short: its frame 1 has 10 of 40 bytes; copy it again"
    ):
        stored(first)


def test_a_multi_frame_file_that_is_cut_short_names_the_frame(first: Path, tmp_path: Path) -> None:
    path = to_enhanced(first.parent, tmp_path / "e.dcm")
    path.write_bytes(path.read_bytes()[:-50])
    assert len(stored(path, 0, 4)) == 2
    with pytest.raises(InputError, match=r"e\.dcm is cut short: its frame 6 has 30 of 40 bytes"):
        stored(path, 0, 5)
