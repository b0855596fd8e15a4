import base64
import gzip
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from segmake.errors import InputError
from segmake.volume.geometry import to_canonical
from segmake.volume.nifti import read_geometry, read_nifti, write_nifti
from segmake.volume.nifti_header import GEOMETRY_FIELDS
from segmake.volume.volume import Volume

AFFINE = np.array([[0, -1.5, 0, 10], [0.8, 0, 0.6, -20], [-0.6, 0, 0.8, 30], [0, 0, 0, 1.0]])
DATA = np.random.default_rng(0).integers(-1000, 1000, (4, 5, 6)).astype(np.int16)
TEXT_FIELDS = ("descrip", "aux_file", "db_name", "intent_name", "data_type")


def saved(path: Path, data: np.ndarray = DATA, kind: Any = nib.Nifti1Image) -> Path:
    nib.save(kind(data, AFFINE), path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_integers_keep_type_value_and_place(tmp_path: Path, name: str, kind: Any) -> None:
    scan = read_nifti(saved(tmp_path / name, kind=kind))
    assert scan.volume.data.dtype == np.int16
    assert np.array_equal(scan.volume.data[0], DATA)
    assert np.allclose(scan.volume.affine, AFFINE)
    assert scan.notes == ()
    assert scan.tags == {}


@pytest.mark.parametrize("kind", [nib.Nifti1Pair, nib.Nifti2Pair])
@pytest.mark.parametrize("name", ["a.hdr", "a.img", "A.HDR"])
def test_a_pair_is_read_by_either_name(tmp_path: Path, kind: Any, name: str) -> None:
    nib.save(kind(DATA, AFFINE), tmp_path / "a.img")
    if name == "A.HDR":
        (tmp_path / "a.hdr").rename(tmp_path / "A.HDR")
        (tmp_path / "a.img").rename(tmp_path / "A.IMG")
    scan = read_nifti(tmp_path / name)
    assert np.array_equal(scan.volume.data[0], DATA)
    assert np.allclose(scan.volume.affine, AFFINE)


def test_a_pair_and_a_single_file_are_told_apart(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Pair(DATA, AFFINE), tmp_path / "a.img")
    (tmp_path / "b.nii").write_bytes((tmp_path / "a.hdr").read_bytes())
    said = r"b\.nii has the header of a \.hdr/\.img pair; let its name end in .hdr or .img"
    with pytest.raises(InputError, match=said):
        read_nifti(tmp_path / "b.nii")
    saved(tmp_path / "c.nii").rename(tmp_path / "a.hdr")
    with pytest.raises(InputError, match=r"a\.img has the header of \.nii; let its name end in .nii"):
        read_nifti(tmp_path / "a.img")


def test_compression_is_seen_in_the_bytes_not_in_the_name(tmp_path: Path) -> None:
    plain = saved(tmp_path / "a.nii").read_bytes()
    (tmp_path / "squeezed.nii").write_bytes(gzip.compress(plain))
    (tmp_path / "plain.nii.gz").write_bytes(plain)
    for name, said in (
        ("squeezed.nii", "squeezed.nii is gzip-compressed although its name does not end in .gz"),
        ("plain.nii.gz", "plain.nii.gz is plain although its name ends in .gz"),
    ):
        scan = read_nifti(tmp_path / name)
        assert np.array_equal(scan.volume.data[0], DATA)
        assert [(note.kind, note.text) for note in scan.notes] == [
            ("repair", f"{said}, it was read as what it is")
        ]


def test_gzip_of_several_members_is_one_file(tmp_path: Path) -> None:
    plain = saved(tmp_path / "a.nii").read_bytes()
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(plain[:400]) + gzip.compress(plain[400:]))
    assert np.array_equal(read_nifti(tmp_path / "b.nii.gz").volume.data[0], DATA)


def test_the_order_in_memory_is_that_of_the_file(tmp_path: Path) -> None:
    data = read_nifti(saved(tmp_path / "a.nii.gz")).volume.data
    assert data[0].flags.f_contiguous
    assert data.flags.writeable


