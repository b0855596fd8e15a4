"""2D patches of volumes: whole axial slices, and squares round places, as doctors look at them.

Pictures are in radiological view: the patient's right, or front, is on the left; front, or head, is on top.
Planes are those of the scan's own grid, which lie nearest to the anatomical ones: an oblique scan is not
blurred across its slices, and a place in world mm is found by the whole affine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from segmake.errors import InputError
from segmake.prepare.framing import frame, frame_whole, to_bytes, to_grey
from segmake.volume.volume import Array, Volume

Planes = Literal["axial", "neighbours", "orthogonal"]
AXIAL, CORONAL, SAGITTAL = 2, 1, 0
"""The axis that a plane is normal to."""


@dataclass(frozen=True)
class Sight:
    """How a volume is looked at: a window for each channel, planes, and the side of a patch in pixels."""

    windows: Sequence[tuple[float, float]]
    planes: Planes
    size: int

    def count(self) -> int:
        """Channels of a patch."""
        return len(self.windows) * (1 if self.planes == "axial" else 3)


def axial_slices(volume: Volume, sight: Sight, every: int) -> Iterator[tuple[int, Array]]:
    """Whole axial slices of a canonical volume, every n-th: its number, uint8 [channels, size, size].

    With `neighbours` the channels are the slice below, the slice itself and the one above; the outermost
    slice is its own neighbour.
    """
    height = volume.shape[AXIAL]
    around = (-1, 0, 1) if sight.planes == "neighbours" else (0,)
    pixel_mm = _pixel_mm(volume, AXIAL)
    for number in range(min(every // 2, height - 1), height, every):
        places = [min(max(number + step, 0), height - 1) for step in around]
        pictures = [
            frame_whole(to_grey(_plane(channel, AXIAL, place), window), pixel_mm, sight.size)
            for channel, window in zip(volume.data, sight.windows, strict=True)
            for place in places
        ]
        yield number, to_bytes(np.stack(pictures))


def patch_at(volume: Volume, centre_mm: Sequence[float], extent_mm: float, sight: Sight) -> Array:
    """A square of `extent_mm` round a world position (RAS+) of a canonical volume.

    Returns uint8 [channels, size, size].

    The slice is the nearest one, so that thick slices are not mixed; within it the place is exact.

    Raises:
        InputError: the position is outside of the volume.
    """
    voxel = to_voxel(volume, centre_mm)
    if (voxel < -0.5).any() or (voxel > np.array(volume.shape) - 0.5).any():
        said = ", ".join(f"{value:.1f}" for value in centre_mm)
        raise InputError(
            f"the place ({said}) mm (RAS) is outside of the scan, at voxel "
            f"({', '.join(f'{value:.0f}' for value in voxel)}) of {'x'.join(map(str, volume.shape))}; tables "
            "have LPS axes, as ITK: check the signs of coordX and coordY"
        )
    pictures = [
        to_bytes(_cut(channel, window, axis, voxel + shift, (_pixel_mm(volume, axis), extent_mm, sight.size)))
        for channel, window in zip(volume.data, sight.windows, strict=True)
        for axis, shift in _shots(sight.planes)
    ]
    return np.stack(pictures)


def to_voxel(volume: Volume, centre_mm: Sequence[float]) -> Array:
    """Voxel coordinates [3] of a world position."""
    position: Array = np.linalg.inv(volume.affine) @ np.array([*centre_mm, 1.0])
    return position[:3]


def nearest_slice(volume: Volume, centre_mm: Sequence[float]) -> int:
    """Number of the axial slice that a world position lies in."""
    return int(np.clip(np.rint(to_voxel(volume, centre_mm)[AXIAL]), 0, volume.shape[AXIAL] - 1))


def slice_middle(volume: Volume, number: int) -> tuple[float, float, float]:
    """World position of the middle of an axial slice."""
    x, y, _ = volume.shape
    middle = volume.affine @ np.array([(x - 1) / 2, (y - 1) / 2, number, 1.0])
    return float(middle[0]), float(middle[1]), float(middle[2])


def _shots(planes: Planes) -> list[tuple[int, Array]]:
    """Normal axis of each picture, and how far from the place it is in voxels."""
    if planes == "orthogonal":
        return [(axis, np.zeros(3)) for axis in (AXIAL, CORONAL, SAGITTAL)]
    steps = (-1, 0, 1) if planes == "neighbours" else (0,)
    return [(AXIAL, np.array([0, 0, step])) for step in steps]


def _cut(
    channel: Array,
    window: tuple[float, float],
    axis: int,
    voxel: Array,
    square: tuple[tuple[float, float], float, int],
) -> Array:
    """The square round a voxel in the plane through it that is normal to an axis."""
    number = int(np.clip(np.rint(voxel[axis]), 0, channel.shape[axis] - 1))
    picture = _plane(channel, axis, number)
    columns, rows = (place for place in range(3) if place != axis)
    middle = [channel.shape[place] - 1 - voxel[place] for place in (rows, columns)]
    pixel_mm, extent_mm, size = square
    return frame(to_grey(picture, window), pixel_mm, middle, extent_mm, size)


def _plane(channel: Array, axis: int, number: int) -> Array:
    """Plane of [X, Y, Z] as a picture: of the other two axes the later one runs down, both backwards."""
    return np.asarray(channel.take(number, axis=axis).T[::-1, ::-1])


def _pixel_mm(volume: Volume, axis: int) -> tuple[float, float]:
    """Height and width of a pixel in the plane normal to an axis."""
    columns, rows = (place for place in range(3) if place != axis)
    return volume.spacing_mm[rows], volume.spacing_mm[columns]
