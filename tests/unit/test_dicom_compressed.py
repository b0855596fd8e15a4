from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicom_cases import a_series, copy_of, header, to_enhanced
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from segmake.errors import InputError
from segmake.volume.dicom import read_dicom
from segmake.volume.dicom.compressed import is_compressed
from segmake.volume.dicom.format import format_of
from segmake.volume.dicom.pixels import stored_frames


@pytest.fixture
def first(tmp_path: Path) -> Path:
    return a_series(tmp_path / "a") / "0000.dcm"


def picture(path: Path, values: np.ndarray, codec: str) -> Path:
    """A single image that GDCM compresses."""
    image = sitk.GetImageFromArray(values[np.newaxis], isVector=values.ndim == 3)
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(path))
    writer.UseCompressionOn()
    writer.SetCompressor(codec)
    writer.Execute(image)
    return path


def stored(path: Path) -> np.ndarray:
    found = header(path)
    assert is_compressed(found)
    (plane,) = stored_frames(found, format_of(found), [0])
    return plane


@pytest.mark.parametrize("codec", ["JPEG", "JPEG2000", "JPEGLS"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
def test_lossless_codecs_give_every_value_back(tmp_path: Path, codec: str, kind: type) -> None:
    low = -1024 if kind == np.int16 else 0
    values = np.random.default_rng(0).integers(low, 250, (20, 30)).astype(kind)
    path = picture(tmp_path / "a.dcm", values, codec)
    assert np.array_equal(stored(path)[0], values)


def test_baseline_jpeg_is_near(tmp_path: Path) -> None:
    from io import BytesIO

    from PIL import Image

    values = np.add.outer(np.arange(32), np.arange(40)).astype(np.uint8) * 2
    stream = BytesIO()
    Image.fromarray(values).save(stream, "JPEG", quality=95)
    path = picture(tmp_path / "a.dcm", values, "JPEG")
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.50"
    data.PixelData = encapsulate([stream.getvalue()])
    data.save_as(path)
    assert np.abs(stored(path)[0].astype(int) - values).max() <= 4


def test_run_lengths(first: Path) -> None:
    data = pydicom.dcmread(first)
    expected = data.pixel_array
    data.compress(RLELossless)
    data.save_as(first)
    assert np.array_equal(stored(first)[0], expected)


@pytest.mark.parametrize("codec", ["JPEG2000", "JPEGLS"])
def test_compressed_colours(tmp_path: Path, codec: str) -> None:
    values = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)
    path = picture(tmp_path / "a.dcm", values, codec)
    assert np.array_equal(stored(path), values.transpose(2, 0, 1))


def test_the_scale_is_applied_once(first: Path) -> None:
    expected = read_dicom(first.parent).volume.data
    for path in sorted(first.parent.iterdir()):
        data = pydicom.dcmread(path)
        data.compress(RLELossless)
        data.save_as(path)
    assert np.array_equal(read_dicom(first.parent).volume.data, expected)


def test_compressed_frames_of_one_file(first: Path, tmp_path: Path) -> None:
    expected = read_dicom(first.parent).volume
    path = to_enhanced(first.parent, tmp_path / "e.dcm")
    data = pydicom.dcmread(path)
    data.compress(RLELossless)
    data.save_as(path)
    found = read_dicom(path).volume
    assert np.array_equal(found.data, expected.data)
    assert np.allclose(found.affine, expected.affine)


def test_damaged_pixels_are_explained(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 250, (20, 30)).astype(np.uint16)
    path = picture(tmp_path / "a.dcm", values, "JPEG2000")
    data = pydicom.dcmread(path)
    data.PixelData = encapsulate([bytes(200)])
    data.save_as(path)
    with pytest.raises(InputError, match=r"a\.dcm cannot be decoded \(JPEG 2000"):
        stored(path)
    data.NumberOfFrames = 3
    data.save_as(path)
    found = header(path)
    with pytest.raises(InputError, match=r"its compressed pixels do not hold 3 frames; copy it again"):
        stored_frames(found, format_of(found), [2])


def test_a_size_that_is_not_the_headers_is_explained(tmp_path: Path) -> None:
    path = picture(tmp_path / "a.dcm", np.zeros((20, 30), np.uint16), "JPEGLS")
    copy_of(path, "b.dcm", Rows=10)
    with pytest.raises(InputError, match=r"b\.dcm (decodes to|cannot be decoded)"):
        stored(tmp_path / "b.dcm")


def test_native_files_are_not_compressed(first: Path) -> None:
    assert not is_compressed(header(first))
