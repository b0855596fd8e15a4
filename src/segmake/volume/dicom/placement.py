"""Where a plane of pixels lies in a grid: exactly on one of its slices, turned or mirrored, or nowhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from segmake.errors import GeometryError
from segmake.volume.volume import Affine, Array, Volume

SLICE_TOLERANCE = 0.01
"""Largest distance of a plane to the slice it shows, as a fraction of the slice distance."""
PIXEL_TOLERANCE = 0.1
"""Largest distance of a plane's corner to its voxel within the slice, in voxels."""
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Place:
    """Voxels of a grid that a plane [row, column] covers.

    at: index of the slice's part, two slices and a number; the rest leads from the plane to that part.
    """

    at: tuple[Any, ...]
    steps: tuple[int, int]
    swapped: bool

    def turned(self, plane: Array) -> Array:
        """The plane in the order of the grid's axes."""
        plane = plane[:: self.steps[0], :: self.steps[1]]
        return plane.T if self.swapped else plane


def from_lps(grid: Volume) -> Affine:
    """Matrix from DICOM's world positions (LPS, mm) to the grid's voxel indices."""
    return np.asarray(np.linalg.inv(grid.affine) @ LPS_TO_RAS, dtype=np.float64)


def find_place(to_voxel: Affine, size: tuple[int, int], shape: tuple[int, int, int], origin: str) -> Place:
    """Place a plane on the slice of the grid that it shows.

    to_voxel: [3, 3], from (row, column, 1) to voxel indices of a grid of this shape.

    Raises:
        GeometryError: the plane shows no slice of the grid or reaches beyond it; `origin` names the plane.
    """
    row, column = (int(axis) for axis in np.abs(to_voxel[:, :2]).argmax(axis=0))
    normal = 3 - row - column
    if row == column:
        raise GeometryError(
            f"{origin} is not parallel to the slices of the image; was it drawn on another series?"
        )
    ideal = np.zeros((3, 3))
    ideal[row, 0], ideal[column, 1] = np.sign([to_voxel[row, 0], to_voxel[column, 1]])
    ideal[:, 2] = np.rint(to_voxel[:, 2])
    corners = np.array([(r, c, 1) for r in (0, size[0] - 1) for c in (0, size[1] - 1)]).T
    off = np.abs((to_voxel - ideal) @ corners).max(axis=1)
    if off[normal] > SLICE_TOLERANCE or max(off[row], off[column]) > PIXEL_TOLERANCE:
        raise GeometryError(
            f"{origin} lies {off[normal]:.3g} slice distances from the nearest slice of the image and "
            f"{max(off[row], off[column]):.3g} pixels from its voxels; was it drawn on another series?"
        )
    ends = (ideal @ corners).astype(int)
    low, high = ends.min(axis=1), ends.max(axis=1)
    if low.min() < 0 or (high >= shape).any():
        raise GeometryError(
            f"{origin} covers the voxels {low.tolist()} to {high.tolist()} of an image of {list(shape)}; "
            "was it drawn on another series?"
        )
    at: list[Any] = [slice(int(first), int(last) + 1) for first, last in zip(low, high, strict=True)]
    at[normal] = int(low[normal])
    return Place(tuple(at), (int(ideal[row, 0]), int(ideal[column, 1])), row > column)
