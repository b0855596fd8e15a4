from pathlib import Path

import numpy as np
import pytest

from segmake.errors import GeometryError, InputError
from segmake.volume.itk import read_itk
from segmake.volume.itk_header import check_voxels, read_text_header

META = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "CompressedData": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "1 2 3",
    "ElementSpacing": "1 1 2",
    "DimSize": "2 3 4",
    "ElementType": "MET_UCHAR",
    "ElementDataFile": "a.raw",
}
NRRD = {
    "type": "unsigned char",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "2 3 4",
    "space directions": "(1,0,0) (0,1,0) (0,0,2)",
    "space origin": "(1,2,3)",
    "encoding": "raw",
    "data file": "a.raw",
}


def written(folder: Path, nrrd: bool, without: str = "", **changes: str) -> Path:
    """A header over a.raw, which holds 0..23."""
    (folder / "a.raw").write_bytes(bytes(range(24)))
    keys = {**(NRRD if nrrd else META), **{name.replace("_", " "): value for name, value in changes.items()}}
    keys.pop(without, None)
    lines = [f"{name}{': ' if nrrd else ' = '}{value}\n" for name, value in keys.items()]
    path = folder / ("a.nhdr" if nrrd else "a.mhd")
    path.write_text(("NRRD0004\n# a comment\n" if nrrd else "") + "".join(lines) + ("\n" if nrrd else ""))
    return path


@pytest.mark.parametrize("nrrd", [False, True])
def test_a_full_header_needs_no_note(tmp_path: Path, nrrd: bool) -> None:
    path = written(tmp_path, nrrd)
    header = read_text_header(path)
    assert (header.notes, header.voxels, header.start) == ((), tmp_path / "a.raw", 0)
    assert check_voxels(header, 24) == ()
    volume = read_itk(path).volume
    assert volume.data[0].ravel(order="F").tolist() == list(range(24))
    assert np.allclose(volume.affine, [[-1, 0, 0, -1], [0, -1, 0, -2], [0, 0, 2, 3], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("nrrd", "without", "said"),
    [
        (False, "Offset", "no origin, 0, 0, 0 is assumed"),
        (False, "TransformMatrix", "no orientation, left, posterior, superior is assumed"),
        (False, "ElementSpacing", "no voxel size, 1 mm is assumed"),
        (True, "space origin", "no origin, 0, 0, 0 is assumed"),
    ],
)
def test_a_place_that_is_not_given_is_a_warning(tmp_path: Path, nrrd: bool, without: str, said: str) -> None:
    scan = read_itk(written(tmp_path, nrrd, without))
    assert [(note.kind, note.text) for note in scan.notes] == [("warning", f"the header gives {said}")]


def test_a_space_that_names_no_body_is_a_warning(tmp_path: Path) -> None:
    (note,) = read_itk(written(tmp_path, nrrd=True, space="scanner-xyz")).notes
    assert note.text == "the header's space scanner-xyz is taken for left, posterior, superior"
    assert read_itk(written(tmp_path, nrrd=True, space="RAS")).notes == ()


@pytest.mark.parametrize("size", ["0", "-1", "nan", "1e6"])
def test_voxel_sizes_that_cannot_be_meant_are_refused(tmp_path: Path, size: str) -> None:
    with pytest.raises(GeometryError, match=r"header \(elementspacing\) are \(1, 1, .*\) mm, not between"):
        read_itk(written(tmp_path, nrrd=False, ElementSpacing=f"1 1 {size}"))


@pytest.mark.parametrize("nrrd", [False, True])
def test_voxels_in_a_missing_file_are_named(tmp_path: Path, nrrd: bool) -> None:
    path = written(tmp_path, nrrd)
    (tmp_path / "a.raw").unlink()
    with pytest.raises(
        InputError, match=rf"{path.name} keeps its voxels in a\.raw, which is missing; copy both"
    ):
        read_itk(path)
    (tmp_path / "a.raw").touch()
    with pytest.raises(InputError, match=r"a\.raw is empty \(0 bytes\)"):
        read_itk(path)


@pytest.mark.parametrize("nrrd", [False, True])
def test_the_length_of_the_voxels_is_checked(tmp_path: Path, nrrd: bool) -> None:
    path = written(tmp_path, nrrd)
    (tmp_path / "a.raw").write_bytes(bytes(range(30)))
    assert [note.text for note in read_itk(path).notes] == ["6 bytes after the voxels of a.raw were ignored"]
    (tmp_path / "a.raw").write_bytes(bytes(range(20)))
    with pytest.raises(
        InputError, match=rf"{path.name} asks for 24 bytes of voxels, but a\.raw has 20; copy"
    ):
        read_itk(path)


def test_voxels_further_in_the_file_are_found(tmp_path: Path) -> None:
    path = written(tmp_path, nrrd=True, byte_skip="6")
    (tmp_path / "a.raw").write_bytes(bytes(6) + bytes(range(24)))
    scan = read_itk(path)
    assert scan.volume.data[0].ravel(order="F").tolist() == list(range(24))
    assert scan.notes == ()


def test_an_axis_without_voxels_is_refused(tmp_path: Path) -> None:
    said = r"a\.mhd is no MetaImage: its header says dimsize = 2 0 4; copy or export it again"
    with pytest.raises(InputError, match=said):
        read_itk(written(tmp_path, nrrd=False, DimSize="2 0 4"))


def test_slices_in_files_of_their_own_are_left_to_itk(tmp_path: Path) -> None:
    path = written(tmp_path, nrrd=False, ElementDataFile="s%d.raw 1 4 1")
    for number in range(1, 5):
        (tmp_path / f"s{number}.raw").write_bytes(bytes([number]) * 6)
    assert read_text_header(path).voxels is None
    assert read_itk(path).volume.data[0, 0, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("NDims", "-3"),  # SimpleITK ends the process
        ("NDims", "1000000000"),
        ("NDims", "three"),
        ("DimSize", "8 8"),
        ("DimSize", "8 8 nan"),
        ("ElementSpacing", "1 1"),
        ("TransformMatrix", "1 0 0 0 1 0 0 0"),
        ("Offset", "0 0 x"),
        ("ElementNumberOfChannels", "-1"),
    ],
)
def test_numbers_that_simpleitk_would_trust_are_refused(tmp_path: Path, key: str, value: str) -> None:
    keys = {"NDims": "3", "DimSize": "8 8 8", "ElementType": "MET_SHORT"} | {key: value}
    text = "".join(f"{name} = {said}\n" for name, said in keys.items())
    (tmp_path / "a.mha").write_text(f"{text}ElementDataFile = LOCAL\n")
    with pytest.raises(InputError, match=rf"(?i)no MetaImage: its header says {key} = {value}; copy"):
        read_text_header(tmp_path / "a.mha")
