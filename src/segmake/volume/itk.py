"""MetaImage, NRRD and whatever else SimpleITK reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from segmake.errors import GeometryError, InputError
from segmake.volume.volume import Affine, Volume

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_itk(path: Path) -> Volume:
    """Read a MetaImage (.mhd, .mha) or NRRD file."""
    if not path.exists():
        raise InputError(f"{path} does not exist; correct the path")
    try:
        return from_sitk(sitk.ReadImage(str(path)))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"{path} cannot be read: {reason}; copy or export it again") from error


def read_slices(files: list[str], *, real: bool = False) -> Volume:
    """Read DICOM slices, already in order along the normal, as one volume.

    real: read as real numbers; else the type that the first slice needs is taken for all.
    """
    reader = sitk.ImageSeriesReader()
    if real:
        reader.SetOutputPixelType(sitk.sitkFloat32)
    reader.SetFileNames(files)
    try:
        return from_sitk(reader.Execute())
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(f"DICOM series beginning with {files[0]} cannot be read: {reason}") from error


def from_sitk(image: sitk.Image) -> Volume:
    """Volume of a three-dimensional SimpleITK image; vector components become channels."""
    if image.GetDimension() != 3:
        raise GeometryError(f"a volume has three axes, got an image of size {image.GetSize()}")
    data = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() == 1:
        data = data[..., np.newaxis]
    if data.dtype.kind == "f":
        data = data.astype(np.float32, copy=False)
    return Volume(np.ascontiguousarray(data.transpose(3, 2, 1, 0)), _affine(image))


def _affine(image: sitk.Image) -> Affine:
    """ITK's origin, spacing and direction are in LPS world axes; ours are RAS."""
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    result: Affine = LPS_TO_RAS @ affine
    return result
