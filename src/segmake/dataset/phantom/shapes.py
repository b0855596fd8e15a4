"""Analytic shapes and smooth random fields, evaluated at voxel centres.

A shape is its signed distance in mm (negative inside, first-order exact near the surface). Shapes are
joined with `np.minimum`, cut with `np.maximum`, and painted onto an image with a border one voxel wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from segmake.dataset.phantom.grid import Grid
from segmake.volume.volume import Array


@dataclass(frozen=True, eq=False)
class Waves:
    """A smooth random field with zero mean and unit variance: a sum of plane waves.

    vectors: [W, 3] in rad/mm; phases: [W]. On an affine grid a plane wave is a product of three
    one-dimensional ones, so the field costs one matrix product whatever the number of waves.
    """

    vectors: Array
    phases: Array

    @classmethod
    def draw(cls, rng: np.random.Generator, wavelength_mm: float, count: int = 48) -> Waves:
        """Waves in all directions, of about this wavelength."""
        direction = rng.standard_normal((count, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        length = wavelength_mm * rng.uniform(0.75, 1.4, (count, 1))
        return cls(direction * (2 * np.pi / length), rng.uniform(0, 2 * np.pi, count))

    def on(self, grid: Grid) -> Array:
        """Values [X, Y, Z] float32 at the grid's voxel centres."""
        start = self.phases + self.vectors @ grid.affine[:3, 3]
        steps = self.vectors @ grid.affine[:3, :3]
        x, y, z = (np.exp(1j * steps[:, axis, None] * np.arange(n)) for axis, n in enumerate(grid.shape))
        x = x * np.exp(1j * start)[:, None] * np.sqrt(2 / len(self.phases))
        plane = (x[:, :, None] * y[:, None, :]).reshape(len(start), -1).astype(np.complex64)
        z = z.astype(np.complex64)
        field: Array = plane.real.T @ z.real - plane.imag.T @ z.imag
        return field.reshape(grid.shape)


@dataclass(frozen=True, eq=False)
class Tube:
    """A straight piece of vessel or airway; ends in anatomy mm."""

    start: Array
    end: Array
    radius_mm: float


def ellipsoid(points: Array, centre: Sequence[float] | Array, radii: Sequence[float] | Array) -> Array:
    """Distance to an ellipsoid along the axes: k0 (k0 - 1) / k1, k0 = |p / r|, k1 = |p / r^2|.

    With two radii it is an upright elliptic cylinder without ends.
    """
    scaled = [(points[i] - centre[i]) / radius for i, radius in enumerate(radii)]
    first = np.sqrt(sum(part**2 for part in scaled))
    slope = np.sqrt(sum((part / radius) ** 2 for part, radius in zip(scaled, radii, strict=True)))
    result: Array = first * (first - 1) / np.maximum(slope, 1e-6)
    return result


def capsule(points: Array, start: Array, end: Array, radius: float) -> Array:
    """Distance to a segment with a radius: a piece of vessel."""
    line = end - start
    offset = [points[i] - start[i] for i in range(3)]
    along = sum(offset[i] * line[i] for i in range(3)) / max(float(line @ line), 1e-9)
    along = np.clip(along, 0, 1)
    result: Array = np.sqrt(sum((offset[i] - along * line[i]) ** 2 for i in range(3))) - radius
    return result


def cover(distance: Array, width_mm: float) -> Array:
    """Fraction 0..1 of a voxel that a shape fills: a linear ramp `width_mm` wide about its border."""
    return np.clip(0.5 - distance / width_mm, 0, 1)


def paint(image: Array, fraction: Array, values: Sequence[float] | Array) -> None:
    """Replace a fraction of each voxel of `image` [C, ...] by a material with one value per channel.

    Writes into `image`, the canvas that its maker owns.
    """
    for channel, value in zip(image, values, strict=True):
        channel += fraction * (value - channel)


def paint_tubes(image: Array, grid: Grid, tubes: Sequence[Tube], values: Sequence[float]) -> None:
    """Paint many thin tubes, each inside its own box."""
    width = grid.voxel_mm
    for tube in tubes:
        reach = float(np.linalg.norm(tube.end - tube.start)) / 2 + tube.radius_mm + width
        part = grid.around((tube.start + tube.end) / 2, reach)
        if part is not None:
            box, local = part
            distance = capsule(local.points, tube.start, tube.end, tube.radius_mm)
            paint(image[(slice(None), *box)], cover(distance, width), values)
