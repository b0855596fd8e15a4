"""The chest that nodules sit in: body, lungs, bones, mediastinum and branching vessels, in HU.

Lengths are fractions of half the body's width times a scale in mm, so that a small grid shows a child's
chest with nodules several voxels wide instead of an adult's with nodules of one voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmake.dataset.phantom.grid import Grid
from segmake.dataset.phantom.shapes import Tube, Waves, cover, ellipsoid, paint, paint_tubes
from segmake.volume.volume import Array

AIR, FAT, MUSCLE, BLOOD, LUNG = -1000.0, -105.0, 55.0, 42.0, -860.0
MARROW, CORTEX, DISC, LIVER = 210.0, 620.0, 85.0, 60.0


@dataclass(frozen=True)
class Chest:
    """A chest whose half width is `scale_mm`; all distances returned are in mm."""

    scale_mm: float

    def ellipsoid(self, points: Array, centre: tuple[float, ...], radii: tuple[float, ...]) -> Array:
        """Distance to an ellipsoid, or with two radii to an upright pillar, given in fractions."""
        scale = self.scale_mm
        return ellipsoid(points, [c * scale for c in centre], [r * scale for r in radii])

    def lungs(self, points: Array) -> Array:
        """Distance to both lungs: rounded cones over the diaphragm, beside heart and spine."""
        right = self.ellipsoid(points, (0.42, -0.02, -0.05), (0.31, 0.44, 0.78))
        left = self.ellipsoid(points, (-0.42, -0.02, -0.05), (0.30, 0.43, 0.78))
        heart = self.ellipsoid(points, (-0.17, 0.14, -0.25), (0.30, 0.25, 0.30))
        liver = self.ellipsoid(points, (0.42, 0.02, -0.86), (0.46, 0.58, 0.42))
        belly = self.ellipsoid(points, (-0.42, 0.02, -0.92), (0.46, 0.58, 0.40))
        spine = self.ellipsoid(points, (0.0, -0.40), (0.17, 0.16))
        cut = np.minimum.reduce([heart, liver, belly, spine])
        result: Array = np.maximum(np.minimum(right, left), 0.02 * self.scale_mm - cut)
        return result

    def paint_body(self, image: Array, grid: Grid, rng: np.random.Generator) -> None:
        """Everything outside the lungs, onto air."""
        points, width, scale = grid.points, grid.voxel_mm, self.scale_mm
        bumps = Waves.draw(rng, 0.6 * scale).on(grid) * 0.008 * scale
        skin = self.ellipsoid(points, (0.0, 0.0), (0.93, 0.66)) + bumps
        table = np.abs(points[1] + (0.80 - 0.1 * (points[0] / scale) ** 2) * scale) - 0.012 * scale
        paint(image, cover(table, width), [-450.0])
        paint(image, cover(skin, width), [FAT])
        strands = Waves.draw(rng, 0.2 * scale).on(grid) * 0.02 * scale
        paint(image, cover(skin + 0.075 * scale + strands, width), [MUSCLE])
        cage = self.ellipsoid(points, (0.0, -0.02, -0.05), (0.76, 0.48, 1.0))
        paint(image, cover(cage + 0.03 * scale, width), [FAT + 40])
        self._paint_organs(image, grid)
        self._paint_bones(image, grid, cage)

    def _paint_organs(self, image: Array, grid: Grid) -> None:
        points, width = grid.points, grid.voxel_mm
        organs = (
            ((-0.16, 0.14, -0.25), (0.30, 0.25, 0.31), BLOOD),
            ((0.42, 0.02, -0.90), (0.50, 0.62, 0.46), LIVER),
            ((-0.42, 0.02, -0.96), (0.50, 0.62, 0.44), LIVER - 12),
            ((0.10, 0.10, 0.1), (0.075, 0.075, 0.55), BLOOD),
            ((-0.05, 0.06, 0.22), (0.15, 0.17, 0.09), BLOOD),
            ((-0.11, -0.24), (0.07, 0.07), BLOOD),
            ((0.0, -0.17), (0.035, 0.03), MUSCLE - 15),
        )
        for centre, radii, hu in organs:
            paint(image, cover(self.ellipsoid(points, centre, radii), width), [hu])

    def _paint_bones(self, image: Array, grid: Grid, cage: Array) -> None:
        points, width, scale = grid.points, grid.voxel_mm, self.scale_mm
        height = points[2] / scale
        slope = height - 0.45 * points[1] / scale
        rib = np.abs(cage - 0.005 * scale) - 0.026 * scale
        rib = np.maximum(rib, (np.abs((slope / 0.24) % 1 - 0.5) - 0.20) * 0.24 * scale)
        body = self.ellipsoid(points, (0.0, -0.40), (0.115, 0.10))
        disc = np.maximum(body + 0.01 * scale, (np.abs((height / 0.22) % 1 - 0.5) - 0.12) * 0.22 * scale)
        arch = np.minimum(
            self.ellipsoid(points, (0.0, -0.565), (0.03, 0.055)),
            np.abs(self.ellipsoid(points, (0.0, -0.50), (0.06, 0.05))) - 0.012 * scale,
        )
        sternum = np.maximum(self.ellipsoid(points, (0.0, 0.50), (0.10, 0.03)), -0.45 * scale - points[2])
        for bone in (rib, body, arch, sternum):
            paint(image, cover(bone, width), [CORTEX])
            paint(image, cover(bone + 0.018 * scale, width), [MARROW])
        paint(image, cover(disc, width), [DISC])

    def paint_lungs(self, image: Array, grid: Grid, rng: np.random.Generator) -> None:
        """Parenchyma, denser towards the back, with the texture of lobules; trachea and main bronchi."""
        points, width, scale = grid.points, grid.voxel_mm, self.scale_mm
        lungs = self.lungs(points)
        tissue = LUNG - 55 * points[1] / scale + 14 * Waves.draw(rng, 14).on(grid)
        tissue += 18 * Waves.draw(rng, 0.5 * scale).on(grid)
        image[0] += cover(lungs, width) * (tissue - image[0])
        trachea = np.maximum(self.ellipsoid(points, (0.0, -0.06), (0.055, 0.055)), 0.2 * scale - points[2])
        paint(image, cover(trachea - 0.015 * scale, width), [MUSCLE - 20])
        paint(image, cover(trachea, width), [AIR])
        fork = np.array([0.0, -0.06, 0.2]) * scale
        hila = [np.array([side * 0.22, -0.05, 0.06]) * scale for side in (1.0, -1.0)]
        paint_tubes(image, grid, [Tube(fork, hilum, 0.045 * scale) for hilum in hila], [MUSCLE - 20])
        paint_tubes(image, grid, [Tube(fork, hilum, 0.033 * scale) for hilum in hila], [AIR])

    def vessels(self, rng: np.random.Generator) -> list[Tube]:
        """Both lungs' vessels, each a tree that branches from the hilum to near the pleura."""
        tubes: list[Tube] = []
        for side in (1.0, -1.0):
            hilum = np.array([side * 0.16, -0.04, 0.02]) * self.scale_mm
            for height in (0.6, 0.4, 0.15, -0.1, -0.3, -0.5):
                target = np.array([side * 0.45, rng.uniform(-0.3, 0.3), height]) * self.scale_mm
                tubes += self._grow(rng, hilum, target - hilum)
        return tubes

    def _grow(self, rng: np.random.Generator, root: Array, ahead: Array) -> list[Tube]:
        """One tree, a generation at a time: every branch bends and forks in two thinner ones.

        The children's radii keep about the sum of cubes (Murray 1926, PNAS 12:207).
        """
        tubes: list[Tube] = []
        here, radius = root[np.newaxis], np.array([0.034]) * self.scale_mm
        way = (ahead / np.linalg.norm(ahead))[np.newaxis]
        for order in range(9):
            there = here + way * self.scale_mm * rng.uniform(0.08, 0.14, (len(here), 1))
            lives = radius > 0.006 * self.scale_mm
            if order > 1:
                lives &= self.lungs(there.T) < -0.02 * self.scale_mm
            tubes += [Tube(here[i], there[i], float(radius[i])) for i in np.flatnonzero(lives)]
            here = np.repeat(there[lives], 2, axis=0)
            way = np.repeat(way[lives], 2, axis=0)
            way = way + rng.standard_normal(way.shape) * (0.24 + 0.04 * order)
            way /= np.linalg.norm(way, axis=1, keepdims=True)
            radius = np.outer(radius[lives], (0.85, 0.72)).ravel()
        return tubes
