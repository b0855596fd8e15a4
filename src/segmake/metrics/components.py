"""How the parts of two masks meet, and how a mask grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segmake.metrics.counts import Mask
from segmake.volume.components import Components, Sizes


@dataclass(frozen=True, eq=False)
class Meetings:
    """Pairs of parts that share a voxel, and how many voxels they share."""

    first: Sizes
    second: Sizes
    voxels: Sizes


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
