"""The value type: voxels and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from segmake.errors import GeometryError

Array = npt.NDArray[Any]
Affine = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels on a grid.

    data: [C, X, Y, Z]; affine: 4x4 float64, voxel index -> world position in mm (RAS+ world axes, as NIfTI).
    """

    data: Array
    affine: Affine

    def __post_init__(self) -> None:
        if self.data.ndim != 4:
            raise GeometryError(f"a volume is [C, X, Y, Z], got an array of shape {self.data.shape}")
        affine = np.asarray(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise GeometryError(f"an affine is a finite 4x4 matrix, got {affine.tolist()}")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise GeometryError(f"the affine {affine.tolist()} has a zero voxel size")
        object.__setattr__(self, "affine", affine)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Grid size in x, y, z."""
        _, x, y, z = self.data.shape
        return x, y, z

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Voxel size along each array axis."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(x), float(y), float(z)
