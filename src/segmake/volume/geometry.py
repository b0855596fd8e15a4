"""Grids: orientation, identity, cropping and new spacing. Pure functions on shapes and affines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from nibabel.orientations import (
    aff2axcodes,
    apply_orientation,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)

from segmake.errors import GeometryError
from segmake.volume.volume import Affine, Array, Volume

CANONICAL = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
SMALLEST_MM, LARGEST_MM = 1e-4, 1e3  # a tenth of a micrometre, a metre
FLATTEST = 1e-3  # volume of a voxel over that of the box of its edges


def spacing_mm(affine: Affine) -> tuple[float, float, float]:
    """Voxel size along each array axis: the column lengths of the affine (right for oblique grids too)."""
    x, y, z = np.linalg.norm(affine[:3, :3], axis=0)
    return float(x), float(y), float(z)


def axis_codes(affine: Affine) -> str:
    """Where each array axis points, such as "RAS" or "LPS"."""
    return "".join(str(code) for code in aff2axcodes(affine))


def to_canonical(volume: Volume) -> Volume:
    """Flip and permute axes so that they point closest to right, anterior, superior; no voxel changes."""
    orientation = io_orientation(volume.affine)
    if np.array_equal(orientation, CANONICAL):
        return volume
    affine = volume.affine @ inv_ornt_aff(orientation, volume.shape)
    return Volume(_reorient(volume.data, orientation), affine)


def from_canonical(volume: Volume, affine: Affine) -> Volume:
    """Undo `to_canonical` for a source grid with this affine; the result carries exactly that affine."""
    back = ornt_transform(CANONICAL, io_orientation(affine))
    return Volume(_reorient(volume.data, back), affine)


def _reorient(data: Array, orientation: Array) -> Array:
    turned = empty_volume(data.shape[0], apply_orientation(data[0], orientation).shape, data.dtype)
    for out, channel in zip(turned, data, strict=True):
        out[...] = apply_orientation(channel, orientation)
    return turned


def empty_volume(count: int, shape: Sequence[int], kind: np.dtype[Any]) -> Array:
    """Room for [C, X, Y, Z] in the order that files have (x fastest): nothing is copied across."""
    return np.empty((count, *shape[::-1]), dtype=kind).transpose(0, 3, 2, 1)


def corners_mm(shape: Sequence[int], affine: Affine) -> Array:
    """World positions [8, 3] of the centres of a grid's corner voxels."""
    last = np.array(shape[-3:]) - 1
    index = np.array(np.meshgrid(*[(0, n) for n in last], indexing="ij")).reshape(3, -1)
    corners: Array = (affine[:3, :3] @ index).T + affine[:3, 3]
    return corners


def grid_distance_mm(a: Volume, b: Volume) -> float:
    """Largest distance between corresponding corners of two grids; infinite when their shapes differ."""
    if a.shape != b.shape:
        return float("inf")
    apart = corners_mm(a.shape, a.affine) - corners_mm(b.shape, b.affine)
    return float(np.linalg.norm(apart, axis=1).max())


def crop_affine(affine: Affine, start: Sequence[int]) -> Affine:
    """Affine of the grid that begins at voxel `start` of this one."""
    result = np.array(affine, dtype=np.float64)
    result[:3, 3] = affine[:3, :3] @ np.asarray(start, dtype=np.float64) + affine[:3, 3]
    return result


def new_spacing(
    shape: Sequence[int], affine: Affine, target_mm: Sequence[float]
) -> tuple[tuple[int, int, int], Affine]:
    """Grid of another voxel size over the same field of view, with the same world centre.

    The size is rounded to whole voxels and the spacing kept as asked, so the field of view may change
    by less than a voxel. All axis directions are kept (oblique grids stay oblique).
    """
    old = np.array(spacing_mm(affine))
    target = np.asarray(target_mm, dtype=np.float64)
    size = np.maximum(1, np.round(np.array(shape[-3:]) * old / target)).astype(int)
    result = np.array(affine, dtype=np.float64)
    result[:3, :3] = affine[:3, :3] * (target / old)
    centre = affine[:3, :3] @ ((np.array(shape[-3:]) - 1) / 2) + affine[:3, 3]
    result[:3, 3] = centre - result[:3, :3] @ ((size - 1) / 2)
    x, y, z = (int(n) for n in size)
    return (x, y, z), result


def check_spacing(spacing_mm: Sequence[float], what: str) -> None:
    """Raise a GeometryError unless voxel sizes can be meant; `what` names where they stand."""
    if not all(SMALLEST_MM <= size < LARGEST_MM for size in spacing_mm):
        sizes = ", ".join(f"{size:.6g}" for size in spacing_mm)
        raise GeometryError(f"the voxel sizes of {what} are ({sizes}) mm, not between 1e-4 and 1000")


def check_affine(affine: Affine, what: str) -> None:
    """Raise a GeometryError unless an affine places voxels in three dimensions."""
    if not np.isfinite(affine).all():
        raise GeometryError(f"{what} is {affine[:3].tolist()}, not finite numbers")
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    check_spacing(sizes.tolist(), what)
    if abs(np.linalg.det(affine[:3, :3] / sizes)) < FLATTEST:
        raise GeometryError(f"the axes of {what} lie in one plane: {affine[:3, :3].tolist()}")
