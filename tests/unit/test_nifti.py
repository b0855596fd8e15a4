import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from segmake.errors import InputError
from segmake.volume.geometry import to_canonical
from segmake.volume.nifti import GEOMETRY_FIELDS, read_geometry, read_nifti, write_nifti
from segmake.volume.volume import Volume

AFFINE = np.array([[0, -1.5, 0, 10], [0.8, 0, 0.6, -20], [-0.6, 0, 0.8, 30], [0, 0, 0, 1.0]])
DATA = np.random.default_rng(0).integers(-1000, 1000, (4, 5, 6)).astype(np.int16)


def saved(path: Path, data: np.ndarray = DATA, kind: Any = nib.Nifti1Image) -> Path:
    nib.save(kind(data, AFFINE), path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_integers_keep_type_value_and_place(tmp_path: Path, name: str, kind: Any) -> None:
    volume = read_nifti(saved(tmp_path / name, kind=kind))
    assert volume.data.dtype == np.int16
    assert np.array_equal(volume.data[0], DATA)
    assert np.allclose(volume.affine, AFFINE)


def test_reals_become_single_precision(tmp_path: Path) -> None:
    data = DATA.astype(np.float64) / 7
    volume = read_nifti(saved(tmp_path / "a.nii.gz", data))
    assert volume.data.dtype == np.float32
    assert np.array_equal(volume.data[0], data.astype(np.float32))


def test_the_scaling_of_the_header_is_applied(tmp_path: Path) -> None:
    image = nib.Nifti1Image(DATA, AFFINE)
    image.header.set_slope_inter(0.5, -1024)
    nib.save(image, tmp_path / "a.nii")
    assert np.frombuffer((tmp_path / "a.nii").read_bytes()[112:120], "<f4").tolist() == [0.5, -1024]
    volume = read_nifti(tmp_path / "a.nii")
    assert volume.data.dtype == np.float32
    assert np.array_equal(volume.data[0], (DATA * 0.5 - 1024).astype(np.float32))


def test_big_endian_files_are_read_in_native_order(tmp_path: Path) -> None:
    image = nib.Nifti1Image(DATA, AFFINE, nib.Nifti1Header(endianness=">"))
    image.set_data_dtype(">i2")
    nib.save(image, tmp_path / "a.nii")
    assert (tmp_path / "a.nii").read_bytes()[:4] == b"\0\0\x01\x5c"
    volume = read_nifti(tmp_path / "a.nii")
    assert volume.data.dtype.isnative
    assert np.array_equal(volume.data[0], DATA)


def test_the_fourth_axis_holds_channels(tmp_path: Path) -> None:
    data = np.stack([DATA, DATA + 1, DATA * 2], axis=-1)
    volume = read_nifti(saved(tmp_path / "a.nii.gz", data))
    assert volume.data.shape == (3, 4, 5, 6)
    assert np.array_equal(volume.data[1], DATA + 1)
    write_nifti(tmp_path / "b.nii.gz", volume)
    assert np.array_equal(np.asanyarray(nib.load(tmp_path / "b.nii.gz").dataobj), data)


def test_a_fifth_axis_of_one_is_dropped(tmp_path: Path) -> None:
    assert np.array_equal(read_nifti(saved(tmp_path / "a.nii", DATA[..., None, None])).data[0], DATA)


def test_written_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    volume = Volume(DATA[None], AFFINE)
    write_nifti(tmp_path / "a.nii.gz", volume)
    write_nifti(tmp_path / "deep" / "other.nii.gz", Volume(np.asfortranarray(DATA)[None], AFFINE))
    first = (tmp_path / "a.nii.gz").read_bytes()
    assert first == (tmp_path / "deep" / "other.nii.gz").read_bytes()
    assert int.from_bytes(first[4:8], "little") == 0  # no time of writing


def test_a_written_volume_is_read_back(tmp_path: Path) -> None:
    before = DATA.copy()
    write_nifti(tmp_path / "a.nii.gz", Volume(DATA[None], AFFINE))
    volume = read_nifti(tmp_path / "a.nii.gz")
    assert np.array_equal(volume.data[0], before)
    assert np.array_equal(DATA, before)
    assert np.allclose(volume.affine, AFFINE, rtol=0, atol=1e-6)
    header = nib.load(tmp_path / "a.nii.gz").header
    assert (int(header["sform_code"]), int(header["qform_code"])) == (1, 1)
    assert header.get_xyzt_units()[0] == "mm"
    assert np.allclose(header.get_qform(), AFFINE, rtol=0, atol=1e-5)


def forms(sform: int, qform: int, order: str = "<") -> nib.Nifti1Image:
    """Image whose two geometries differ slightly, as files from scanners do."""
    image = nib.Nifti1Image(DATA, AFFINE, nib.Nifti1Header(endianness=order))
    noisy = AFFINE.copy()
    noisy[:3, 3] += 1e-4
    image.set_qform(noisy, code=qform)
    image.set_sform(AFFINE if sform else None, code=sform)
    image.header.set_xyzt_units("mm", "sec")
    return image


@pytest.mark.parametrize(("sform", "qform"), [(1, 1), (0, 1), (2, 0), (4, 3), (0, 0)])
@pytest.mark.parametrize("order", ["<", ">"])
def test_geometry_of_a_source_is_repeated_to_the_bit(
    tmp_path: Path, sform: int, qform: int, order: str
) -> None:
    nib.save(forms(sform, qform, order), tmp_path / "source.nii.gz")
    source = nib.load(tmp_path / "source.nii.gz")
    label = np.zeros((1, *DATA.shape), np.uint8)
    like = read_geometry(tmp_path / "source.nii.gz")
    write_nifti(tmp_path / "label.nii.gz", Volume(label, source.affine), like)
    found = nib.load(tmp_path / "label.nii.gz")
    assert np.array_equal(found.affine, source.affine)
    assert found.get_data_dtype() == np.uint8
    for name in GEOMETRY_FIELDS:
        assert np.array_equal(found.header[name], source.header[name]), name
    assert np.array_equal(found.header["pixdim"][:4], source.header["pixdim"][:4])


def test_a_header_of_nifti_2_or_another_format_is_not_repeated(tmp_path: Path) -> None:
    assert read_geometry(saved(tmp_path / "a.nii.gz", kind=nib.Nifti2Image)) == ""
    assert read_geometry(tmp_path / "scan.mha") == ""


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 1000, (30, 30, 30)).astype(np.int16)
    for name, fault in (("a.nii.gz", "not a readable NIfTI file"), ("a.nii", "damaged")):
        path = saved(tmp_path / name, noise)
        path.write_bytes(path.read_bytes()[:-9000])
        with pytest.raises(InputError, match=rf"{name} is {fault}: .*; copy or export it again$"):
            read_nifti(path)


