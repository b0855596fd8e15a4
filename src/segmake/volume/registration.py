"""Rigid registration of two channels of a case (SimpleITK, mutual information).

Mattes et al. 2003: mutual information of 32 bins needs no common contrast. Same input, same transform:
the voxels that the metric sees are drawn with a fixed seed, and one thread sums them.
"""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from segmake.errors import GeometryError
from segmake.volume.itk import LPS_TO_RAS
from segmake.volume.volume import Affine, Array, Volume

SAMPLES = 50_000
"""Voxels the metric sees at each resolution."""
SMALLEST = 12
"""Fewest voxels along an axis at a coarser resolution."""


def register_rigid(moving: Volume, fixed: Volume) -> Affine:
    """World transform 4x4 (RAS+ mm) that moves the first channel of `moving` onto that of `fixed`.

    Turns about the centre of the fixed grid, starting from where the headers say that both are, or from
    equal centres when their fields of view are apart.

    Raises:
        GeometryError: the registration does not converge to anything.
    """
    target, source = _to_sitk(fixed), _to_sitk(moving)
    centre = _centre_mm(fixed)
    start = sitk.Euler3DTransform()
    start.SetCenter([float(x) for x in LPS_TO_RAS[:3, :3] @ centre])
    if not _overlap(moving, centre):
        apart = _centre_mm(moving) - centre
        start.SetTranslation([float(x) for x in LPS_TO_RAS[:3, :3] @ apart])
    method = _method(fixed)
    method.SetInitialTransform(start, inPlace=True)
    try:
        method.Execute(target, source)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise GeometryError(f"cannot be registered: {reason}; set convert.register: none") from error
    return np.asarray(np.linalg.inv(LPS_TO_RAS @ _matrix(start) @ LPS_TO_RAS), dtype=np.float64)


def movement(transform: Affine, volume: Volume) -> tuple[float, float]:
    """How far a rigid transform moves the centre of a volume (mm), and by what angle it turns (degrees)."""
    centre = _centre_mm(volume)
    shift = transform[:3, :3] @ centre + transform[:3, 3] - centre
    cosine = (np.trace(transform[:3, :3]) - 1) / 2
    return float(np.linalg.norm(shift)), float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _centre_mm(volume: Volume) -> Array:
    return np.asarray(volume.affine[:3, :3] @ ((np.array(volume.shape) - 1) / 2) + volume.affine[:3, 3])


def _method(fixed: Volume) -> sitk.ImageRegistrationMethod:
    """Gradient descent over two or three resolutions, as far as the smallest axis allows."""
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    shrinks = [factor for factor in (4, 2, 1) if min(fixed.shape) >= factor * SMALLEST] or [1]
    size = int(np.prod(fixed.shape))
    shares = [min(1.0, SAMPLES * factor**3 / size) for factor in shrinks]
    method.SetMetricSamplingPercentagePerLevel(shares, seed=1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 200, gradientMagnitudeTolerance=1e-6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel(shrinks)
    method.SetSmoothingSigmasPerLevel([factor / 2 if factor > 1 else 0 for factor in shrinks])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOff()
    method.SetNumberOfThreads(1)
    method.SetNumberOfWorkUnits(1)
    return method


def _to_sitk(volume: Volume) -> sitk.Image:
    data = volume.data[0].astype(np.float32, copy=False)
    image = sitk.GetImageFromArray(np.ascontiguousarray(data.T))
    affine = LPS_TO_RAS @ volume.affine
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing([float(size) for size in spacing])
    image.SetOrigin([float(x) for x in affine[:3, 3]])
    image.SetDirection([float(x) for x in (affine[:3, :3] / spacing).ravel()])
    return image


def _overlap(moving: Volume, centre_mm: Array) -> bool:
    """Whether the centre of the fixed grid lies in the moving one."""
    index = np.linalg.solve(moving.affine[:3, :3], centre_mm - moving.affine[:3, 3])
    return bool(((index >= 0) & (index <= np.array(moving.shape) - 1)).all())


def _matrix(transform: sitk.Euler3DTransform) -> Affine:
    """Matrix 4x4 of a transform that turns about a centre."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    matrix[:3, 3] = transform.TransformPoint((0.0, 0.0, 0.0))
    return matrix
