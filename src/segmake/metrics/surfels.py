"""How much surface lies in a 2x2x2 neighbourhood of voxels.

Between eight neighbouring voxel centres the surface of a mask is a patch through the midpoints of the
edges that join an inside voxel to an outside one. There are 256 neighbourhoods; `surfel_areas_mm2`
gives the patch's area for each, on any spacing. This is the surface element ("surfel") of Nikolov et al.,
"Clinically applicable segmentation of head and neck anatomy for radiotherapy", JMIR 23 (2021), whose
surfaces are those of marching cubes (Lorensen and Cline, SIGGRAPH 1987).

The rules, from which the table is derived here:

- The smaller of the two sets of voxels, inside or outside, makes the patches (the inside when equal), one for
  each group of face-adjacent voxels: voxels that touch only along an edge or corner are kept apart.
- A patch's corners form a closed loop over the faces of the cube. Where the loop is not flat, of all its
  triangulations the one with the largest area on the unit cube is taken (it is the convex one).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product

import numpy as np
import numpy.typing as npt

Corner = tuple[int, int, int]
Point = tuple[float, float, float]
Triangle = tuple[Point, Point, Point]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

CORNERS: tuple[Corner, ...] = tuple(product((0, 1), repeat=3))  # type: ignore[arg-type]
"""Voxel offsets (x, y, z) of the bits of a neighbourhood code, lowest bit first."""


def surfel_areas_mm2(spacing_mm: Sequence[float]) -> Floats:
    """Surface area [256] within each neighbourhood code, for voxels of this size."""
    sx, sy, sz = spacing_mm
    face = np.array([sy * sz, sx * sz, sx * sy])  # what a unit of area is worth along each normal
    normals, codes = _normals()
    return np.bincount(codes, np.linalg.norm(normals * face, axis=1), minlength=256).astype(np.float64)


@cache
def _normals() -> tuple[Floats, Codes]:
    """Return the normals [triangles, 3] of all patches on the unit cube, as long as their area, and whose."""
    patches = [
        _triangle_normals([t for group in _groups(code) for t in _triangulate(_loop(group))])
        for code in range(256)
    ]
    return np.concatenate(patches), np.repeat(np.arange(256), [len(patch) for patch in patches])


def _triangle_normals(triangles: Sequence[Triangle]) -> Floats:
    points = np.array(triangles, dtype=np.float64).reshape(-1, 3, 3)
    normals: Floats = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]) / 2
    return normals


def _groups(code: int) -> list[set[Corner]]:
    """Face-adjacent groups of the smaller of the inside and the outside."""
    inside = {corner for bit, corner in enumerate(CORNERS) if code >> bit & 1}
    rest = inside if len(inside) <= 4 else set(CORNERS) - inside
    groups = []
    while rest:
        group, new = set[Corner](), {min(rest)}
        while new:
            group |= new
            new = {n for corner in new for n in _neighbours(corner) if n in rest} - group
        rest = rest - group
        groups.append(group)
    return groups


def _neighbours(corner: Corner) -> tuple[Corner, Corner, Corner]:
    x, y, z = corner
    return (1 - x, y, z), (x, 1 - y, z), (x, y, 1 - z)


def _loop(group: set[Corner]) -> list[Point]:
    """Midpoints of the edges that leave the group, in order around it.

    A face of the cube is crossed by no such edge or by two, which follow each other in the loop.
    """
    cuts = [(a, b) for a in sorted(group) for b in _neighbours(a) if b not in group]
    middle = [((a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2) for a, b in cuts]
    beside: dict[Point, list[Point]] = {point: [] for point in middle}
    for axis, side in product(range(3), (0, 1)):
        pair = [point for point in middle if point[axis] == side]
        if pair:
            first, second = pair
            beside[first].append(second)
            beside[second].append(first)
    loop = [middle[0], beside[middle[0]][0]]
    while len(loop) < len(middle):
        loop.append(next(point for point in beside[loop[-1]] if point != loop[-2]))
    return loop


def _triangulate(loop: list[Point]) -> list[Triangle]:
    """Pick the triangulation of a loop with the largest area on the unit cube."""
    return max(
        _triangulations(loop),
        key=lambda triangles: np.linalg.norm(_triangle_normals(triangles), axis=1).sum(),
    )


def _triangulations(loop: list[Point]) -> Iterator[list[Triangle]]:
    """All ways to cut a loop into triangles along its diagonals."""
    if len(loop) < 3:
        yield []
        return
    for tip in range(1, len(loop) - 1):
        for left in _triangulations(loop[: tip + 1]):
            for right in _triangulations(loop[tip:]):
                yield [*left, (loop[0], loop[tip], loop[-1]), *right]
