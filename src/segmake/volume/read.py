"""One door for every format: a path in, a volume out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segmake.errors import GeometryError, InputError
from segmake.volume.scan import Scan
from segmake.volume.volume import Volume

NIFTI = (".nii", ".nii.gz")
ITK = (".mhd", ".mha", ".nrrd", ".nhdr")


def read_volume(path: Path) -> Volume:
    """Read a NIfTI, MetaImage or NRRD file, or a folder with one DICOM series, in its own orientation.

    Raises:
        InputError: the file is missing, damaged or of a format that is not known.
        GeometryError: it is no grid of three axes.
    """
    return read_scan(path).volume


def read_scan(path: Path) -> Scan:
    """Read a volume with what its reader repaired or wondered about; see `read_volume`."""
    try:
        return Scan(_read(path))
    except GeometryError as error:
        raise GeometryError(f"{path} cannot be used: {error}; repair its header") from error


def _read(path: Path) -> Volume:
    name = path.name.lower()
    if path.is_dir():
        from segmake.volume.dicom import read_series  # pydicom costs start-up time, few jobs need it

        return read_series(path)
    if name.endswith(NIFTI):
        from segmake.volume.nifti import read_nifti

        return read_nifti(path)
    if name.endswith(ITK):
        from segmake.volume.itk import read_itk

        return read_itk(path)
    known = ", ".join((*NIFTI, *ITK))
    raise InputError(f"{path} has no known format ({known}, or a folder of DICOM slices); convert it first")


def as_labels(volume: Volume, origin: str) -> Volume:
    """Label map as int16: values that are whole up to float rounding (masks of 0.9999999 exist).

    Raises:
        InputError: values are not whole numbers, do not fit, or there is more than one channel.
    """
    if volume.data.shape[0] != 1:
        raise InputError(f"{origin} has {volume.data.shape[0]} channels; a label map has one")
    if volume.data.dtype.kind in "iu":
        whole = volume.data
    else:
        whole = np.rint(volume.data)
        if not np.isfinite(volume.data).all() or np.abs(volume.data - whole).max() > 1e-3:
            raise InputError(f"{origin} holds values that are not whole numbers; it is no label map")
    low, high = int(whole.min()), int(whole.max())
    if low < 0 or high > np.iinfo(np.int16).max:
        raise InputError(f"{origin} holds values from {low} to {high}; label values lie in 0..32767")
    return Volume(whole.astype(np.int16), volume.affine)
