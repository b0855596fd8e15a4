"""Lung nodules as analytic bodies: smooth ellipsoids (benign) and spiculated stars (malignant)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmake.dataset.phantom.grid import Grid, rotation
from segmake.dataset.phantom.shapes import ellipsoid
from segmake.volume.volume import Array

DIRECTIONS = 20_000
SHARPNESS = 45.0  # a spicule's half-width is about 1 / sqrt(45) rad = 9 degrees


@dataclass(frozen=True, eq=False)
class Nodule:
    """A body whose surface is seen from its middle in every direction; lengths in anatomy mm.

    spicules: [K, 3] unit vectors; lengths: [K] relative to the body's radius. None of either: an ellipsoid.
    """

    middle: Array
    turn: Array
    radii_mm: tuple[float, float, float]
    spicules: Array
    lengths: Array
    hu: float

    @classmethod
    def draw(cls, rng: np.random.Generator, middle: Array, diameter_mm: float, malignant: bool) -> Nodule:
        """A nodule whose body, without spicules, has about this diameter."""
        stretch = rng.uniform(0.85, 1.15, 3)
        radii = 0.5 * diameter_mm * stretch / np.cbrt(stretch.prod())
        count = int(rng.integers(12, 19)) if malignant else 0
        spicules = rng.standard_normal((count, 3))
        spicules /= np.maximum(np.linalg.norm(spicules, axis=1, keepdims=True), 1e-9)
        return cls(
            middle=np.asarray(middle, dtype=np.float64),
            turn=rotation(rng.standard_normal(3), float(rng.uniform(0, 180))),
            radii_mm=(float(radii[0]), float(radii[1]), float(radii[2])),
            spicules=spicules,
            lengths=rng.uniform(0.35, 0.85, count),
            hu=float(rng.uniform(20, 70)),
        )

    @property
    def reach_mm(self) -> float:
        """No part of the nodule is farther from its middle."""
        return max(self.radii_mm) * (1 + float(self.lengths.sum() > 0) * 1.6)

    def distance(self, grid: Grid) -> Array:
        """Signed distance at voxel centres, measured towards the middle where there are spicules."""
        points = grid.points
        local = np.tensordot(self.turn.T.astype(np.float32), points, 1)
        body = ellipsoid(local, tuple(self.turn.T @ self.middle), self.radii_mm)
        if not len(self.lengths):
            return body
        offset = points - self.middle[:, None, None, None].astype(np.float32)
        range_mm = np.maximum(np.sqrt((offset**2).sum(axis=0)), 1e-6)
        surface = self.surface_mm((offset / range_mm).reshape(3, -1)).reshape(grid.shape)
        result: Array = range_mm - surface
        return result

    def surface_mm(self, directions: Array) -> Array:
        """Distance of the surface from the middle in these directions [3, N]."""
        local = self.turn.T @ directions
        round_ = 1 / np.sqrt(sum((local[i] / self.radii_mm[i]) ** 2 for i in range(3)))
        grown = np.ones(directions.shape[1])
        for spike, length in zip(self.spicules, self.lengths, strict=True):
            grown += length * np.exp(SHARPNESS * (spike @ directions - 1))
        result: Array = round_ * np.minimum(grown, 2.5)
        return result

    def volume_and_centroid(self) -> tuple[float, Array]:
        """Volume in ml and centroid in anatomy mm, integrated over directions (Fibonacci sphere)."""
        turns = np.arange(DIRECTIONS) + 0.5
        z = 1 - 2 * turns / DIRECTIONS
        angle = np.pi * (1 + np.sqrt(5)) * turns
        flat = np.sqrt(1 - z**2)
        directions = np.stack([flat * np.cos(angle), flat * np.sin(angle), z])
        surface = self.surface_mm(directions)
        volume = 4 * np.pi * (surface**3).mean() / 3
        shift = np.pi * (surface**4 * directions).mean(axis=1) / volume
        return float(volume) / 1000, self.middle + shift
