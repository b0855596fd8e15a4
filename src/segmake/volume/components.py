"""The separate parts of a mask, and the holes in it.

Parts are 26-connected: voxels that touch at a face, an edge or a corner belong together (cc3d).
"""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Box = tuple[slice, ...]
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
        from scipy.ndimage import find_objects  # half a second to import

        boxes: list[Box] = find_objects(self.parts.view(np.int32)) if self.count else []
        return boxes

    def among(self, numbers: Sizes, box: Box) -> Mask:
        """Where in a box a part with one of these numbers is."""
        chosen = np.zeros(self.count + 1, dtype=bool)
        chosen[numbers] = True
        inside: Mask = chosen[self.parts[box]]
        return inside


def components(mask: Mask) -> Components:
    """Find the 26-connected parts of a mask [X, Y, Z]."""
    if not mask.any():
        return Components(np.zeros(mask.shape, dtype=np.uint32), 0)
    # cc3d 4.1 makes room for too few parts along axes of odd length (1 0 1 are two): it gets even ones
    even = np.pad(mask, [(0, length % 2) for length in mask.shape])
    parts, count = cc3d.connected_components(even, connectivity=26, return_N=True, out_dtype=np.uint32)
    x, y, z = mask.shape
    return Components(np.ascontiguousarray(parts[:x, :y, :z]), int(count))


def fill_holes(mask: Mask) -> Mask:
    """The mask and the cavities that it encloses (background that faces never connect to the border)."""
    if not mask.any():
        return mask.copy()
    background, count = cc3d.connected_components(~mask, connectivity=6, return_N=True)
    outside = np.zeros(count + 1, dtype=bool)
    for axis in range(3):
        for face in (0, -1):
            outside[np.unique(background.take(face, axis=axis))] = True
    outside[0] = False
    filled: Mask = ~outside[background]
    return filled
