"""2D images as patches: colours, windows, and what their file says of itself."""

from pathlib import PurePath

import numpy as np
import pytest

from segmake.errors import InputError
from segmake.prepare.pictures import describe, picture_patch
from segmake.volume.scan import Scan
from segmake.volume.volume import Array, Volume


def image(pictures: Array, spacing: tuple[float, float] = (1, 1)) -> Volume:
    """A volume of one slice from [C, rows, columns]."""
    return Volume(pictures.transpose(0, 2, 1)[..., np.newaxis], np.diag([-spacing[0], -spacing[1], 1, 1]))


RGB = np.stack([np.full((20, 20), value, np.uint8) for value in (200, 100, 50)])


def test_rows_stay_rows() -> None:
    picture = np.zeros((1, 20, 20), np.uint8)
    picture[0, 2, 15] = 255
    patch = picture_patch(image(picture), None, "other", 20, "auto")
    assert patch.dtype == np.uint8
    assert np.array_equal(patch, picture)


def test_colours_as_they_are_or_all_of_one_kind() -> None:
    assert picture_patch(image(RGB), None, "other", 16, "auto")[:, 8, 8].tolist() == [200, 100, 50]
    assert picture_patch(image(RGB), None, "other", 16, "grey")[:, 8, 8].tolist() == [124]  # BT.601
    assert picture_patch(image(RGB), None, "other", 16, "rgb")[:, 8, 8].tolist() == [200, 100, 50]
    grey = np.repeat(RGB[:1], 3, axis=0)
    assert picture_patch(image(grey), None, "xray", 16, "auto")[:, 8, 8].tolist() == [200]
    assert picture_patch(image(RGB[:1]), None, "xray", 16, "rgb")[:, 8, 8].tolist() == [200, 200, 200]


def test_many_bits_are_windowed() -> None:
    deep = np.linspace(0, 4095, 32 * 32).reshape(1, 32, 32).astype(np.uint16)
    whole = picture_patch(image(deep), None, "xray", 32, "auto")
    assert (whole[0, 0, 0], whole[0, -1, -1]) == (0, 255)
    assert whole[0, 16, 0] == pytest.approx(128, abs=2)
    narrow = picture_patch(image(deep), (2000, 2100), "xray", 32, "auto")
    assert set(np.unique(narrow[0, :15])) == {0}
    hu = np.full((1, 16, 16), -300, np.int16)
    assert picture_patch(image(hu), None, "ct", 16, "auto")[0, 8, 8] in (127, 128)


def test_pixels_that_are_no_squares() -> None:
    wide = np.full((1, 40, 20), 90, np.uint8)
    patch = picture_patch(image(wide, (2.0, 1.0)), None, "xray", 40, "auto")
    assert (patch == 90).all()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (np.zeros((1, 8, 8, 3), np.uint8), "one slice or page, got 3"),
        (np.zeros((2, 8, 8, 1), np.uint8), "grey or has three colours, got 2 channels"),
    ],
)
def test_what_is_no_2d_image_is_refused(data: Array, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        picture_patch(Volume(data, np.eye(4)), None, "other", 16, "auto")


@pytest.mark.parametrize(
    ("pixels", "name", "tags", "said"),
    [
        (RGB, "a.JPG", {}, "JPEG, 8 bit, colour"),
        (RGB[:1].astype(np.uint16), "a.png", {}, "PNG, 16 bit, grey"),
        (RGB[:1], "set.npz#train_images[3]", {}, "NPZ, 8 bit, grey"),
        (
            RGB[:1].astype(np.uint16),
            "IM0001",
            {
                "PhotometricInterpretation": "MONOCHROME1",
                "Manufacturer": "Maker",
                "ManufacturerModelName": "X",
            },
            "DICOM, 16 bit, MONOCHROME1, Maker, X",
        ),
    ],
)
def test_what_a_file_says_of_itself(pixels: Array, name: str, tags: dict[str, str], said: str) -> None:
    assert describe(Scan(image(pixels), (), tags), PurePath(name)) == said
