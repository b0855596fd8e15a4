"""What a NIfTI header says: which grid, where in the world, how voxels are stored.

Source: the NIfTI-1.1 and NIfTI-2 standards (nifti1.h, nifti2.h).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from segmake.errors import GeometryError, InputError
from segmake.volume.geometry import check_affine, check_spacing, corners_mm
from segmake.volume.scan import Note
from segmake.volume.volume import Affine, Array

HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
SINGLE, PAIRED = (b"n+1", b"n+2"), (b"ni1", b"ni2")
UNITS = {1: ("metres", 1e3), 3: ("micrometres", 1e-3)}  # by xyzt_units; 2 is mm, 0 says nothing
SAME_MM = 1e-3  # closer than this two geometries are one: float32 keeps no more
GEOMETRY_FIELDS = (
    *("qform_code", "sform_code", "quatern_b", "quatern_c", "quatern_d"),
    *("qoffset_x", "qoffset_y", "qoffset_z", "srow_x", "srow_y", "srow_z", "xyzt_units"),
)


def parse_header(block: bytes, name: str) -> Any:
    """Header from the first 540 bytes of a file, in either byte order.

    Raises:
        InputError: it is no NIfTI header; `name` is the file's.
    """
    size = next((n for order in ("little", "big") if (n := _size(block, order)) in HEADERS), 0)
    if size == 0 or len(block) < size:
        seen = f"it begins with {block[:4]!r}" if size == 0 else f"it ends after {len(block)} bytes"
        raise InputError(f"{name} is not a readable NIfTI file: {seen}; copy or export it again")
    header = HEADERS[size](block[:size], check=False)
    if bytes(header["magic"])[:3] not in SINGLE + PAIRED:
        magic = bytes(header["magic"])
        analyze = size == 348 and not any(magic)
        kind = "ANALYZE 7.5, which does not say left from right" if analyze else "of unknown kind"
        raise InputError(f"{name} is {kind} (its magic is {magic!r}); convert it to NIfTI")
    return header


def _size(block: bytes, order: Any) -> int:
    return int.from_bytes(block[:4], order)


def array_shape(header: Any, name: str) -> tuple[tuple[int, int, int, int], tuple[Note, ...]]:
    """Shape X, Y, Z, C of the voxels in the file; axes of one voxel after the fourth are dropped.

    A fifth axis holds the components of a vector (the standard's place for them).
    """
    count = int(header["dim"][0])
    sizes = [int(n) for n in header["dim"][1:8]]
    shape = sizes[: max(count, 0)]
    if not 1 <= count <= 7 or min(shape) < 1:
        raise InputError(
            f"{name} has {count} axes of sizes {sizes}, but there are 1 to 7 of at least one voxel each; "
            "export it again"
        )
    if count < 3:
        raise InputError(
            f"a volume has three axes, perhaps a fourth of channels, but {name} has shape {tuple(shape)}; "
            "leave it out, or give the volume that it is a slice of"
        )
    while len(shape) > 4 and shape[-1] == 1:
        shape.pop()
    dropped = count - len(shape)
    notes = (Note("repair", f"{dropped} axes of one voxel were dropped"),) if dropped else ()
    if len(shape) == 5 and shape[3] == 1:
        del shape[3]
    if len(shape) > 4:
        raise InputError(
            f"after three axes there may be one, of channels, but {name} has shape {tuple(shape)}; split it"
        )
    x, y, z, channels = (*shape, 1)[:4]
    return (x, y, z, channels), notes


def scaling(header: Any, name: str) -> tuple[float, float]:
    """Slope and intercept from stored to real values; a slope of 0 or NaN means none (1, 0)."""
    try:
        slope, intercept = header.get_slope_inter()
    except HeaderDataError as error:
        raise InputError(
            f"{name} scales its voxels by {float(header['scl_slope'])} and adds "
            f"{float(header['scl_inter'])}; export it again"
        ) from error
    return (1.0, 0.0) if slope is None else (slope, intercept)


def world_affine(header: Any, shape: Sequence[int]) -> tuple[Affine, tuple[Note, ...]]:
    """Voxel index to world in mm: the sform, else the qform, else the voxel sizes alone.

    Raises:
        GeometryError: the geometry in use cannot be meant.
    """
    unit, scale = UNITS.get(int(header["xyzt_units"]) & 7, ("mm", 1.0))
    notes = []
    if scale != 1:
        notes.append(Note("repair", f"the header counts in {unit}, which were turned to mm"))
    check_spacing((header["pixdim"][1:4] * scale).tolist(), "the header (pixdim)")
    to_mm = np.array([[scale], [scale], [scale], [1.0]])  # for each row; not a matrix, as 0 x infinity is NaN
    qform, fault = _qform(header)
    if int(header["sform_code"]) > 0:
        sform: Affine = to_mm * header.get_sform()
        check_affine(sform, "the sform")
        notes += _conflict(header, sform, None if qform is None else to_mm * qform, fault, shape)
        return sform, tuple(notes)
    if fault:
        raise GeometryError(fault)
    if qform is not None:
        affine = to_mm * qform
    else:
        affine = to_mm * header.get_base_affine()
        text = "the header gives no orientation; left, anterior, superior and a centre at 0 are assumed"
        notes.append(Note("warning", text))
    check_affine(affine, "the header")
    return affine, tuple(notes)


def _qform(header: Any) -> tuple[Affine | None, str]:
    """The qform, and what is wrong with it; neither when its code is 0."""
    if int(header["qform_code"]) <= 0:
        return None, ""
    fixed = header.copy()
    handed = float(header["pixdim"][0])
    fixed["pixdim"][0] = -1 if handed < 0 else 1  # the standard: anything but -1 means 1
    quaternion = [float(header[f"quatern_{part}"]) for part in "bcd"]
    try:
        affine: Affine = fixed.get_qform()
    except (ValueError, HeaderDataError):
        affine = np.full((4, 4), np.nan)
    if np.isfinite(affine).all():
        return affine, ""
    return None, f"the quaternion {quaternion} and offset of its qform place no voxel"


def _conflict(
    header: Any, sform: Affine, qform: Affine | None, fault: str, shape: Sequence[int]
) -> list[Note]:
    if fault:
        return [Note("warning", f"{fault}, the sform is used")]
    if qform is None:
        return []
    apart: Array = np.linalg.norm(corners_mm(shape, sform) - corners_mm(shape, qform), axis=1)
    if apart.max() < SAME_MM:
        return []
    codes = f"codes {int(header['sform_code'])} and {int(header['qform_code'])}"
    text = f"sform and qform ({codes}) differ by up to {apart.max():.4g} mm at the corners, the sform is used"
    return [Note("warning", text)]
