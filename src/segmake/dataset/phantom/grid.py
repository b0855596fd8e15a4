"""Where voxels are: acquisitions, grids, and the random streams that everything is drawn from."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from segmake.volume.volume import Affine, Array, Volume

AXES = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """Random numbers for one purpose; streams of different purposes are independent."""
    words = [zlib.crc32(word.encode()) if isinstance(word, str) else word for word in purpose]
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, *words])))


@dataclass(frozen=True)
class Acquisition:
    """How a scanner lays its grid: where axes point ("LPS"), their relative voxel sizes, oblique angle."""

    codes: str
    ratio: tuple[float, float, float] = (1.0, 1.0, 1.0)
    oblique_deg: float = 0.0


@dataclass(frozen=True)
class Lesion:
    """One lesion as the analytic shape has it: centroid in RAS+ world mm, volume, class."""

    centre_mm: tuple[float, float, float]
    volume_ml: float
    kind: str

    @property
    def diameter_mm(self) -> float:
        """Diameter of the ball of the same volume."""
        return float(np.cbrt(6000 * self.volume_ml / np.pi))


@dataclass(frozen=True)
class Phantom:
    """A finished case: image [C, X, Y, Z] int16, label [1, X, Y, Z] uint8, and its lesions."""

    image: Volume
    label: Volume
    lesions: tuple[Lesion, ...] = ()


@dataclass(frozen=True, eq=False)
class Grid:
    """Voxel centres in the anatomy's own frame (mm; right, anterior, superior of its centre).

    affine: voxel index -> anatomy mm.
    """

    shape: tuple[int, int, int]
    affine: Affine

    @cached_property
    def points(self) -> Array:
        """Positions [3, X, Y, Z] of the voxel centres, float32."""
        index = np.ogrid[tuple(slice(n) for n in self.shape)]
        parts = [sum((row[axis] * index[axis] for axis in range(3)), start=row[3]) for row in self.affine[:3]]
        return np.stack(parts).astype(np.float32)

    @property
    def voxel_mm(self) -> float:
        """Edge of the cube with a voxel's volume: how far a border blurs."""
        return float(abs(np.linalg.det(self.affine[:3, :3])) ** (1 / 3))

    def around(self, centre: Array, reach_mm: float) -> tuple[tuple[slice, slice, slice], Grid] | None:
        """The part of the grid within `reach_mm` of a point along each axis; None when there is none."""
        inverse = np.linalg.inv(self.affine)
        middle = inverse[:3, :3] @ centre + inverse[:3, 3]
        reach = np.linalg.norm(inverse[:3, :3], axis=1) * reach_mm
        low = np.maximum(0, np.ceil(middle - reach)).astype(int)
        high = np.minimum(np.array(self.shape) - 1, np.floor(middle + reach)).astype(int) + 1
        if (low >= high).any():
            return None
        affine = np.array(self.affine)
        affine[:3, 3] += affine[:3, :3] @ low
        x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
        a, b, c = (int(n) for n in high - low)
        return (x, y, z), Grid((a, b, c), affine)


def rotation(axis: Sequence[float] | Array, angle_deg: float) -> Array:
    """Rotation matrix about an axis (Rodrigues)."""
    x, y, z = np.asarray(axis, dtype=np.float64) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.deg2rad(angle_deg)
    result: Array = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return result


def lay_grid(
    acquisition: Acquisition, extent_mm: Sequence[float] | Array, size: int, centre_mm: Array
) -> tuple[tuple[int, int, int], Affine]:
    """Shape and world affine of a grid over a box of `extent_mm` (right-left, front-back, up-down).

    The axis with most voxels has at most `size`; the middle of the grid is at `centre_mm`.
    """
    axes = np.zeros((3, 3))
    for column, code in enumerate(acquisition.codes):
        row, sign = AXES[code]
        axes[row, column] = sign
    extent = np.abs(axes).T @ np.asarray(extent_mm, dtype=np.float64)
    ratio = np.array(acquisition.ratio)
    finest = np.ceil((extent / ratio).max() / size * 1000) / 1000
    spacing = finest * ratio
    shape = np.clip(np.round(extent / spacing), 8, size).astype(int)
    affine = np.eye(4)
    affine[:3, :3] = rotation((0.6, 0.3, 0.74), acquisition.oblique_deg) @ axes * spacing
    affine[:3, 3] = centre_mm - affine[:3, :3] @ ((shape - 1) / 2)
    x, y, z = (int(n) for n in shape)
    return (x, y, z), affine
