"""Distances between the surfaces of two masks: measured once, reduced to any boundary metric.

Definitions are those of Nikolov et al., "Clinically applicable segmentation of head and neck anatomy for
radiotherapy", JMIR 23 (2021), the reference of the Medical Segmentation Decathlon and of BraTS 2023:

- A surface point is the meeting point of a 2x2x2 neighbourhood of voxels that lies neither all inside nor all
  outside the mask (outside the image is outside the mask). It carries the area of the surface in it
  (`metrics.surfels`).
- The distance of a surface point is the Euclidean one, in mm, to the nearest surface point of the other mask.
- Averages, fractions and percentiles are over surface area, so that neither the direction of a surface nor a
  fine axis of an anisotropic grid weighs more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmake.errors import InputError
from segmake.metrics.counts import Mask, check_shapes, joint_box
from segmake.metrics.nearest import nearest_mm
from segmake.metrics.surfels import surfel_areas_mm2

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.uint8]

SLACK = 1e-5
"""Relative slack at the tolerance: distances are exact to single precision, and a tie is within."""
ROUNDING = 1e-12
"""Relative slack at a percentile, so that a share that is reached exactly is not lost to rounding."""


@dataclass(frozen=True, eq=False)
class Directed:
    """From every surface point of one mask to the surface of the other, nearest first."""

    distance_mm: Floats
    area_mm2: Floats

    def percentile_mm(self, percent: float) -> float:
        """Smallest distance within which at least `percent` of the surface lies."""
        if percent == 100:
            return float(self.distance_mm[-1])
        reached = np.cumsum(self.area_mm2)
        at = int(np.searchsorted(reached, percent / 100 * reached[-1] * (1 - ROUNDING)))
        return float(self.distance_mm[at])

    def area_within_mm2(self, tolerance_mm: float) -> float:
        """Area of the surface no further than the tolerance."""
        return float(self.area_mm2[self.distance_mm <= tolerance_mm * (1 + SLACK)].sum())


@dataclass(frozen=True, eq=False)
class SurfaceDistances:
    """Both directions, in mm."""

    to_truth: Directed
    """From the surface of the prediction."""
    to_prediction: Directed
    """From the surface of the truth."""

    @property
    def area_mm2(self) -> float:
        """Area of both surfaces together."""
        return float(self.to_truth.area_mm2.sum() + self.to_prediction.area_mm2.sum())


def surface_distances(prediction: Mask, truth: Mask, spacing_mm: Sequence[float]) -> SurfaceDistances:
    """Measure both directions on the joint box of two masks.

    Args:
        prediction: boolean [X, Y, Z].
        truth: boolean [X, Y, Z].
        spacing_mm: voxel size along x, y, z.

    Raises:
        GeometryError: the shapes differ.
        InputError: a mask is empty; it has no surface (see `metrics.policy`).
    """
    check_shapes(prediction, truth)
    box = joint_box(prediction, truth)
    areas = surfel_areas_mm2(spacing_mm)
    code_p, code_t = _neighbourhoods(prediction[box]), _neighbourhoods(truth[box])
    at_p, at_t = _surface(code_p), _surface(code_t)
    if not at_p.any() or not at_t.any():
        raise InputError("an empty mask has no surface to measure from; apply the empty-mask policy first")
    return SurfaceDistances(
        to_truth=_directed(at_p, code_p, at_t, areas, spacing_mm),
        to_prediction=_directed(at_t, code_t, at_p, areas, spacing_mm),
    )


def hd_mm(distances: SurfaceDistances, percent: float = 100.0) -> float:
    """Hausdorff distance: the larger of the two directed percentiles (100: the maximum; 95: HD95)."""
    return max(distances.to_truth.percentile_mm(percent), distances.to_prediction.percentile_mm(percent))


def assd_mm(distances: SurfaceDistances) -> float:
    """Average symmetric surface distance: the mean over the area of both surfaces taken together.

    Source: Heimann et al., "Comparison and evaluation of methods for liver segmentation from CT", IEEE TMI 28
    (2009), with area in place of a count of surface voxels.
    """
    both = (distances.to_truth, distances.to_prediction)
    return float(sum((d.distance_mm * d.area_mm2).sum() for d in both) / distances.area_mm2)


def nsd(distances: SurfaceDistances, tolerance_mm: float) -> float:
    """Normalised surface Dice: share of both surfaces' area that is within the tolerance of the other."""
    both = (distances.to_truth, distances.to_prediction)
    near = sum(directed.area_within_mm2(tolerance_mm) for directed in both)
    return near / distances.area_mm2


def _neighbourhoods(mask: Mask) -> Codes:
    """Code [X+1, Y+1, Z+1] of the 2x2x2 voxels around each meeting point, bits as in `surfels.CORNERS`."""
    code: Codes = np.pad(mask, 1).view(np.uint8)
    for axis, weight in ((2, 2), (1, 4), (0, 16)):
        before = (slice(None),) * axis
        upper = code[(*before, slice(1, None))] * np.uint8(weight)
        upper |= code[(*before, slice(None, -1))]
        code = upper
    return code


def _surface(code: Codes) -> Mask:
    """Where a code is neither all outside (0, which wraps to 255) nor all inside (255)."""
    mixed: Mask = code - np.uint8(1) < 254
    return mixed


def _directed(at: Mask, code: Codes, other: Mask, areas: Floats, spacing_mm: Sequence[float]) -> Directed:
    distance = nearest_mm(at, other, spacing_mm)
    order = np.argsort(distance)
    return Directed(distance[order], areas[code[at]][order])
