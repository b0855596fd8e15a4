"""Where a case is: its non-zero voxels and the box around them.

A scan that was shifted or standardised before it came here has a constant other than zero around the
body. A value that all eight corners share therefore counts as zero; real noise does not repeat so.
"""

from __future__ import annotations

import numpy as np

from segmake.plan import Triple
from segmake.volume.volume import Array

Box = tuple[Triple, Triple]
"""First voxel of a box and its size."""


def background_value(channel: Array) -> float:
    """Value around the body of [X, Y, Z]: the one at all eight corners, else zero."""
    corners = channel[:: max(1, channel.shape[0] - 1), :: max(1, channel.shape[1] - 1)]
    corners = corners[..., :: max(1, channel.shape[2] - 1)]
    first = corners.flat[0]
    return float(first) if (corners == first).all() else 0.0


def nonzero_mask(data: Array) -> Array:
    """Boolean [X, Y, Z]: voxels of [C, X, Y, Z] that are not background in at least one channel."""
    mask: Array = data[0] != background_value(data[0])
    for channel in data[1:]:
        mask |= channel != background_value(channel)
    return mask


def nonzero_box(mask: Array) -> Box:
    """Start and size of the smallest box around the true voxels of [X, Y, Z]; the whole grid when empty."""
    start, size = [0, 0, 0], [int(n) for n in mask.shape]
    plane = np.any(mask, axis=2)
    lines = (np.any(plane, axis=1), np.any(plane, axis=0), np.any(mask, axis=(0, 1)))
    if not lines[0].any():
        return (0, 0, 0), (size[0], size[1], size[2])
    for axis, line in enumerate(lines):
        hits = np.flatnonzero(line)
        start[axis] = int(hits[0])
        size[axis] = int(hits[-1]) - start[axis] + 1
    return (start[0], start[1], start[2]), (size[0], size[1], size[2])


def crop(data: Array, box: Box) -> Array:
    """View of the last three axes of an array inside a box."""
    (x, y, z), (nx, ny, nz) = box
    return data[..., x : x + nx, y : y + ny, z : z + nz]
