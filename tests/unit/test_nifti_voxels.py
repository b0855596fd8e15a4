import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from segmake.errors import InputError
from segmake.volume.nifti import read_nifti

SHAPE = (4, 5, 6)
DATA = np.random.default_rng(0).integers(-1000, 1000, SHAPE).astype(np.int16)


def stored(path: Path, data: np.ndarray, **fields: Any) -> Path:
    """A file with exactly these voxels and header fields: nibabel's own writer would mend them."""
    header = nib.Nifti1Header(endianness=">" if data.dtype.byteorder == ">" else "<")
    header.set_data_dtype(data.dtype)
    header.set_data_shape(data.shape)
    header.set_sform(np.diag([2.0, 2, 2, 1]), code=1)
    header["vox_offset"] = 352
    for name, value in fields.items():
        header[name] = value
    content = header.binaryblock.ljust(352, b"\0") + data.tobytes(order="F")
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def voxels(path: Path) -> np.ndarray:
    return read_nifti(path).volume.data


@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_integers_keep_their_type_and_become_native(tmp_path: Path, kind: str, order: str, name: str) -> None:
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    data = np.array([low, high, 0, 1, 2, 3, high // 2, 7], dtype=kind).reshape(2, 2, 2)
    found = voxels(stored(tmp_path / name, data.astype(np.dtype(kind).newbyteorder(order))))
    assert found.dtype == np.dtype(kind)
    assert found.dtype.isnative
    assert np.array_equal(found[0], data)


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", ">f8"])
def test_reals_become_single_precision(tmp_path: Path, kind: str) -> None:
    data = np.array([0.1, -1e300, 3e38, np.nan], dtype=np.float64).reshape(2, 2, 1)
    with np.errstate(over="ignore"):
        expected, source = data.astype(np.float32), data.astype(kind)
    found = voxels(stored(tmp_path / "a.nii", source))
    assert found.dtype == np.float32
    assert np.array_equal(found[0], expected, equal_nan=True)


@pytest.mark.parametrize(
    ("slope", "intercept", "kind", "expected"),
    [
        (0.0, 5.0, np.int16, DATA),
        (np.nan, np.nan, np.int16, DATA),
        (1.0, -1024.0, np.int16, DATA - 1024),
        (3.0, 40_000.0, np.int32, DATA.astype(np.int64) * 3 + 40_000),
        (-1.0, 0.0, np.int16, -DATA),
        (0.5, -1024.0, np.float32, DATA * 0.5 - 1024),
        (0.1, 0.3, np.float32, DATA * float(np.float32(0.1)) + float(np.float32(0.3))),
        (1e30, 0.0, np.float32, DATA * float(np.float32(1e30))),
    ],
)
def test_scaling_is_exact_and_keeps_integers(
    tmp_path: Path, slope: float, intercept: float, kind: type, expected: np.ndarray
) -> None:
    found = voxels(stored(tmp_path / "a.nii", DATA, scl_slope=slope, scl_inter=intercept))
    assert found.dtype == kind
    assert np.array_equal(found[0], expected.astype(kind))


def test_scaled_reals_and_wide_integers_are_single_precision(tmp_path: Path) -> None:
    for kind in (np.float32, np.float64, np.int64):
        found = voxels(stored(tmp_path / "a.nii", DATA.astype(kind), scl_slope=2, scl_inter=1))
        assert found.dtype == np.float32
        assert np.array_equal(found[0], DATA * 2 + 1)


def test_the_fourth_axis_and_the_components_of_a_vector_are_channels(tmp_path: Path) -> None:
    data = np.stack([DATA, DATA + 1, DATA * 2], axis=-1)
    for source in (data, data[:, :, :, None]):
        found = voxels(stored(tmp_path / "a.nii.gz", source))
        assert np.array_equal(found, np.moveaxis(data, -1, 0))


@pytest.mark.parametrize("alpha", [False, True])
def test_colours_are_channels(tmp_path: Path, alpha: bool) -> None:
    kind = np.dtype([(name, "u1") for name in ("RGBA" if alpha else "RGB")])
    data = np.zeros(SHAPE, kind)
    for number, name in enumerate(kind.names or ()):
        data[name] = np.random.default_rng(number).integers(0, 255, SHAPE)
    scan = read_nifti(stored(tmp_path / "a.nii.gz", data))
    assert scan.volume.data.dtype == np.uint8
    assert np.array_equal(scan.volume.data, np.stack([data[name] for name in "RGB"]))
    assert [note.text for note in scan.notes] == (["the alpha channel was dropped"] if alpha else [])


def test_bytes_after_the_voxels_are_said(tmp_path: Path) -> None:
    path = stored(tmp_path / "a.nii", DATA)
    path.write_bytes(path.read_bytes() + b"12345")
    scan = read_nifti(path)
    assert np.array_equal(scan.volume.data[0], DATA)
    assert [(note.kind, note.text) for note in scan.notes] == [
        ("warning", "5 bytes after the voxels of a.nii were ignored")
    ]


@pytest.mark.parametrize(("offset", "skip"), [(0, 0), (352, 0), (416, 64)])
def test_voxels_begin_where_the_header_says(tmp_path: Path, offset: int, skip: int) -> None:
    path = stored(tmp_path / "a.nii", DATA, vox_offset=offset)
    content = path.read_bytes()
    path.write_bytes(content[:352] + b"\xee" * skip + content[352:])
    assert np.array_equal(voxels(path)[0], DATA)


@pytest.mark.parametrize("offset", [100, -8, np.nan, 1e15])
def test_an_offset_within_the_header_is_refused(tmp_path: Path, offset: float) -> None:
    with pytest.raises(
        InputError, match=rf"voxels begin at byte {offset:g}, the header ends at 348".replace("+", r"\+")
    ):
        voxels(stored(tmp_path / "a.nii", DATA, vox_offset=offset))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (DATA.astype(np.complex64), r"complex64 voxels \(data type 32\), and only integers, reals and RGB"),
        (DATA.astype(np.complex128), r"holds complex128 voxels \(data type 1792\)"),
        (np.zeros((2, 2, 2, 3), [(name, "u1") for name in "RGB"]), r"holds 3 colour images; split it"),
    ],
)
def test_voxels_that_are_no_numbers_are_refused(tmp_path: Path, data: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        voxels(stored(tmp_path / "a.nii", data))


@pytest.mark.parametrize(
    ("code", "said"), [(12345, "data type 12345 is unknown"), (1, "binary voxels"), (0, "binary")]
)
def test_a_data_type_that_is_unknown_is_said(tmp_path: Path, code: int, said: str) -> None:
    with pytest.raises(InputError, match=said):
        voxels(stored(tmp_path / "a.nii", DATA, datatype=code))


def test_no_memory_is_asked_for_that_the_file_cannot_fill(tmp_path: Path) -> None:
    huge = [3, 32767, 32767, 32767, 1, 1, 1, 1]
    for name in ("a.nii", "a.nii.gz"):
        with pytest.raises(
            InputError, match=r"asks for 70362301923326 bytes of voxels, the file has room for"
        ):
            voxels(stored(tmp_path / name, DATA, dim=huge))
