"""A tilted gantry: slices that move sideways from one to the next, brought to an orthogonal grid.

The planes stay where they are; each is shifted within itself by a fraction of a pixel. So a world point
keeps its place, and only one axis (two, when the shift is oblique to the pixels) is interpolated.
"""

from __future__ import annotations

import numpy as np

from segmake.volume.volume import Affine, Array, Volume

TILTED_DEGREES = (
    0.5  # below that the sheared affine says exactly where each voxel is, and nothing is resampled
)


def tilt_degrees(affine: Affine) -> float:
    """Angle between the step from slice to slice and the normal of the slices."""
    sideways, forward = _split(affine)
    return float(np.rad2deg(np.arctan2(np.linalg.norm(sideways), abs(forward))))


def _split(affine: Affine) -> tuple[Array, float]:
    """The step from slice to slice: within the plane [3], and along the normal."""
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    normal /= np.linalg.norm(normal)
    forward = float(affine[:3, 2] @ normal)
    return affine[:3, 2] - forward * normal, forward


def straighten(volume: Volume) -> Volume:
    """Resample a sheared stack of slices to an orthogonal grid by linear interpolation within its planes.

    The new grid covers every slice; what lies outside of one holds the smallest value of the volume.
    Whole numbers are rounded back to their type.
    """
    affine = volume.affine
    sideways, _ = _split(affine)
    shifts = np.linalg.lstsq(affine[:3, :2], sideways, rcond=None)[0]  # pixels per slice, along x and y
    data, straight = volume.data, np.array(affine)
    straight[:3, 2] -= sideways
    fill = data.min()
    for axis, shift in enumerate(shifts):
        if abs(shift) * (data.shape[3] - 1) < 1e-6:
            continue
        offsets = shift * np.arange(data.shape[3])
        first = int(np.floor(offsets.min()))
        data = _shifted(data, axis + 1, offsets - first, fill)
        straight[:3, 3] += first * affine[:3, axis]
    return Volume(data, straight)


def _shifted(data: Array, axis: int, offsets: Array, fill: np.generic) -> Array:
    """Each slice (last axis) moved by its offset >= 0 along an axis that grows to hold all of them."""
    shape = list(data.shape)
    size = shape[axis]
    shape[axis] = size + int(np.ceil(offsets.max() - 1e-9))
    result = np.full(shape, fill, data.dtype, order="F")
    for number, offset in enumerate(offsets):
        start = int(np.floor(offset + 1e-9))
        part = max(0.0, offset - start)
        source = np.moveaxis(data[..., number], axis, 0)
        target = np.moveaxis(result[..., number], axis, 0)
        if part < 1e-9:
            target[start : start + size] = source
        else:
            target[start : start + size + 1] = _between(source, part, fill)
    return result


def _between(source: Array, part: float, fill: np.generic) -> Array:
    """Values at `index - part` along the first axis, one more than there were; the outside holds `fill`."""
    real = np.result_type(source, np.float32)  # float64 for 32-bit integers
    edge = np.full((1, *source.shape[1:]), fill, real)
    padded = np.concatenate([edge, source.astype(real), edge])
    mixed = padded[1:] * real.type(1 - part) + padded[:-1] * real.type(part)
    rounded: Array = np.rint(mixed).astype(source.dtype) if source.dtype.kind in "iu" else mixed
    return rounded
