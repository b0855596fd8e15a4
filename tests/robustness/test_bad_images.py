"""Images that are wrong, each beside a good one: a row with one sentence, the good one converted."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from robustness.cases import (
    GRID,
    NOISE,
    SHAPE,
    Cells,
    Make,
    Wrong,
    assert_refused,
    convert_beside,
    write,
)

AGAIN = "copy or export it again"


def at(name: str, make: Make) -> Callable[[Path], Cells]:
    """The file that `make` writes is the image of the case."""

    def cells(folder: Path) -> Cells:
        make(folder / name)
        return {"ct": name}

    return cells


def nifti(name: str = "bad.nii.gz", data: object = NOISE, affine: object = GRID, **fields: object) -> Make:
    return at(name, lambda path: write(path, data, affine, **fields))


def content(name: str, data: bytes) -> Make:
    return at(name, lambda path: path.write_bytes(data))


def cut(name: str, keep: Callable[[bytes], bytes]) -> Make:
    return at(name, lambda path: path.write_bytes(keep(write(path).read_bytes())))


def itk(name: str, *changes: tuple[bytes, bytes], keep: int | None = None, data: object = NOISE) -> Make:
    """A MetaImage or NRRD file whose text header is changed, or whose end is cut off."""

    def make(path: Path) -> None:
        sitk.WriteImage(sitk.GetImageFromArray(np.asarray(data)), str(path))
        plain = path.read_bytes()
        for old, new in changes:
            assert old in plain
            plain = plain.replace(old, new)
        path.write_bytes(plain[:keep])

    return at(name, make)


def without(name: str, lost: str) -> Make:
    """A file whose neighbour is taken away."""

    def cells(folder: Path) -> Cells:
        done = itk(name)(folder)
        (folder / lost).unlink()
        return done

    return cells


def spotted(value: float, where: object = np.s_[:]) -> object:
    data = NOISE.astype(np.float32)
    data[where] = value
    return data


def geometry(**fields: object) -> Make:
    """Only the qform and its voxel sizes count."""
    return nifti(sform_code=0, **fields)


def sizes(*spacing: float) -> Make:
    return geometry(pixdim=[1, *spacing, 0, 0, 0, 0])


def axes(*sizes: int) -> Make:
    return nifti(dim=[len(sizes), *sizes, *[1] * (7 - len(sizes))])


def picture(name: str, form: str) -> Make:
    return at(name, lambda path: Image.fromarray(NOISE[0].astype(np.uint8)).save(path, format=form))


RGB = np.zeros(SHAPE, np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
NAN = np.nan
FLAT = np.full(SHAPE, 7, np.int16)
HUGE = [3, *[32767] * 3, 1, 1, 1, 1]

FILES = {
    "missing": Wrong(at("bad.nii.gz", lambda _: None), ("bad.nii.gz does not exist; correct the path",)),
    "zero bytes": Wrong(content("bad.nii.gz", b""), ("bad.nii.gz is empty (0 bytes)", AGAIN)),
    "folder without images": Wrong(at("bad.nii.gz", Path.mkdir), ("bad.nii.gz", "no DICOM slices", "; give")),
    "broken link": Wrong(
        at("bad.nii", lambda path: path.symlink_to("gone")), ("gone", "does not exist; mend it")
    ),
    "link to itself": Wrong(
        at("bad.nii", lambda path: path.symlink_to(path)),
        ("bad.nii cannot be opened: Too many levels of symbolic links; correct the path",),
    ),
    "pipe": Wrong(at("bad.nii", os.mkfifo), ("bad.nii is neither a file nor a folder; name a file",)),
    "device": Wrong(lambda _: {"ct": "/dev/zero"}, ("/dev/zero is neither a file nor a folder",)),
    "folder of a file": Wrong(lambda _: {"ct": "good.nii.gz/bad.nii"}, ("good.nii.gz/bad.nii", "; correct")),
    "name too long": Wrong(lambda _: {"ct": "b" * 300 + ".nii"}, ("is too long for a path", "; shorten it")),
    "path too long": Wrong(
        lambda _: {"ct": "sub/" * 1020 + "b.nii"}, ("is too long for a path", "; shorten it")
    ),
    "no ending": Wrong(content("bad", b"abc"), ("bad has no known format", "; convert it first")),
    "other ending": Wrong(content("bad.mat", b"abc"), ("bad.mat has no known format", "; convert it first")),
}
NIFTI = {
    "text": Wrong(
        content("bad.nii", b"not an image" * 99), ("bad.nii is not a readable NIfTI file", "b'not '")
    ),
    "gzip of text": Wrong(
        content("bad.nii.gz", gzip.compress(b"x" * 999)), ("it begins with b'xxxx'", AGAIN)
    ),
    "gzip of gzip": Wrong(
        cut("bad.nii.gz", gzip.compress), ("bad.nii.gz is not a readable NIfTI file: it begins with", AGAIN)
    ),
    "PNG named NIfTI": Wrong(picture("bad.nii.gz", "PNG"), ("not a readable NIfTI", "b'\\x89PNG'")),
    "magic": Wrong(nifti(magic=b"abc"), ("bad.nii.gz", "its magic is b'abc", "; convert it")),
    "analyze": Wrong(nifti("bad.nii", magic=b""), ("ANALYZE 7.5", "left from right", "; convert it")),
    "truncated gzip": Wrong(cut("bad.nii.gz", lambda data: data[:-200]), ("bad.nii.gz is damaged: ", AGAIN)),
    "wrong checksum": Wrong(
        cut("bad.nii.gz", lambda data: data[:-8] + bytes(4) + data[-4:]), ("is damaged: ", AGAIN)
    ),
    "truncated": Wrong(
        cut("bad.nii", lambda data: data[:-9]), ("asks for 1024 bytes of voxels", "room for 1015", AGAIN)
    ),
    "header alone": Wrong(cut("bad.nii", lambda data: data[:352]), ("1024 bytes", "room for 0", AGAIN)),
    "half a header": Wrong(cut("bad.nii", lambda data: data[:100]), ("ends after 100 bytes", AGAIN)),
    "huge shape": Wrong(nifti(dim=HUGE), ("asks for 70362301923326 bytes of voxels", "has room for", AGAIN)),
    "voxels beyond the end": Wrong(nifti("bad.nii", vox_offset=1e9), ("1024 bytes", "room for 0", AGAIN)),
    "voxels in the header": Wrong(nifti(vox_offset=40), ("voxels begin at byte 40", AGAIN)),
    "offset no number": Wrong(nifti(vox_offset=NAN), ("voxels begin at byte nan", AGAIN)),
    "no axes": Wrong(nifti(dim=[0, *[8] * 7]), ("has 0 axes", "; export it again")),
    "nine axes": Wrong(nifti(dim=[9, *[8] * 7]), (" axes of sizes", "there are 1 to 7", "; export it again")),
    "axis of zero": Wrong(axes(8, 0, 8), ("[8, 0, 8,", "at least one voxel", "; export it again")),
    "negative axis": Wrong(axes(8, 8, -8), ("[8, 8, -8,", "at least one voxel", "; export it again")),
    "two axes": Wrong(nifti(data=NOISE[0]), ("has shape (8, 8); leave it out",)),
    "one slice": Wrong(nifti(data=NOISE[..., :1]), ("flat ((8, 8, 1) voxels)", "; leave it out, or give")),
    "time axis": Wrong(axes(8, 8, 4, 2), ("holds 2 channels, expected 1 (ct); correct",)),
    "time and vectors": Wrong(axes(4, 4, 4, 2, 4), ("(4, 4, 4, 2, 4); split it",)),
    "zero affine": Wrong(
        nifti(srow_x=[0] * 4, srow_y=[0] * 4, srow_z=[0] * 4), ("voxel sizes of the sform are (0, 0, 0) mm",)
    ),
    "singular affine": Wrong(
        nifti(srow_x=[1, 1, 0, 0], srow_y=[1, 1, 0, 0]), ("sform", "lie in one plane", "; repair its header")
    ),
    "NaN affine": Wrong(nifti(srow_y=[NAN, 1, 0, 0]), ("the sform is", "nan", "; repair its header")),
    "infinite origin": Wrong(nifti(srow_x=[1, 0, 0, np.inf]), ("sform", "inf", "; repair its header")),
    "no rotation": Wrong(geometry(quatern_b=3), ("quaternion [3.0, 0.0, 0.0]", "; repair its header")),
    "negative spacing": Wrong(sizes(1, 1, -3), ("(1, 1, -3) mm", "; repair its header")),
    "zero spacing": Wrong(sizes(1, 0, 1), ("(1, 0, 1) mm", "; repair its header")),
    "NaN spacing": Wrong(sizes(1, NAN, 1), ("(1, nan, 1) mm", "; repair its header")),
    "a kilometre": Wrong(sizes(1e6, 1, 1), ("(1e+06, 1, 1) mm", "; repair its header")),
    "a nanometre": Wrong(
        nifti(affine=np.diag([1e-6, 1e-6, 1e-6, 1])), ("1e-06, 1e-06, 1e-06) mm", "; repair its header")
    ),
    "less than atoms": Wrong(nifti(affine=np.diag([1e-9, 1e-9, 1e-9, 1])), ("1e-09", "; repair its header")),
    "complex": Wrong(nifti(data=NOISE.astype(np.complex64)), ("holds complex64 voxels", "; convert it")),
    "colours": Wrong(nifti(data=RGB), ("holds 3 channels, expected 1 (ct); correct",)),
    "unknown type": Wrong(nifti(datatype=999), ("data type 999 is unknown", AGAIN)),
    "bits": Wrong(nifti(datatype=1), ("holds binary voxels", "; convert it")),
    "broken scale": Wrong(nifti(scl_slope=2, scl_inter=np.inf), ("scales its voxels by 2.0", "; export it")),
    "endless scale": Wrong(nifti(scl_slope=1e38), ("NaN or infinite", "; at most 1%")),
    "half a pair": Wrong(nifti("bad.hdr", magic=b"ni1"), ("there is no bad.img; copy both files",)),
    "pair as one": Wrong(
        nifti("bad.nii", magic=b"ni1"), ("header of a .hdr/.img pair", "; let its name end in .hdr or .img")
    ),
}
VALUES = {
    "NaN everywhere": Wrong(nifti(data=spotted(NAN)), ("512 voxels of 512", "; at most 1% are filled")),
    "NaN in many": Wrong(nifti(data=spotted(NAN, np.s_[0])), ("64 voxels of 512", "; at most 1% are filled")),
    "infinite in many": Wrong(nifti(data=spotted(-np.inf, np.s_[0])), ("64 voxels of 512", "; at most 1%")),
    "doubles beyond floats": Wrong(nifti(data=np.full(SHAPE, 1e300)), ("512 voxels of 512", "; at most 1%")),
    "constant": Wrong(nifti(data=FLAT), ("is blank: every voxel of channel ct is 7; export it again",)),
    "all zero": Wrong(nifti(data=FLAT * 0), ("is blank: every voxel of channel ct is 0; export it again",)),
}
OTHERS = {
    "mhd without raw": Wrong(
        without("bad.mhd", "bad.raw"), ("voxels in bad.raw, which is missing; copy both",)
    ),
    "mhd with short raw": Wrong(
        itk("bad.mhd", (b"DimSize = 8 8 8", b"DimSize = 8 8 9")),
        ("1152 bytes of voxels, but bad.raw has 1024", AGAIN),
    ),
    "mhd of unknown type": Wrong(
        itk("bad.mhd", (b"MET_SHORT", b"MET_FOO")), ("bad.mhd", "; export it again")
    ),
    "mhd of zero spacing": Wrong(
        itk("bad.mhd", (b"ElementSpacing = 1 1 1", b"ElementSpacing = 0 1 1")), ("(0, 1, 1) mm", "; repair")
    ),
    "mhd of huge shape": Wrong(
        itk("bad.mhd", (b"DimSize = 8 8 8", b"DimSize = 99999 99999 99999")), ("bytes of voxels, but", AGAIN)
    ),
    "mhd pointing at itself": Wrong(
        itk("bad.mhd", (b"= bad.raw", b"= bad.mhd")),
        ("asks for 1024 bytes of voxels, but bad.mhd has", AGAIN),
    ),
    "mha that is text": Wrong(
        content("bad.mha", b"not an image" * 9),
        ("bad.mha is no MetaImage: its header gives no NDims, DimSize", AGAIN),
    ),
    "mha cut off": Wrong(
        itk("bad.mha", keep=-40), ("bad.mha asks for 1024 bytes of voxels", "has 984", AGAIN)
    ),
    "nhdr pointing nowhere": Wrong(without("bad.nhdr", "bad.raw"), ("bad.raw, which is missing; copy both",)),
    "nrrd cut off": Wrong(itk("bad.nrrd", keep=-40), ("1024 bytes of voxels, but bad.nrrd has 984", AGAIN)),
    "nrrd header alone": Wrong(
        content("bad.nrrd", b"NRRD0004\ntype: short\n"), ("bad.nrrd cannot be read", "; export")
    ),
    "nrrd of huge shape": Wrong(
        itk("bad.nrrd", (b"sizes: 8 8 8", b"sizes: 99999 99999 99999")),
        ("1999940000599998 bytes of voxels", AGAIN),
    ),
    "text named PNG": Wrong(
        content("bad.png", b"not an image"), ("bad.png is no PNG, JPEG or TIFF image", AGAIN)
    ),
    "picture as a volume": Wrong(
        picture("bad.png", "PNG"), ("flat ((8, 8, 1) voxels)", "; leave it out, or give")
    ),
    "printer's colours": Wrong(
        at("bad.jpg", lambda path: Image.new("CMYK", (9, 9)).save(path)), ("CMYK colours; export",)
    ),
}
TABLE = FILES | NIFTI | VALUES | OTHERS


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_image(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    wrong = TABLE[name]
    ended = convert_beside(capsys, tmp_path, wrong.make(tmp_path), wrong.flags)
    assert_refused(ended, wrong, tmp_path)
