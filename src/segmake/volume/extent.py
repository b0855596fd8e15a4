"""How large an image is, told from its header: no voxel is read where the format allows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.orientations import io_orientation

from segmake.errors import InputError
from segmake.source import check_source, shown
from segmake.volume.geometry import spacing_mm
from segmake.volume.gzipped import DAMAGE
from segmake.volume.read import ITK, NIFTI, is_dicom, read_volume
from segmake.volume.volume import Affine

Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Extent:
    """Grid of a canonical image (axes along R, A, S) and the bytes of a voxel in memory."""

    shape: Triple
    spacing_mm: tuple[float, float, float]
    bytes_per_voxel: int = 2

    @property
    def voxels(self) -> int:
        """Voxels of one channel."""
        return math.prod(self.shape)


def read_extent(path: Path) -> Extent:
    """Grid of the image that a path holds, once it is canonical.

    Raises:
        InputError, GeometryError: as `read_volume`.
    """
    name = path.name.lower()
    if is_dicom(path):
        from segmake.volume.dicom.reader import find_stack  # pydicom costs start-up time

        stack = find_stack(path)
        rows, columns = stack.frames[0].size
        return _turned((columns, rows, len(stack.frames)), stack.affine, 2)
    if name.endswith(NIFTI):
        return _nifti(path)
    if name.endswith(ITK):
        return _itk(path)
    volume = read_volume(path)
    return _turned(volume.shape, volume.affine, volume.data.itemsize)


def _nifti(path: Path) -> Extent:
    check_source(path)
    try:
        image = nib.load(path)
        shape, kind, slope = image.shape, image.get_data_dtype(), image.header.get_slope_inter()[0]
    except (*DAMAGE, ValueError, ImageFileError) as error:
        raise InputError(f"{shown(path)} is not a readable NIfTI file: {error}; export it again") from error
    small = kind.kind in "iu" and kind.itemsize <= 2 and slope in (None, 1.0)
    return _turned((*shape, 1, 1)[:3], image.affine, 2 if small else 4)


def _itk(path: Path) -> Extent:
    import SimpleITK as sitk  # costs start-up time

    check_source(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(f"{shown(path)} has no readable header; export it again") from error
    if reader.GetDimension() < 3:
        return Extent((*reader.GetSize(), 1)[:3], (*reader.GetSpacing(), 1.0)[:3], 4)
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(reader.GetDirection(), (reader.GetDimension(),) * 2)[:3, :3]
    matrix[:3, :3] *= reader.GetSpacing()[:3]
    kind = sitk.GetPixelIDValueAsString(reader.GetPixelIDValue())
    size = 2 if kind.startswith(("8-bit", "16-bit")) else 4
    return _turned(reader.GetSize()[:3], np.diag([-1.0, -1.0, 1.0, 1.0]) @ matrix, size)


def _turned(shape: Sequence[int], affine: Affine, size: int) -> Extent:
    """The grid with its axes along R, A, S."""
    target = io_orientation(affine)[:, 0].astype(int)
    sizes, spacings = [0, 0, 0], [0.0, 0.0, 0.0]
    for axis, (count, millimetres) in enumerate(zip(shape, spacing_mm(affine), strict=True)):
        sizes[target[axis]], spacings[target[axis]] = int(count), millimetres
    return Extent((sizes[0], sizes[1], sizes[2]), (spacings[0], spacings[1], spacings[2]), size)
