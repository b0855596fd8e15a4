"""The separate parts of a mask, and how the parts of two masks meet.

Parts are 26-connected: voxels that touch at a face, an edge or a corner belong together (cc3d).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cc3d
import numpy as np
import numpy.typing as npt
from scipy.ndimage import find_objects

from segmake.metrics.counts import Box, Mask

Parts = npt.NDArray[np.uint32]
Sizes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Components:
    """Parts of a mask, numbered from 1; 0 is outside."""

    parts: Parts
    """Number of the part of each voxel [X, Y, Z]."""
    count: int

    def sizes(self, where: Mask | None = None) -> Sizes:
        """Voxels [count + 1] of each part (the first number is 0), of those in `where` if it is given."""
        inside = self.parts[self.parts != 0 if where is None else where]
        sizes: Sizes = np.bincount(inside, minlength=self.count + 1)
        sizes[0] = 0
        return sizes

    def boxes(self) -> list[Box]:
        """Box of each part, in order from part 1."""
        boxes: list[Box] = find_objects(self.parts.view(np.int32)) if self.count else []
        return boxes

    def among(self, numbers: Sizes, box: Box) -> Mask:
        """Where in a box a part with one of these numbers is."""
        chosen = np.zeros(self.count + 1, dtype=bool)
        chosen[numbers] = True
        inside: Mask = chosen[self.parts[box]]
        return inside


@dataclass(frozen=True, eq=False)
class Meetings:
    """Pairs of parts that share a voxel, and how many voxels they share."""

    first: Sizes
    second: Sizes
    voxels: Sizes


def components(mask: Mask) -> Components:
    """Find the 26-connected parts of a mask [X, Y, Z]."""
    if not mask.any():
        return Components(np.zeros(mask.shape, dtype=np.uint32), 0)
    # cc3d 4.1 makes room for too few parts along axes of odd length (1 0 1 are two): it gets even ones
    even = np.pad(mask, [(0, length % 2) for length in mask.shape])
    parts, count = cc3d.connected_components(even, connectivity=26, return_N=True, out_dtype=np.uint32)
    x, y, z = mask.shape
    return Components(np.ascontiguousarray(parts[:x, :y, :z]), int(count))


def meetings(first: Components, second: Components, where: Mask | None = None) -> Meetings:
    """Find which parts of two masks on one grid share voxels (of those in `where`, if it is given)."""
    shared = (first.parts != 0) & (second.parts != 0)
    if where is not None:
        shared &= where
    width = second.count + 1
    pair = first.parts[shared].astype(np.int64) * width + second.parts[shared]
    found, voxels = np.unique(pair, return_counts=True)
    return Meetings(found // width, found % width, voxels)


def dilate(mask: Mask, steps: int) -> Mask:
    """Grow a mask by a number of steps to the 18 neighbours that share a face or an edge with a voxel.

    The structuring element is `scipy.ndimage.generate_binary_structure(3, 2)`. A step to an edge neighbour
    is one along each of two axes.
    """
    for _ in range(steps):
        along_y, along_z = _spread(mask, 1), _spread(mask, 2)
        mask = _spread(along_y | along_z, 0) | _spread(along_z, 1)
    return mask


def _spread(mask: Mask, axis: int) -> Mask:
    """Grow by one voxel along one axis, both ways."""
    front: Sequence[slice] = (*(slice(None),) * axis, slice(None, -1))
    back: Sequence[slice] = (*(slice(None),) * axis, slice(1, None))
    spread = mask.copy()
    spread[tuple(front)] |= mask[tuple(back)]
    spread[tuple(back)] |= mask[tuple(front)]
    return spread
