"""Resampling between any two grids, oblique ones too (those that share axes: `interpolation`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from segmake.volume.volume import Affine, Array, Volume

Triple = tuple[int, int, int]


def resample_onto(volume: Volume, shape: Triple, affine: Affine) -> tuple[Array, float]:
    """Interpolate each channel linearly at the voxels of another grid.

    Linear, because a cubic spline rings: a background of exact zeros would no longer be one, and the
    crop to the body would find nothing to crop. A voxel that lies within the outermost half voxel takes
    the edge value; beyond it takes the channel's background: 0 where zeros are common, else its minimum.

    Returns:
        float32 [C, *shape], and the share of voxels outside of the volume's field of view.
    """
    from scipy.ndimage import affine_transform  # half a second to import, rarely needed

    there = index_map(affine, volume.affine)
    inside = covered(shape, there, volume.shape)
    result = np.empty((volume.data.shape[0], *shape), dtype=np.float32)
    for out, channel in zip(result, volume.data, strict=True):
        affine_transform(
            channel.astype(np.float32, copy=False), there[:3, :3], there[:3, 3], shape, out, 1, "nearest"
        )
        out[~inside] = background(channel)
    return result, 1 - np.count_nonzero(inside) / inside.size


def index_map(new: Affine, old: Affine) -> Array:
    """Matrix 4x4 from voxel indices of one grid to those of another; whole numbers where they are meant."""
    return np.asarray(np.round(np.linalg.inv(old) @ new, 9))


def background(channel: Array) -> float:
    """What lies around the body: 0 where at least a tenth of the voxels is exactly that, else the minimum."""
    often_zero = channel.size - np.count_nonzero(channel) >= channel.size / 10
    return 0.0 if often_zero else float(channel.min())


def covered(shape: Triple, there: Array, size: Sequence[int]) -> Array:
    """Mask [*shape] of the voxels that fall into a grid of `size` voxels; `there` maps index to index."""
    i, j, k = np.ogrid[: shape[0], : shape[1], : shape[2]]
    inside = np.ones(shape, dtype=bool)
    for row, count in zip(there[:3], size, strict=True):
        at = row[0] * i + row[1] * j + (row[2] * k + row[3])
        inside &= (at >= -0.5 - 1e-6) & (at <= count - 0.5 + 1e-6)
    return inside


def vote_onto(label: Array, label_affine: Affine, shape: Triple, affine: Affine) -> Array:
    """Resample label values by vote: linear per value, the largest share wins; never mixes values.

    label: integer values [X, Y, Z]; returns them on [*shape]. Voxels outside of the label's field of view
    are 0, ties go to the lower value. Each value is computed only around its own voxels.
    """
    from scipy.ndimage import affine_transform, find_objects

    there = index_map(affine, label_affine)
    values, index = np.unique(label, return_inverse=True)
    boxes = find_objects(index.reshape(label.shape).astype(np.int32) + 1)
    best = np.zeros(shape, dtype=label.dtype)
    share = np.zeros(shape, dtype=np.float32)
    rest = np.ones(shape, dtype=np.float32)
    for value, box in zip(values, boxes, strict=True):
        rows = None if value == 0 else _reach(box, np.linalg.inv(there), shape)
        if rows is None:
            continue
        start = there[:3, :3] @ [near.start for near in rows] + there[:3, 3]
        size = tuple(near.stop - near.start for near in rows)
        mask = (label == value).astype(np.float32)
        vote = affine_transform(mask, there[:3, :3], start, size, None, 1, "nearest")
        rest[rows] -= vote
        wins = vote > share[rows] + 1e-6
        share[rows][wins] = vote[wins]
        best[rows][wins] = value
    best[(rest >= share) | ~covered(shape, there, label.shape)] = 0
    return best


def _reach(box: tuple[slice, ...], back: Array, shape: Triple) -> tuple[slice, ...] | None:
    """The part of the new grid that a box of the old one, a voxel wider, can reach; None if it is empty."""
    ends = [(near.start - 1, near.stop) for near in box]
    corners = np.array(list(product(*ends))) @ back[:3, :3].T + back[:3, 3]
    low = np.maximum(0, np.floor(corners.min(axis=0))).astype(int)
    high = np.minimum(shape, np.ceil(corners.max(axis=0)) + 1).astype(int)
    if (low >= high).any():
        return None
    return tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
