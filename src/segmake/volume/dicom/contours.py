"""Planar contours in voxel coordinates: the slices they lie on, and the voxels whose centres they enclose."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from segmake.errors import GeometryError
from segmake.volume.volume import Array

FLAT = 0.1
"""Largest extent of a contour, or of those that share a slice, across the slices, in slice distances."""
NOTICED = 0.01
"""Distance of a contour to its slice, in slice distances, from which it is told."""


@dataclass(frozen=True)
class Region:
    """A region of interest of a file: closed contours [points, 3] in voxel coordinates."""

    path: Path
    name: str
    loops: tuple[Array, ...]

    def by_slice(self, axis: int, count: int) -> dict[int, list[Array]]:
        """Contours by the slice, of `count` along `axis`, that they lie on or next to.

        Raises:
            GeometryError: a contour is tilted against the slices, lies beyond them, or two planes of
                contours fall on one slice, where they would cancel each other.
        """
        slices: dict[int, list[Array]] = defaultdict(list)
        for loop in self.loops:
            if np.ptp(loop[:, axis]) > FLAT:
                self._refuse(f"a contour across {np.ptp(loop[:, axis]):.3g} slices of the image")
            slices[int(np.rint(loop[:, axis].mean()))].append(loop)
        beyond = [number for number in slices if not 0 <= number < count]
        if beyond:
            self._refuse(
                f"contours on slices {min(beyond)} to {max(beyond)} of an image with 0 to {count - 1}"
            )
        for number, loops in slices.items():
            apart = np.ptp([loop[:, axis].mean() for loop in loops])
            if apart > FLAT:
                self._refuse(f"contours {apart:.3g} slice distances apart that fall on one slice, {number}")
        return dict(slices)

    def doubts(self, axis: int, slices: Iterable[int], shape: Sequence[int]) -> list[str]:
        """Sentences on what was drawn and may not be meant: off the slices, gaps, cut at the border."""
        if not self.loops:
            return [f"{self.path.name}: ROI '{self.name}' has no closed contour: empty"]
        points = np.concatenate(self.loops)
        off = np.abs(points[:, axis] - np.rint(points[:, axis])).max()
        step = min(np.diff(sorted(slices)), default=1)
        over = np.delete(np.maximum(-0.5 - points, points - np.array(shape) + 0.5), axis, axis=1).max()
        sentences = (
            (off > NOTICED, f"lies up to {off:.2g} slice distances off the slices"),
            (step > 1, f"leaves out slices: its contours are {step} or more slices apart"),
            (over > NOTICED, f"reaches {over:.3g} voxels beyond the image and is cut there"),
        )
        return [f"{self.path.name}: ROI '{self.name}' {text}" for doubtful, text in sentences if doubtful]

    def _refuse(self, found: str) -> NoReturn:
        raise GeometryError(
            f"contours must lie on slices of the image, but ROI '{self.name}' of {self.path} has {found}; "
            "give the series it was drawn on"
        )


def slice_axis(regions: Iterable[Region]) -> int:
    """The axis along which contours extend least: the one across the slices they were drawn on."""
    extents = [np.ptp(loop, axis=0) for region in regions for loop in region.loops]
    return int(np.max(extents, axis=0).argmin()) if extents else 2


def fill(loops: Iterable[Array], size: tuple[int, int]) -> Array:
    """Voxels whose centres lie inside an odd number of closed polygons: bool [size].

    loops: polygons [points, 2] in voxel coordinates, centres at whole numbers. Of a centre on an edge, the
    side of lower coordinates is inside, so touching polygons share no voxel. A line of voxels is crossed by
    edges; each crossing turns inside to outside for all voxels that follow (even-odd rule).
    """
    starts = np.concatenate([np.empty((0, 2)), *loops])
    ends = np.concatenate([np.empty((0, 2)), *(np.roll(loop, -1, axis=0) for loop in loops)])
    first, last = np.minimum(starts[:, 0], ends[:, 0]), np.maximum(starts[:, 0], ends[:, 0])
    low = np.clip(np.ceil(first), 0, size[0]).astype(int)
    count = np.clip(np.ceil(last), 0, size[0]).astype(int) - low
    edge = np.repeat(np.arange(len(starts)), count)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + low[edge]
    along = (row - starts[edge, 0]) / (ends[edge, 0] - starts[edge, 0])
    crossing = starts[edge, 1] + along * (ends[edge, 1] - starts[edge, 1])
    column = np.clip(np.ceil(crossing), 0, size[1]).astype(int)
    inside = np.zeros(size, bool)
    if len(edge):  # count in the box of the polygons alone: a slice has ten times as many voxels
        top, left = row.min(), column.min()
        height, width = row.max() - top + 1, column.max() - left
        cell = (row - top) * (width + 1) + column - left
        turns = np.bincount(cell, minlength=height * (width + 1)).reshape(height, width + 1)
        inside[top : top + height, left : left + width] = np.cumsum(turns, axis=1)[:, :width] % 2 == 1
    return inside
