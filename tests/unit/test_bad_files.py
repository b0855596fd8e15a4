"""Ways for an image file to be wrong: each is refused in one sentence that names the file."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from segmake.errors import GeometryError, InputError
from segmake.volume.read import read_scan

NOISE = np.random.default_rng(0).integers(0, 999, (12, 13, 14)).astype(np.int16)
Make = Callable[[Path], object]


def nifti(*, data: np.ndarray = NOISE, **fields: object) -> Make:
    """Writes a sound NIfTI file, then sets header fields to these values."""

    def write(path: Path) -> None:
        image = nib.Nifti1Image(data, np.eye(4))
        image.set_sform(None, code=0)
        image.set_qform(np.eye(4), code=1)
        plain = bytearray(image.to_bytes())
        header = nib.Nifti1Header(bytes(plain[:348]), check=False)
        for name, value in fields.items():
            header[name] = value
        plain[:348] = header.binaryblock
        path.write_bytes(gzip.compress(plain) if path.suffix == ".gz" else plain)

    return write


def edited(make: Make, change: Callable[[bytes], bytes]) -> Make:
    def write(path: Path) -> None:
        make(path)
        path.write_bytes(change(path.read_bytes()))

    return write


def content(data: bytes) -> Make:
    return lambda path: path.write_bytes(data)


def metaimage(old: str, new: str) -> Make:
    def write(path: Path) -> None:
        sitk.WriteImage(sitk.GetImageFromArray(NOISE), str(path))
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return write


def picture(mode: str) -> Make:
    return lambda path: Image.new(mode, (9, 9)).save(path)


def flipped(data: bytes) -> bytes:
    return data[:-500] + bytes([data[-500] ^ 8]) + data[-499:]


def pixdim(*sizes: float) -> Make:
    return nifti(pixdim=[1, *sizes, 0, 0, 0, 0])


NO_SFORM = {"srow_x": [0] * 4, "srow_y": [0] * 4, "srow_z": [0] * 4, "sform_code": 1}
AGAIN = "copy or export it again"
BAD: dict[str, tuple[str, Make, str]] = {
    "missing": ("a.nii.gz", lambda _: None, "does not exist; correct the path"),
    "empty": ("a.nii.gz", content(b""), f"is empty (0 bytes); {AGAIN}"),
    "empty mha": ("a.mha", content(b""), "is empty (0 bytes)"),
    "empty png": ("a.png", content(b""), "is empty (0 bytes)"),
    "text": ("a.nii", content(b"not an image" * 99), "is not a readable NIfTI file: it begins with b'not '"),
    "gzip of text": ("a.nii.gz", content(gzip.compress(b"x" * 999)), "it begins with b'xxxx'"),
    "gzip of little": ("a.nii.gz", content(gzip.compress(b"\x5c\x01\0\0")), "it ends after 4 bytes"),
    "gzip of nothing": ("a.nii.gz", content(gzip.compress(b"")), "it begins with b''"),
    "dicom named nifti": ("a.nii", content(bytes(128) + b"DICM" + bytes(900)), "not a readable NIfTI"),
    "truncated gzip": ("a.nii.gz", edited(nifti(), lambda data: data[:-2000]), "is damaged: "),
    "checksum cut off": ("a.nii.gz", edited(nifti(), lambda data: data[:-5]), "is damaged: "),
    "flipped bit": ("a.nii.gz", edited(nifti(), flipped), "is damaged: "),
    "truncated": ("a.nii", edited(nifti(), lambda data: data[:-9]), "asks for 4368 bytes of voxels"),
    "header only": ("a.nii", edited(nifti(), lambda data: data[:352]), "the file has room for 0"),
    "analyze": ("a.nii", nifti(magic=b""), "is ANALYZE 7.5, which does not say left from right"),
    "half a pair": ("a.hdr", nifti(magic=b"ni1"), "is half of a pair, but there is no a.img"),
    "pair as one": ("a.nii", nifti(magic=b"ni1"), "has the header of a .hdr/.img pair"),
    "broken link": (
        "a.nii",
        lambda path: path.symlink_to(path.parent / "b"),
        "which does not exist; mend it",
    ),
    "pipe": ("a.nii", os.mkfifo, "is neither a file nor a folder; name a file"),
    "no axes": ("a.nii", nifti(dim=[0, 9, 9, 9, 1, 1, 1, 1]), "has 0 axes of sizes [9, 9, 9"),
    "axis of zero": (
        "a.nii",
        nifti(dim=[3, 9, 0, 9, 1, 1, 1, 1]),
        "[9, 0, 9, 1, 1, 1, 1], but there are 1 to 7 of at least one",
    ),
    "negative axis": (
        "a.nii",
        nifti(dim=[3, 9, 9, -9, 1, 1, 1, 1]),
        "[9, 9, -9, 1, 1, 1, 1], but there are 1 to 7 of at least one",
    ),
    "flat": ("a.nii", nifti(data=NOISE[0]), "has shape (13, 14); leave it out"),
    "movie of vectors": ("a.nii", nifti(dim=[5, 3, 4, 13, 7, 2, 1, 1]), "(3, 4, 13, 7, 2); split it"),
    "absurd size": ("a.nii.gz", nifti(dim=[3, *[32767] * 3, 1, 1, 1, 1]), "the file has room for"),
    "zero spacing": ("a.nii", pixdim(1, 0, 1), "(1, 0, 1) mm, not between 1e-4 and 1000; repair its header"),
    "negative spacing": ("a.nii", pixdim(1, 1, -3), "(1, 1, -3) mm, not between"),
    "no number spacing": ("a.nii", pixdim(1, np.nan, 1), "(1, nan, 1) mm, not between"),
    "spacing of a kilometre": ("a.nii", pixdim(1e6, 1, 1), "(1e+06, 1, 1) mm, not between"),
    "metres": ("a.nii", nifti(xyzt_units=1), "(1000, 1000, 1000) mm, not between"),
    "zero affine": ("a.nii", nifti(**NO_SFORM), "the voxel sizes of the sform are (0, 0, 0) mm"),
    "no rotation": ("a.nii", nifti(quatern_b=3), "the quaternion [3.0, 0.0, 0.0] and offset of its qform"),
    "complex": ("a.nii", nifti(data=NOISE.astype(np.complex64)), "holds complex64 voxels (data type 32)"),
    "unknown type": ("a.nii", nifti(datatype=999), "data type 999 is unknown"),
    "voxels in the header": (
        "a.nii",
        nifti(vox_offset=40),
        "voxels begin at byte 40, the header ends at 348",
    ),
    "broken scale": ("a.nii", nifti(scl_slope=2, scl_inter=np.inf), "scales its voxels by 2.0 and adds inf"),
    "mhd without raw": ("a.mhd", metaimage("a.raw", "b.raw"), "keeps its voxels in b.raw, which is missing"),
    "mhd with short raw": (
        "a.mhd",
        metaimage("14 13", "14 99"),
        "asks for 33264 bytes of voxels, but a.raw has 4368",
    ),
    "mhd of zero spacing": (
        "a.mhd",
        metaimage("Spacing = 1 1 1", "Spacing = 0 1 1"),
        "(0, 1, 1) mm, not between",
    ),
    "mhd of no rotation": ("a.mhd", metaimage("1 0 0 0 1 0 0 0 1", "0 0 0 0 0 0 0 0 0"), "determinant is 0"),
    "mhd of unknown type": (
        "a.mhd",
        metaimage("MET_SHORT", "MET_FOO"),
        "the type of its voxels is not known",
    ),
    "text as nrrd": (
        "a.nrrd",
        content(b"not an image"),
        "cannot be read: it does not begin as a MetaImage",
    ),
    "nrrd without end": ("a.nrrd", content(b"NRRD0004\ntype: short\n"), "cannot be read"),
    "text as png": ("a.png", content(b"not an image"), f"is no PNG, JPEG or TIFF image; {AGAIN}"),
    "truncated png": ("a.png", edited(picture("RGB"), lambda data: data[:-14]), "is damaged: "),
    "printer's colours": ("a.jpg", picture("CMYK"), "has CMYK colours; export it as grey or RGB"),
    "unknown format": ("a.bmp", picture("RGB"), "has no known format"),
    "no extension": ("scan", content(b"abc"), "has no known format"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    file, make, said = BAD[name]
    make(tmp_path / file)
    with pytest.raises((InputError, GeometryError)) as caught:
        read_scan(tmp_path / file)
    text = str(caught.value)
    assert said in text
    assert str(tmp_path / file) in text
    assert "\n" not in text
    assert "Error" not in text


def test_a_name_that_is_not_utf_8_is_read_by_nifti_and_shown_in_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"M\xfcller 1.nii")
    nifti()(path)
    assert np.array_equal(read_scan(path).volume.data[0], NOISE)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"M\\xfcller 1\.nii is damaged"):
        read_scan(path)
