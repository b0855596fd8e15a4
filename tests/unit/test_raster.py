import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from segmake.errors import InputError
from segmake.volume.geometry import axis_codes
from segmake.volume.raster import read_raster

GREY = np.arange(30, dtype=np.uint8).reshape(5, 6) * 8  # 5 rows, 6 columns
RGB = np.random.default_rng(0).integers(0, 255, (5, 6, 3)).astype(np.uint8)


def saved(path: Path, image: np.ndarray | Image.Image, **options: Any) -> Path:
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(path, **options)
    return path


def texts(path: Path) -> list[tuple[str, str]]:
    return [(note.kind, note.text) for note in read_raster(path).notes]


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.TIFF"])
@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_columns_are_x_and_rows_are_y(tmp_path: Path, name: str, kind: str) -> None:
    pixels = GREY.astype(kind) * (257 if kind == "u2" else 1)
    scan = read_raster(saved(tmp_path / name, pixels))
    assert scan.volume.data.shape == (1, 6, 5, 1)
    assert scan.volume.data.dtype == np.dtype(kind)
    assert scan.volume.data.dtype.isnative
    assert np.array_equal(scan.volume.data[0, :, :, 0], pixels.T)
    assert axis_codes(scan.volume.affine) == "LPS"
    assert np.array_equal(scan.volume.affine, np.diag([-1, -1, 1, 1]))
    assert scan.notes == ()


@pytest.mark.parametrize("kind", [np.int32, np.float32])
def test_wide_pixels_of_tiff_are_kept(tmp_path: Path, kind: type) -> None:
    pixels = (GREY.astype(kind) - 50) * 1000
    data = read_raster(saved(tmp_path / "a.tif", pixels)).volume.data
    assert data.dtype == kind
    assert np.array_equal(data[0, :, :, 0], pixels.T)


def test_big_endian_tiff_is_native(tmp_path: Path) -> None:
    image = Image.fromarray(GREY.astype(np.uint16) * 257)
    image.save(tmp_path / "a.tif", big_endian=True)
    data = read_raster(tmp_path / "a.tif").volume.data
    assert data.dtype == np.uint16
    assert np.array_equal(data[0, :, :, 0], GREY.T.astype(np.uint16) * 257)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_colours_are_channels(tmp_path: Path, name: str) -> None:
    data = read_raster(saved(tmp_path / name, RGB)).volume.data
    assert np.array_equal(data[..., 0], RGB.transpose(2, 1, 0))


