"""How far points of a grid are from the nearest point of a set, exactly, by the cheaper of two ways.

A distance map costs the same whatever it holds; a search tree costs by the number of points. Where a few
stray voxels stretch the box over the whole image, the tree is much faster; on filled boxes the map is,
and it has no bad case (points at equal distance from a whole surface defeat a tree). Both are exact, the map
in single precision.
"""

from __future__ import annotations

from collections.abc import Sequence

import edt
import numpy as np
import numpy.typing as npt
from scipy.spatial import KDTree

from segmake.metrics.counts import Mask

Floats = npt.NDArray[np.float64]

SPARSE = 1 / 100
"""Largest share of grid points for which the search tree is taken; the two cross between 1/50 and 1/200."""


def nearest_mm(points: Mask, targets: Mask, spacing_mm: Sequence[float]) -> Floats:
    """Euclidean distance [number of points] from each point to the nearest target, points in C order.

    Args:
        points: boolean [X, Y, Z].
        targets: boolean [X, Y, Z], not empty.
        spacing_mm: size of a grid step along x, y, z.
    """
    if np.count_nonzero(points) + np.count_nonzero(targets) < SPARSE * points.size:
        return by_tree(points, targets, spacing_mm)
    return by_map(points, targets, spacing_mm)


def by_map(points: Mask, targets: Mask, spacing_mm: Sequence[float]) -> Floats:
    """Measure with a distance map of the whole grid."""
    apart = edt.edt(~targets, anisotropy=tuple(spacing_mm), black_border=False, parallel=1)
    distances: Floats = apart[points].astype(np.float64)
    return distances


def by_tree(points: Mask, targets: Mask, spacing_mm: Sequence[float]) -> Floats:
    """Measure with a search tree of the targets."""
    distances: Floats = KDTree(_positions(targets, spacing_mm), leafsize=32).query(
        _positions(points, spacing_mm)
    )[0]
    return distances


def _positions(mask: Mask, spacing_mm: Sequence[float]) -> Floats:
    index = np.stack(np.unravel_index(np.flatnonzero(mask), mask.shape), axis=1)
    positions: Floats = index.astype(np.float64) * np.asarray(spacing_mm, dtype=np.float64)
    return positions
