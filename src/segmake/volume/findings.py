"""What a label map found, part by part: volume, place and size of each lesion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.spatial import ConvexHull

from segmake.volume.components import Mask, components
from segmake.volume.volume import Affine, Array, Volume

COLUMNS = (
    *("label", "lesion", "voxels", "volume_ml", "centroid_x_mm", "centroid_y_mm", "centroid_z_mm"),
    *("axial_diameter_mm", "diameter_mm"),
)
HALF = 0.5


@dataclass(frozen=True)
class Finding:
    """One 26-connected part of a label.

    number: from 1, the largest first; centroid_mm: world position (RAS+); axial_diameter_mm, diameter_mm:
    longest distance of two points on its surface, within an axial slice and in any direction.
    """

    label: str
    number: int
    voxels: int
    volume_ml: float
    centroid_mm: tuple[float, float, float]
    axial_diameter_mm: float
    diameter_mm: float

    def row(self) -> dict[str, str]:
        """The finding as a row of a table with `COLUMNS`."""
        places = (f"{value:.2f}" for value in self.centroid_mm)
        sizes = (f"{value:.2f}" for value in (self.axial_diameter_mm, self.diameter_mm))
        values = (self.label, str(self.number), str(self.voxels), f"{self.volume_ml:.4f}", *places, *sizes)
        return dict(zip(COLUMNS, values, strict=True))


def findings(labels: Volume, values: Mapping[str, int], smallest_ml: float = 0.0) -> list[Finding]:
    """The parts of each label of a map [1, X, Y, Z], label by label, those below `smallest_ml` left out."""
    voxel_ml = abs(float(np.linalg.det(labels.affine[:3, :3]))) / 1000
    axial = int(np.abs(labels.affine[2, :3] / labels.spacing_mm).argmax())
    found = []
    for name, value in values.items():
        parts = components(labels.data[0] == value)
        sizes, boxes = parts.sizes(), parts.boxes()
        order = sorted(range(1, parts.count + 1), key=lambda part: (-int(sizes[part]), part))
        kept = [part for part in order if sizes[part] * voxel_ml >= smallest_ml]
        for number, part in enumerate(kept, start=1):
            box = boxes[part - 1]
            start = np.array([span.start for span in box])
            centroid, sizes_mm = _measure(parts.parts[box] == part, start, labels.affine, axial)
            voxels = int(sizes[part])
            found.append(Finding(name, number, voxels, voxels * voxel_ml, centroid, *sizes_mm))
    return found


def _measure(
    mask: Mask, start: Array, affine: Affine, axial: int
) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """Centroid in mm, longest diameters (axial, any) of a part in its box, which begins at voxel `start`."""
    x, y, z = affine[:3, :3] @ (np.argwhere(mask).mean(axis=0) + start) + affine[:3, 3]
    planes = np.flatnonzero(mask.any(axis=tuple({0, 1, 2} - {axial})))
    within = [_longest_mm(np.argwhere(mask.take([plane], axis=axial)), affine, axial) for plane in planes]
    return (float(x), float(y), float(z)), (max(within), _longest_mm(np.argwhere(mask), affine, None))


def _longest_mm(voxels: Array, affine: Affine, flat: int | None) -> float:
    """Longest distance between middles of faces of voxels [n, 3]; flat: an axis whose faces do not count."""
    steps = [
        [sign * HALF if other == axis else 0 for other in range(3)]
        for axis, sign in product([axis for axis in range(3) if axis != flat], (-1, 1))
    ]
    points = (voxels[:, np.newaxis] + np.array(steps)).reshape(-1, 3)
    hull = points if flat is None else np.delete(points, flat, axis=1)
    corners = points[ConvexHull(hull).vertices] @ affine[:3, :3].T
    apart = corners[:, np.newaxis] - corners[np.newaxis]
    return float(np.sqrt((apart**2).sum(axis=2).max()))