def test_a_flipped_bit_in_a_compressed_file_is_noticed(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii.gz", np.random.default_rng(1).random((20, 20, 20)))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.nii\.gz is not a readable NIfTI file: CRC check failed"):
        read_nifti(path)


@pytest.mark.parametrize(
    "content",
    [b"", b"not an image", gzip.compress(b"x" * 400), gzip.compress(b"x"), b"\x5c\x01" + b"\xff" * 400],
)
def test_what_is_no_nifti_is_explained(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.nii.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.nii\.gz is not a readable NIfTI file"):
        read_nifti(path)


def test_an_unknown_data_type_is_explained(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[70:72] = b"\x39\x30"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.nii is not a readable NIfTI file"):
        read_nifti(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.nii\.gz does not exist; correct the path"):
        read_nifti(tmp_path / "gone.nii.gz")


def test_voxels_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"complex64 voxels; only integers and reals"):
        read_nifti(saved(tmp_path / "a.nii", DATA.astype(np.complex64)))


def test_a_flat_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"shape \(4, 5\); a volume has three axes"):
        read_nifti(saved(tmp_path / "a.nii", DATA[..., 0]))


@pytest.mark.data
def test_real_mri_is_read_as_nibabel_reads_it(shared_data: Path) -> None:
    path = next((shared_data / "hippocampus").rglob("imagesTr/*.nii*"))
    source, volume = nib.load(path), read_nifti(path)
    assert np.array_equal(volume.data[0], source.get_fdata(dtype=np.float32))
    assert to_canonical(volume) is volume
