"""A glioma as analytic shapes: oedema, enhancing rim, necrotic core, each with an irregular outline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from segmake.dataset.phantom.grid import Grid, rotation, stream
from segmake.dataset.phantom.shapes import Waves, ellipsoid
from segmake.volume.volume import Array

NECROSIS, EDEMA, ENHANCING = 1, 2, 4
BRAIN_RADII_MM = (64.0, 80.0, 62.0)
VENTRICLES = (
    ((11.0, 4.0, 6.0), (6.5, 27.0, 8.0)),
    ((-11.0, 4.0, 6.0), (6.5, 27.0, 8.0)),
    ((0.0, -2.0, -7.0), (2.5, 13.0, 9.0)),
)


def ventricles(points: Array) -> Array:
    """Distance to the lateral and third ventricles."""
    parts = [ellipsoid(points, centre, radii) for centre, radii in VENTRICLES]
    result: Array = np.minimum.reduce(parts)
    return result


def brain(points: Array) -> Array:
    """Distance to the smooth hull of the brain."""
    return ellipsoid(points, (0.0, 0.0, 0.0), BRAIN_RADII_MM)


@dataclass(frozen=True, eq=False)
class Tumour:
    """Nested irregular bodies in anatomy mm: necrosis inside core inside whole, all inside the brain."""

    centre: Array
    turn: Array
    radii_mm: tuple[float, float, float]
    radius_mm: float
    core_centre: Array
    core_mm: float
    rim_mm: float
    outlines: tuple[Waves, Waves, Waves]

    @classmethod
    def draw(cls, seed: int, index: int) -> Tumour:
        """The tumour of one case."""
        rng = stream(seed, "brats", index, "tumour")
        radius = float(rng.uniform(19, 28))
        side = float(rng.choice((-1.0, 1.0)))
        centre = np.array([side * rng.uniform(27, 37), rng.uniform(-40, 40), rng.uniform(-8, 28)])
        stretch = rng.uniform(0.85, 1.2, 3)
        radii = radius * stretch / np.cbrt(stretch.prod())
        core = radius * float(rng.uniform(0.58, 0.72))
        return cls(
            centre=centre,
            turn=rotation(rng.standard_normal(3), float(rng.uniform(0, 180))),
            radii_mm=(float(radii[0]), float(radii[1]), float(radii[2])),
            radius_mm=radius,
            core_centre=centre + rng.uniform(-0.18, 0.18, 3) * radius,
            core_mm=core,
            rim_mm=core * float(rng.uniform(0.24, 0.36)),
            outlines=(Waves.draw(rng, 26), Waves.draw(rng, 20), Waves.draw(rng, 15)),
        )

    def bodies(self, grid: Grid) -> tuple[Array, Array, Array]:
        """Signed distances of (whole tumour, core, necrosis) at the grid's voxel centres."""
        points = grid.points
        whole = self._ball(points, self.centre, self.radii_mm) + 0.16 * self.radius_mm * self.outlines[0].on(
            grid
        )
        whole = np.maximum(whole, np.maximum(brain(points) + 2.5, -ventricles(points)))
        round_core = (self.core_mm,) * 3
        core = self._ball(points, self.core_centre, round_core) + 0.12 * self.core_mm * self.outlines[1].on(
            grid
        )
        core = np.maximum(core, whole + 1.0)
        wobble = 0.35 * self.rim_mm * self.outlines[2].on(grid)
        necrosis = np.maximum(core + self.rim_mm + wobble, core + 0.4 * self.rim_mm)
        return whole, core, necrosis

    def push(self, points: Array) -> Array:
        """Where tissue at these positions lay before the tumour grew and displaced it (mass effect)."""
        offset = points - self.centre[:, None, None, None].astype(np.float32)
        apart = (offset**2).sum(axis=0) / (1.6 * self.radius_mm) ** 2
        before: Array = points - 0.35 * np.exp(-apart) * offset
        return before

    def _ball(self, points: Array, centre: Array, radii: tuple[float, ...]) -> Array:
        local = np.tensordot(self.turn.T.astype(np.float32), points, 1)
        return ellipsoid(local, tuple(self.turn.T @ centre), radii)


def labels_of(bodies: tuple[Array, Array, Array]) -> Array:
    """Label map [X, Y, Z] uint8: the innermost body that contains the voxel's centre."""
    whole, core, necrosis = bodies
    result = np.zeros(whole.shape, dtype=np.uint8)
    result[whole < 0] = EDEMA
    result[core < 0] = ENHANCING
    result[necrosis < 0] = NECROSIS
    return result