def test_jpeg_is_close(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)
    data = read_raster(saved(tmp_path / "a.jpg", smooth, quality=95)).volume.data
    assert np.abs(data[0, :, :, 0].astype(int) - smooth.T).max() <= 2


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha_is_dropped_and_said(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(RGB).convert(mode)
    path = saved(tmp_path / "a.png", image)
    expected = np.asarray(image)[..., :-1].transpose(2, 1, 0)
    assert np.array_equal(read_raster(path).volume.data[..., 0], expected)
    assert texts(path) == [("repair", "the alpha channel was dropped")]


def test_a_palette_is_expanded_and_said(tmp_path: Path) -> None:
    image = Image.fromarray(GREY).convert("P")
    image.putpalette([value for entry in range(256) for value in (entry, 255 - entry, 7)])
    path = saved(tmp_path / "a.png", image)
    assert np.array_equal(
        read_raster(path).volume.data[..., 0], np.asarray(image.convert("RGB")).transpose(2, 1, 0)
    )
    assert texts(path) == [("repair", "the palette was turned to RGB")]


def test_black_and_white_is_0_and_1(tmp_path: Path) -> None:
    data = read_raster(saved(tmp_path / "a.png", GREY > 100)).volume.data
    assert data.dtype == np.uint8
    assert np.array_equal(data[0, :, :, 0], (GREY > 100).T)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.jpg"])
def test_the_exif_orientation_is_honoured_and_said(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise
    pixels = np.kron(GREY, np.ones((8, 8), np.uint8))
    path = saved(tmp_path / name, pixels, exif=exif)
    data = read_raster(path).volume.data[0, :, :, 0].astype(int)
    assert np.abs(data - np.rot90(pixels, -1).T).max() <= (8 if name == "a.jpg" else 0)
    assert texts(path) == [("repair", "the image was turned as its EXIF orientation 6 asks")]


def test_resolution_is_about_paper(tmp_path: Path) -> None:
    scan = read_raster(saved(tmp_path / "a.png", GREY, dpi=(300, 300)))
    assert scan.volume.spacing_mm == (1, 1, 1)


def test_pages_are_slices(tmp_path: Path) -> None:
    pages = [Image.fromarray(GREY + number) for number in range(4)]
    path = saved(tmp_path / "a.tif", pages[0], save_all=True, append_images=pages[1:])
    data = read_raster(path).volume.data
    assert data.shape == (1, 6, 5, 4)
    assert all(np.array_equal(data[0, :, :, z], GREY.T + z) for z in range(4))


def test_pages_that_differ_are_refused(tmp_path: Path) -> None:
    other = Image.fromarray(GREY[:, :3])
    path = saved(tmp_path / "a.tif", GREY, save_all=True, append_images=[other])
    with pytest.raises(
        InputError, match=r"page 2 of .*a\.tif is \(1, 3, 5\) uint8, the first is \(1, 6, 5\)"
    ):
        read_raster(path)


def test_the_content_counts_not_the_name(tmp_path: Path) -> None:
    saved(tmp_path / "a.png", GREY).rename(tmp_path / "a.jpg")
    assert np.array_equal(read_raster(tmp_path / "a.jpg").volume.data[0, :, :, 0], GREY.T)


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_colours_of_a_printer_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"has CMYK colours; export it as grey or RGB"):
        read_raster(saved(tmp_path / name, Image.fromarray(RGB).convert("CMYK")))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF"])
def test_a_truncated_image_is_damaged(tmp_path: Path, form: str) -> None:
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    Image.fromarray(noise).save(stream, form)
    for cut in (20, 1500):
        (tmp_path / "a.png").write_bytes(stream.getvalue()[:-cut])
        with pytest.raises(
            InputError, match=r"a\.png is (damaged: .*|no PNG, JPEG or TIFF image); copy or export"
        ):
            read_raster(tmp_path / "a.png")


def test_a_flipped_bit_in_a_png_is_noticed(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    content = bytearray(saved(tmp_path / "a.png", noise).read_bytes())
    content[len(content) // 2] ^= 0x10
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.png is damaged: "):
        read_raster(tmp_path / "a.png")


def test_an_image_of_absurd_size_is_not_unpacked(tmp_path: Path) -> None:
    for side in (9_600, 13_400):  # Pillow warns of the first and raises on the second
        path = saved(tmp_path / "a.png", Image.new("1", (side, side)))
        with pytest.raises(InputError, match=r"a\.png is too large to be an image of a slice"):
            read_raster(path)


def test_what_is_no_image_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"not an image")
    with pytest.raises(InputError, match=r"a\.png is no PNG, JPEG or TIFF image; copy or export it again"):
        read_raster(tmp_path / "a.png")
    (tmp_path / "b.png").touch()
    with pytest.raises(InputError, match=r"b\.png is empty \(0 bytes\)"):
        read_raster(tmp_path / "b.png")


def test_colours_of_16_bits_are_read_with_8_and_said(tmp_path: Path) -> None:
    parts = [sitk.GetImageFromArray(GREY.astype(np.uint16) * 257 + number) for number in range(3)]
    sitk.WriteImage(sitk.Compose(parts), str(tmp_path / "a.png"))
    data = read_raster(tmp_path / "a.png").volume.data
    assert np.array_equal(data[..., 0], np.stack([GREY.T] * 3))
    assert texts(tmp_path / "a.png") == [("warning", "colours of 16 bits were read with 8")]
