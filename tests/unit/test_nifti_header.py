from collections.abc import Callable
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from segmake.errors import GeometryError, InputError
from segmake.volume.nifti_header import array_shape, parse_header, scaling, world_affine

AFFINE = np.array([[0, -1.5, 0, 10], [0.8, 0, 0.6, -20], [-0.6, 0, 0.8, 30], [0, 0, 0, 1.0]])
SHAPE = (4, 5, 6)


def a_header(sform: int = 1, qform: int = 1, **fields: Any) -> Any:
    header = nib.Nifti1Header()
    header.set_data_shape(SHAPE)
    header.set_qform(AFFINE, code=qform)
    header.set_sform(AFFINE, code=sform)
    for name, value in fields.items():
        header[name] = value
    return header


def of_shape(*shape: int) -> Any:
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    return header


@pytest.mark.parametrize("kind", [nib.Nifti1Header, nib.Nifti2Header])
@pytest.mark.parametrize("order", ["<", ">"])
def test_either_version_is_parsed_in_either_order(kind: Any, order: str) -> None:
    header = kind(endianness=order)
    header.set_data_shape(SHAPE)
    found = parse_header(header.binaryblock.ljust(540, b"\0"), "a.nii")
    assert type(found) is kind
    assert array_shape(found, "a.nii") == ((4, 5, 6, 1), ())


@pytest.mark.parametrize(
    ("block", "said"),
    [
        (b"", r"a\.nii is not a readable NIfTI file: it begins with b''"),
        (b"JFIF" * 200, r"it begins with b'JFIF'"),
        (b"\x5c\x01\0\0abc", r"it ends after 7 bytes; copy or export it again"),
        (b"\x5c\x01\0\0".ljust(540, b"\0"), r"ANALYZE 7\.5, which does not say left from right .*; convert"),
        (b"\x1c\x02\0\0".ljust(540, b"\0"), r"a\.nii is of unknown kind \(its magic is b'"),
    ],
)
def test_what_is_no_header_is_said(block: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_header(block, "a.nii")


@pytest.mark.parametrize(
    ("shape", "expected", "note"),
    [
        ((4, 5, 6), (4, 5, 6, 1), ""),
        ((4, 5, 6, 1), (4, 5, 6, 1), ""),
        ((4, 5, 6, 3), (4, 5, 6, 3), ""),
        ((4, 5, 6, 1, 3), (4, 5, 6, 3), ""),
        ((4, 5, 6, 1, 1), (4, 5, 6, 1), "1 axes of one voxel were dropped"),
        ((4, 5, 6, 3, 1, 1), (4, 5, 6, 3), "2 axes of one voxel were dropped"),
        ((4, 5, 6, 1, 3, 1), (4, 5, 6, 3), "1 axes of one voxel were dropped"),
    ],
)
def test_axes_after_the_third_are_channels(
    shape: tuple[int, ...], expected: tuple[int, ...], note: str
) -> None:
    found, notes = array_shape(of_shape(*shape), "a.nii")
    assert found == expected
    assert [entry.text for entry in notes] == ([note] if note else [])


@pytest.mark.parametrize(
    ("dim", "said"),
    [
        ([2, 4, 5, 1, 1, 1, 1, 1], r"a volume has three axes, .* has shape \(4, 5\); leave it out"),
        ([5, 4, 5, 6, 2, 3, 1, 1], r"three axes there may be one, .* shape \(4, 5, 6, 2, 3\); split it"),
        ([3, 4, 0, 6, 1, 1, 1, 1], r"has 3 axes of sizes \[4, 0, 6, 1, 1, 1, 1\], but there are 1 to 7 of"),
        ([3, 4, -5, 6, 1, 1, 1, 1], r"sizes \[4, -5, 6"),
        ([0, 4, 5, 6, 1, 1, 1, 1], r"has 0 axes"),
        ([9, 4, 5, 6, 1, 1, 1, 1], r"has 9 axes"),
    ],
)
def test_shapes_that_are_no_volume_are_refused(dim: list[int], said: str) -> None:
    header = nib.Nifti1Header()
    header["dim"] = dim
    with pytest.raises(InputError, match=said):
        array_shape(header, "a.nii")


@pytest.mark.parametrize(
    ("slope", "intercept", "expected"),
    [(0, 7, (1, 0)), (np.nan, 7, (1, 0)), (1, 0, (1, 0)), (0.5, -1024, (0.5, -1024)), (np.inf, 0, (1, 0))],
)
def test_a_slope_of_zero_or_nan_means_none(
    slope: float, intercept: float, expected: tuple[float, ...]
) -> None:
    assert scaling(a_header(scl_slope=slope, scl_inter=intercept), "a.nii") == expected


def test_an_intercept_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match=r"scales its voxels by 2\.0 and adds nan"):
        scaling(a_header(scl_slope=2, scl_inter=np.nan), "a.nii")


@pytest.mark.parametrize("codes", [(1, 1), (1, 0), (0, 1)])
def test_either_form_places_the_voxels(codes: tuple[int, int]) -> None:
    affine, notes = world_affine(a_header(*codes), SHAPE)
    assert np.allclose(affine, AFFINE, rtol=0, atol=1e-5)
    assert notes == ()