def test_written_bytes_depend_on_the_content_alone(tmp_path: Path) -> None:
    volume = Volume(DATA[None], AFFINE)
    write_nifti(tmp_path / "a.nii.gz", volume)
    write_nifti(tmp_path / "deep" / "other.nii.gz", Volume(np.asfortranarray(DATA)[None], AFFINE))
    first = (tmp_path / "a.nii.gz").read_bytes()
    assert first == (tmp_path / "deep" / "other.nii.gz").read_bytes()
    assert first[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"  # no name, no time of writing
    write_nifti(tmp_path / "a.nii", volume)
    assert gzip.decompress(first) == (tmp_path / "a.nii").read_bytes()


@pytest.mark.parametrize("kind", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", ">i2"])
@pytest.mark.parametrize("channels", [1, 3])
def test_other_programs_read_what_is_written(tmp_path: Path, kind: str, channels: int) -> None:
    data = np.random.default_rng(1).integers(0, 99, (channels, 40, 30, 70)).astype(kind)
    before = data.copy()
    write_nifti(tmp_path / "a.nii.gz", Volume(data, AFFINE))
    image = nib.load(tmp_path / "a.nii.gz")
    found = np.asanyarray(image.dataobj)
    assert found.dtype == np.dtype(kind).newbyteorder("=")
    assert np.array_equal(found, data[0] if channels == 1 else np.moveaxis(data, 0, -1))
    assert np.array_equal(data, before)
    assert np.allclose(image.affine, AFFINE, rtol=0, atol=1e-6)
    assert np.allclose(image.header.get_qform(), AFFINE, rtol=0, atol=1e-5)
    assert np.allclose(image.header.get_zooms()[:3], (1, 1.5, 1))
    assert (int(image.header["sform_code"]), int(image.header["qform_code"])) == (1, 1)
    assert image.header.get_xyzt_units()[0] == "mm"


def test_a_written_volume_is_read_back(tmp_path: Path) -> None:
    data = np.stack([DATA, DATA + 1, DATA * 2])
    write_nifti(tmp_path / "a.nii.gz", Volume(data, AFFINE))
    scan = read_nifti(tmp_path / "a.nii.gz")
    assert np.array_equal(scan.volume.data, data)
    assert np.allclose(scan.volume.affine, AFFINE, rtol=0, atol=1e-6)
    assert scan.notes == ()


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


def test_no_text_of_a_header_is_kept(tmp_path: Path) -> None:
    image = forms(1, 1)
    planted = {name: f"DOE^J {name}"[: image.header[name].dtype.itemsize] for name in TEXT_FIELDS}
    for name, text in planted.items():
        image.header[name] = text
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"DOE^JANE born 1950-01-01"))
    path = tmp_path / "a.nii"
    nib.save(image, path)
    assert path.read_bytes().count(b"DOE^J") == len(TEXT_FIELDS) + 1
    like = read_geometry(path)
    assert b"DOE" not in base64.b64decode(like)
    write_nifti(tmp_path / "b.nii", read_nifti(path).volume, like)
    written = (tmp_path / "b.nii").read_bytes()
    assert b"DOE" not in written
    header = nib.load(tmp_path / "b.nii").header
    assert [bytes(header[name].item()) for name in TEXT_FIELDS] == [b""] * len(TEXT_FIELDS)
    assert len(header.extensions) == 0
    assert len(written) == 352 + DATA.size * 4  # float32, and nothing between header and voxels


def test_only_the_geometry_of_nifti_1_is_repeated(tmp_path: Path) -> None:
    assert read_geometry(saved(tmp_path / "a.nii.gz", kind=nib.Nifti2Image)) == ""
    assert read_geometry(tmp_path / "scan.mha") == ""
    (tmp_path / "series.nii.gz").mkdir()
    assert read_geometry(tmp_path / "series.nii.gz") == ""


@pytest.mark.data
def test_real_mri_is_read_as_nibabel_reads_it(shared_data: Path) -> None:
    path = next((shared_data / "hippocampus").rglob("imagesTr/*.nii*"))
    source, scan = nib.load(path), read_nifti(path)
    assert np.array_equal(scan.volume.data[0], source.get_fdata(dtype=np.float32))
    assert to_canonical(scan.volume) is scan.volume
