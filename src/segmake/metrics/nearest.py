"""How far points of a grid are from the nearest point of a set, exactly, by the cheapest of three ways.

Two surfaces worth comparing lie close together, so most points find their target within a few voxels: the
grid around each point is searched in rings of growing distance, and what is found leaves the search. Points
that find nothing go to a search tree of the targets when they are few, else to a distance map of the grid. A
tree costs by the number of points and has a bad case (points at equal distance from a whole surface); a
map costs the same whatever it holds. All are exact, the map in single precision.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import edt
import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from segmake.metrics.counts import Mask

Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

REACH = 4
"""Rings end at this many steps of the finest axis."""
QUERY, PLANT = 60, 6
"""What looking up a point in the tree, and putting a target into it, cost: grid points of a distance map."""
TIE = 1e-9
"""Distances this close, relatively, are one ring."""


def nearest_mm(points: Mask, targets: Mask, spacing_mm: Sequence[float]) -> Floats:
    """Euclidean distance [number of points] from each point to the nearest target, points in C order.

    Args:
        points: boolean [X, Y, Z].
        targets: boolean [X, Y, Z], not empty.
        spacing_mm: size of a grid step along x, y, z.
    """
    spacing = tuple(float(mm) for mm in spacing_mm)
    index = np.flatnonzero(points)
    distance = by_rings(index, targets, spacing)
    far = np.flatnonzero(np.isinf(distance))
    if far.size:
        few = QUERY * far.size + PLANT * np.count_nonzero(targets) < targets.size
        distance[far] = (by_tree if few else by_map)(index[far], targets, spacing)
    return distance


def by_rings(index: Indices, targets: Mask, spacing_mm: tuple[float, ...]) -> Floats:
    """Look around each point, ring by ring; infinite where the rings hold no target.

    Args:
        index: flat indices of the points.
        targets: boolean [X, Y, Z].
        spacing_mm: size of a grid step along x, y, z.
    """
    rings, reach = _rings(spacing_mm)
    padded = np.pad(targets, [(n, n) for n in reach])
    strides = np.array([padded[0].size, padded[0, 0].size, 1])
    x, y, z = np.unravel_index(index, targets.shape)
    corner = x * strides[0] + y * strides[1] + z  # of the neighbourhood, from where all steps go forward
    flat = padded.ravel()
    distance = np.full(index.size, np.inf)
    left = np.arange(index.size)
    for ring_mm, steps in rings:
        if not left.size:
            break
        hit = np.zeros(left.size, dtype=bool)
        for step in (steps + reach) @ strides:
            hit |= flat[step:].take(corner)
        distance[left[hit]] = ring_mm
        miss = ~hit
        corner, left = corner[miss], left[miss]
    return distance


def by_map(index: Indices, targets: Mask, spacing_mm: tuple[float, ...]) -> Floats:
    """Measure with a distance map of the whole grid."""
    apart = edt.edt(~targets, anisotropy=spacing_mm, black_border=False, parallel=1)
    distances: Floats = apart.ravel()[index].astype(np.float64)
    return distances


def by_tree(index: Indices, targets: Mask, spacing_mm: tuple[float, ...]) -> Floats:
    """Measure with a search tree of the targets."""
    shape = targets.shape
    targets_mm = _positions(np.flatnonzero(targets), shape, spacing_mm)
    # points of a grid lie evenly: halving boxes in the middle is as good as at the median, and faster
    tree = KDTree(targets_mm, leafsize=32, balanced_tree=False, compact_nodes=False)
    distances: Floats = tree.query(_positions(index, shape, spacing_mm))[0]
    return distances


def _positions(index: Indices, shape: tuple[int, ...], spacing_mm: tuple[float, ...]) -> Floats:
    voxels = np.stack(np.unravel_index(index, shape), axis=1)
    positions: Floats = voxels.astype(np.float64) * spacing_mm
    return positions


@lru_cache(maxsize=64)
def _rings(spacing_mm: tuple[float, ...]) -> tuple[list[tuple[float, Indices]], tuple[int, int, int]]:
    """Grid steps around a point, as (distance in mm, steps [n, 3]) of growing distance, and their extent."""
    limit = REACH * min(spacing_mm)
    x, y, z = (int(limit / mm) for mm in spacing_mm)
    steps = np.indices((2 * x + 1, 2 * y + 1, 2 * z + 1)).reshape(3, -1).T - (x, y, z)
    apart = np.sqrt(((steps * spacing_mm) ** 2).sum(axis=1))
    order = np.argsort(apart, kind="stable")[: np.count_nonzero(apart <= limit)]
    steps, apart = steps[order], apart[order]
    starts = np.flatnonzero(np.diff(apart, prepend=-1) > TIE * limit)
    ends = np.append(starts[1:], len(steps))
    return [(float(apart[a]), steps[a:b]) for a, b in zip(starts, ends, strict=True)], (x, y, z)