def test_without_a_form_the_orientation_is_assumed_and_said() -> None:
    affine, notes = world_affine(a_header(0, 0), SHAPE)
    assert np.allclose(affine, [[-1, 0, 0, 1.5], [0, 1.5, 0, -3], [0, 0, 1, -2.5], [0, 0, 0, 1]])
    assert [note.kind for note in notes] == ["warning"]
    assert "gives no orientation; left, anterior, superior" in notes[0].text


@pytest.mark.parametrize(
    ("shift_mm", "said"),
    [
        (0, ""),
        (5e-4, ""),
        (2e-3, "differ by up to 0.002 mm"),
        (40, "sform and qform (codes 1 and 1) differ by up to 40 mm at the corners, the sform is used"),
    ],
)
def test_forms_that_disagree_are_measured(shift_mm: float, said: str) -> None:
    header = a_header()
    header["qoffset_x"] += shift_mm
    affine, notes = world_affine(header, SHAPE)
    assert np.allclose(affine, AFFINE, rtol=0, atol=1e-6)
    assert [note.kind for note in notes] == (["warning"] if said else [])
    assert said in "".join(note.text for note in notes)


def test_the_farthest_corner_counts() -> None:
    header = a_header()
    header["quatern_b"], header["quatern_c"], header["quatern_d"] = 0, 0, 0
    header["pixdim"][0] = 1
    header["sform_code"], header["srow_x"], header["srow_y"], header["srow_z"] = (
        *(1, [-1, 0, 0, 10]),
        *([0, 1.5, 0, -20], [0, 0, 1, 30]),
    )
    assert "up to 6 mm" in world_affine(header, SHAPE)[1][0].text  # 3 voxels of 1 mm, the other way


@pytest.mark.parametrize(("code", "factor", "unit"), [(1, 1e3, "metres"), (3, 1e-3, "micrometres")])
@pytest.mark.parametrize("codes", [(1, 1), (0, 1), (0, 0)])
def test_other_units_become_mm(code: int, factor: float, unit: str, codes: tuple[int, int]) -> None:
    straight, before = world_affine(a_header(*codes), SHAPE)
    header = a_header(*codes, xyzt_units=code + 8)
    for name in ("srow_x", "srow_y", "srow_z", "qoffset_x", "qoffset_y", "qoffset_z"):
        header[name] = header[name] / factor
    header["pixdim"][1:4] /= factor
    affine, notes = world_affine(header, SHAPE)
    assert np.allclose(affine, straight, rtol=1e-4, atol=1e-4)
    assert notes[0].kind == "repair"
    assert notes[0].text == f"the header counts in {unit}, which were turned to mm"
    assert len(notes) == len(before) + 1


def test_a_handedness_of_zero_is_one() -> None:
    header = a_header(0, 1)
    assert header["pixdim"][0] == 1
    expected = world_affine(header, SHAPE)[0]
    header["pixdim"][0] = 0
    assert np.array_equal(world_affine(header, SHAPE)[0], expected)
    assert header["pixdim"][0] == 0


def edit(**fields: Any) -> Callable[[Any], None]:
    def change(header: Any) -> None:
        for name, value in fields.items():
            header[name] = value

    return change


ZERO = {"srow_x": [0, 0, 0, 0], "srow_y": [0, 0, 0, 0], "srow_z": [0, 0, 0, 0]}
FLAT = {"srow_x": [1, 1, 0, 0], "srow_y": [1, 1, 0, 0], "srow_z": [0, 0, 1, 0]}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            edit(pixdim=[1, 0, 1, 1, 0, 0, 0, 0]),
            r"header \(pixdim\) are \(0, 1, 1\) mm, not between 1e-4 and 1000",
        ),
        (edit(pixdim=[1, 1, -2.5, 1, 0, 0, 0, 0]), r"\(1, -2\.5, 1\) mm"),
        (edit(pixdim=[1, 1, 1, np.nan, 0, 0, 0, 0]), r"\(1, 1, nan\) mm"),
        (edit(pixdim=[1, 1e6, 1, 1, 0, 0, 0, 0]), r"\(1e\+06, 1, 1\) mm"),
        (edit(xyzt_units=1), r"\(1000, 1500, 1000\) mm"),
        (edit(**ZERO), r"the voxel sizes of the sform are \(0, 0, 0\) mm"),
        (edit(**FLAT), r"the axes of the sform lie in one plane"),
        (edit(srow_x=[np.nan, 0, 0, 0]), r"the sform is \[\[nan, 0\.0, 0\.0"),
        (edit(sform_code=0, quatern_b=2), r"quaternion \[2\.0, .*\] and offset of its qform place no voxel"),
        (edit(sform_code=0, qoffset_x=np.inf), r"place no voxel"),
    ],
)
def test_geometry_that_cannot_be_meant_is_refused(change: Callable[[Any], None], said: str) -> None:
    header = a_header()
    change(header)
    with pytest.raises(GeometryError, match=said):
        world_affine(header, SHAPE)


def test_a_broken_qform_beside_an_sform_is_said() -> None:
    affine, notes = world_affine(a_header(quatern_b=2), SHAPE)
    assert np.allclose(affine, AFFINE)
    assert notes[0].kind == "warning"
    assert notes[0].text.endswith("place no voxel, the sform is used")
