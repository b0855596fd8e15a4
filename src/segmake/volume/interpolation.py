"""Resampling between grids that share axes and world centre.

Such grids differ by a shift and a scale per axis, so interpolation is a small matrix per axis: B-spline
weights times the B-spline prefilter (Unser 1999), applied as matrix products. Voxel i of the new grid
lies at old coordinate `centre_old + (i - centre_new) * ratio`, exactly, whatever rounding did to the
sizes. Beyond the last voxel the edge value goes on (scipy's mode "nearest").
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from segmake.volume.volume import Array

ANISOTROPIC = 3.0
"""Ratio of the coarsest to the next spacing beyond which the coarse axis is treated apart."""
PAD = 12
"""Edge voxels the cubic prefilter sees on either side; its influence falls by 0.27 a voxel."""

NEGLIGIBLE = 1e-9
"""Weights below this are zero: denormal numbers would make the products ten times slower."""


def axis_orders(order: int, old_mm: Sequence[float], new_mm: Sequence[float]) -> tuple[int, int, int]:
    """Spline order per axis: nearest along an axis much coarser than both others, on either grid.

    Interpolating between thick slices invents tissue that is on neither; nnU-Net's rule
    (Isensee et al. 2021): the coarsest spacing is more than three times the finest, and is one axis alone.
    """
    orders = [order, order, order]
    for spacing in (old_mm, new_mm):
        axes = np.argsort(spacing)
        fine, middle, coarse = (spacing[axis] for axis in axes)
        if coarse / fine > ANISOTROPIC:
            if not np.isclose(middle, coarse):
                orders[axes[2]] = 0
            break
    return orders[0], orders[1], orders[2]


def axis_matrix(size_in: int, size_out: int, ratio: float, order: int) -> Array:
    """Matrix [size_out, size_in] (float64) that resamples one axis.

    ratio: new spacing / old spacing; order: 0 nearest, 1 linear, 3 cubic. Rows sum to one.
    """
    at = (size_in - 1) / 2 + (np.arange(size_out) - (size_out - 1) / 2) * ratio
    if order == 0:
        near = np.clip(np.floor(at + 0.5), 0, size_in - 1).astype(int)
        return np.asarray(np.eye(size_in)[near])
    if order == 1:
        at = np.clip(at, 0, size_in - 1)
        return np.asarray(np.maximum(0, 1 - np.abs(at[:, None] - np.arange(size_in)[None])))
    padded = np.clip(at + PAD, 0, size_in - 1 + 2 * PAD)
    distance = np.abs(padded[:, None] - np.arange(-1, size_in + 2 * PAD + 1)[None])
    weights = np.where(
        distance < 1, 2 / 3 - distance**2 + distance**3 / 2, np.maximum(0, 2 - distance) ** 3 / 6
    )
    matrix = _mirror(weights) @ _cubic_coefficients(size_in)
    return np.where(np.abs(matrix) < NEGLIGIBLE, 0, matrix)


def _mirror(weights: Array) -> Array:
    """Fold the weights of the one coefficient beyond either end onto its mirror image."""
    inner = weights[:, 1:-1].copy()
    inner[:, 1] += weights[:, 0]
    inner[:, -2] += weights[:, -1]
    return inner


def _cubic_coefficients(size: int) -> Array:
    """Matrix [size + 2 PAD, size]: samples, repeated at the edges, to cubic B-spline coefficients."""
    many = size + 2 * PAD
    collocation = (np.eye(many) * 4 + np.eye(many, k=1) + np.eye(many, k=-1)) / 6
    collocation[0, 1] = collocation[-1, -2] = 2 / 6
    repeat = np.eye(size)[np.clip(np.arange(many) - PAD, 0, size - 1)]
    return np.linalg.solve(collocation, repeat)


def axis_matrices(
    shape_in: Sequence[int], shape_out: Sequence[int], ratio: Sequence[float], order: int | Sequence[int]
) -> list[Array | None]:
    """A float32 matrix [size out, size in] per axis; None where nothing changes.

    ratio: new spacing / old spacing along each axis; order: of the spline, one or one per axis.
    """
    orders = [order] * 3 if isinstance(order, int) else list(order)
    result: list[Array | None] = []
    for axis in range(3):
        same = shape_in[axis] == shape_out[axis] and abs(ratio[axis] - 1) * shape_in[axis] < 1e-3
        matrix = None if same else axis_matrix(shape_in[axis], shape_out[axis], ratio[axis], orders[axis])
        result.append(None if matrix is None else matrix.astype(np.float32))
    return result


def _apply(channel: Array, matrices: Sequence[Array | None]) -> Array:
    """Matrix products along the axes of [X, Y, Z] float32; those that shrink most come first."""
    cost = [1.0 if m is None else m.shape[0] / m.shape[1] for m in matrices]
    for axis in np.argsort(cost, kind="stable"):
        matrix = matrices[axis]
        if matrix is None:
            continue
        x, y, z = channel.shape
        if axis == 0:
            channel = (matrix @ channel.reshape(x, y * z)).reshape(-1, y, z)
        elif axis == 1:
            channel = np.matmul(matrix, channel)
        else:
            channel = (channel.reshape(x * y, z) @ matrix.T).reshape(x, y, -1)
    return channel


def resample_image(
    data: Array, shape_out: Sequence[int], ratio: Sequence[float], order: int | Sequence[int] = 3
) -> Array:
    """Resample [C, X, Y, Z] to [C, *shape_out]; float32.

    ratio: new spacing / old spacing along each axis; order: of the spline, one or one per axis.
    Returns the input itself when the grids are the same.
    """
    matrices = axis_matrices(data.shape[1:], shape_out, ratio, order)
    if all(matrix is None for matrix in matrices):
        return np.asarray(data, dtype=np.float32)
    result = np.empty((data.shape[0], *shape_out), dtype=np.float32)
    for out, channel in zip(result, data, strict=True):
        out[...] = _apply(np.ascontiguousarray(channel, dtype=np.float32), matrices)
    return result


def resample_classes(
    index: Array, shape_out: Sequence[int], ratio: Sequence[float], order: int | Sequence[int] = 1
) -> Array:
    """Resample class indices [X, Y, Z] (0..255) by vote: linear per class, the largest share wins; uint8.

    No class appears that was not there. Ties go to the lower index. Each class is computed only around
    its own voxels.
    """
    matrices = axis_matrices(index.shape, shape_out, ratio, order)
    if all(matrix is None for matrix in matrices):
        return index.astype(np.uint8)
    from scipy.ndimage import find_objects  # half a second to import, only needed here

    full = [
        np.eye(n, dtype=np.float32) if m is None else m for n, m in zip(index.shape, matrices, strict=True)
    ]
    best = np.zeros(tuple(shape_out), dtype=np.uint8)
    share = np.zeros(tuple(shape_out), dtype=np.float32)
    rest = np.ones(tuple(shape_out), dtype=np.float32)
    for value, box in enumerate(find_objects(index), start=1):
        columns = [] if box is None else [m[:, near] for m, near in zip(full, box, strict=True)]
        reached = [np.flatnonzero(part.any(axis=1)) for part in columns]
        if box is None or any(hits.size == 0 for hits in reached):
            continue
        rows = tuple(slice(int(hits[0]), int(hits[-1]) + 1) for hits in reached)
        parts = [np.ascontiguousarray(part[near]) for part, near in zip(columns, rows, strict=True)]
        vote = _apply((index[box] == value).astype(np.float32), parts)
        rest[rows] -= vote
        wins = vote > share[rows]
        share[rows][wins] = vote[wins]
        best[rows][wins] = value
    best[rest >= share] = 0
    return best
