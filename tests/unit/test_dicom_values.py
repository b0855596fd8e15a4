from pathlib import Path

import numpy as np
import pytest
from dicom_cases import DATA, a_series, copy_of, edit, header, set_all
from pydicom.dataset import Dataset

from segmake.errors import InputError
from segmake.volume.dicom import read_dicom
from segmake.volume.dicom.frames import frames_of
from segmake.volume.dicom.values import Pixels, read_values

STORED = DATA.astype(np.int64) + 1024


@pytest.fixture
def series(tmp_path: Path) -> Path:
    return a_series(tmp_path / "a")


def values(folder: Path, modality: str = "MR") -> Pixels:
    return read_values([frames_of(header(path))[0] for path in sorted(folder.iterdir())], modality)


def texts(pixels: Pixels) -> list[str]:
    return [note.text for note in pixels.notes]


def test_whole_numbers_stay_whole(series: Path) -> None:
    found = values(series)
    assert found.data.dtype == np.int16
    assert np.array_equal(found.data[0], DATA)
    assert found.notes == ()


@pytest.mark.parametrize(
    ("slope", "intercept", "kind"),
    [
        ("1", "0", np.uint16),
        ("2", "-7", np.int16),
        ("20", "0", np.int32),
        ("-1", "100000", np.int32),
        ("0.5", "-100", np.float32),
        ("1", "0.25", np.float32),
    ],
)
def test_slope_and_intercept(series: Path, slope: str, intercept: str, kind: type) -> None:
    set_all(series, RescaleSlope=slope, RescaleIntercept=intercept)
    found = values(series)
    assert found.data.dtype == kind
    assert np.array_equal(found.data[0], (STORED * float(slope) + float(intercept)).astype(kind))


def test_without_a_scale_values_are_as_stored(series: Path) -> None:
    set_all(series, RescaleSlope=None, RescaleIntercept=None)
    assert np.array_equal(values(series).data[0], STORED)


def test_every_slice_may_have_a_scale_of_its_own(series: Path) -> None:
    slopes = np.array([1, 0.5, 0.25, 2, 40, 1, 0.3])

    def rescale(number: int, data: Dataset) -> None:
        data.RescaleSlope, data.RescaleIntercept = str(slopes[number]), str(number)

    edit(series, rescale)
    found = values(series)
    assert found.data.dtype == np.float32
    assert np.allclose(found.data[0], STORED * slopes + np.arange(7), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("scale", "rule"),
    [
        ({"RescaleSlope": "0"}, r"0003\.dcm: RescaleSlope is 0, which would erase the scan"),
        ({"RescaleSlope": ["1", "2"]}, "RescaleSlope is .*, not 1 finite numbers"),
    ],
)
def test_a_scale_that_is_none_is_explained(series: Path, scale: dict[str, object], rule: str) -> None:
    copy_of(series / "0003.dcm", "0003.dcm", **scale)
    with pytest.raises(InputError, match=rule):
        values(series)


def test_monochrome1_is_inverted(series: Path) -> None:
    set_all(series, PhotometricInterpretation="MONOCHROME1", RescaleIntercept="0")
    found = values(series)
    assert np.array_equal(found.data[0], 65535 - STORED)
    assert texts(found) == ["MONOCHROME1: grey values inverted, so that high is bright"]
    twelve = {"BitsStored": 12, "HighBit": 11}
    set_all(series, **twelve)
    assert np.array_equal(values(series).data[0], 4095 - STORED)


def test_nothing_in_a_ct_is_below_air(series: Path) -> None:
    set_all(series, RescaleIntercept="-1500")
    found = values(series, "CT")
    expected = STORED - 1500
    low = expected < -1024
    assert np.array_equal(found.data[0], np.where(low, -1024, expected))
    share = f"{low.sum()} voxels ({100 * low.mean():.2g} %)"
    held = f"{expected.min()} to {expected[low].max()}"
    assert texts(found) == [f"{share} outside of the scan held {held}; set to -1024"]
    assert values(series, "MR").data.min() == expected.min()


@pytest.mark.parametrize(
    ("padding", "written"), [(63536, 63536), (63536, -2000), (-2000, -2000)], ids=["US", "mixed", "SS"]
)
def test_padding_becomes_air(series: Path, padding: int, written: int) -> None:
    signed = padding < 0

    def pad(number: int, data: Dataset) -> None:
        pixels = np.frombuffer(data.PixelData, "<u2").copy()
        pixels[:2] = padding % 65536
        data.PixelData, data.PixelRepresentation = pixels.tobytes(), int(signed)
        data["PixelData"].VR = "OW"
        data.add_new("PixelPaddingValue", "SS" if written < 0 else "US", written)

    edit(series, pad)
    found = values(series, "CT")
    expected = DATA.copy()
    expected[:2, 0] = -1024
    assert np.array_equal(found.data[0], expected)
    held = -3024 if signed else 62512
    assert texts(found) == [f"14 voxels (10 %) outside of the scan held {held}; set to -1024"]


def test_a_padding_value_among_the_others_is_left(series: Path) -> None:
    set_all(series, PixelPaddingValue=int(STORED[0, 0, 0]))
    assert np.array_equal(values(series, "CT").data[0], DATA)
    assert values(series, "CT").notes == ()


def test_bright_padding_of_other_modalities_becomes_dark(series: Path) -> None:
    set_all(series, PixelPaddingValue=int(STORED.max()), RescaleIntercept="0")
    found = values(series)
    assert np.array_equal(found.data[0], np.where(STORED.max() == STORED, STORED.min(), STORED))
    assert texts(found)[0].endswith(f"outside of the scan held {STORED.max()}; set to {STORED.min()}")


def test_a_range_of_padding(series: Path) -> None:
    top = sorted(set(STORED.ravel().tolist()))[-3:]
    set_all(series, PixelPaddingValue=top[0], PixelPaddingRangeLimit=top[2], RescaleIntercept="0")
    assert values(series).data.max() < top[0]


def test_kinds_of_pixels_do_not_mix(series: Path) -> None:
    copy_of(series / "0003.dcm", "0003.dcm", PhotometricInterpretation="MONOCHROME1")
    with pytest.raises(InputError, match=r"0003\.dcm stores MONOCHROME1 pixels, 0000\.dcm MONOCHROME2; keep"):
        values(series)


def test_signs_may_mix(series: Path) -> None:
    copy_of(series / "0003.dcm", "0003.dcm", PixelRepresentation=1)
    assert np.array_equal(values(series).data[0], DATA)


def test_a_look_up_table_is_warned_about(series: Path) -> None:
    table = Dataset()
    table.LUTDescriptor, table.ModalityLUTType, table.LUTData = [2, 0, 16], "HU", b"\x00\x00\x01\x00"
    set_all(series, ModalityLUTSequence=[table])
    assert [note.kind for note in read_dicom(series).notes] == ["warning"]
