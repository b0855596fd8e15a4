"""A plain, uniform DICOM series: checked from its headers, read by SimpleITK.

Nothing is decided from file names, instance numbers, SliceThickness or a warning on standard error.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
from pydicom.errors import InvalidDicomError

from segmake.errors import InputError
from segmake.volume.itk import read_slices
from segmake.volume.volume import Array, Volume

GAP_TOLERANCE = 0.01  # of the slice distance; scanners round positions to about a micrometre
TAGS = ["SeriesInstanceUID", "ImagePositionPatient", "ImageOrientationPatient", "Rows", "Columns"]
RESCALE = ["RescaleSlope", "RescaleIntercept"]


@dataclass(frozen=True)
class _Slice:
    path: Path
    series: str
    position: Array
    orientation: Array
    size: tuple[int, int]
    rescale: tuple[str, ...]


def read_series(folder: Path) -> Volume:
    """Read the one DICOM series in a folder.

    Raises:
        InputError: no series, several, a missing slice, uneven spacing, tilt or mixed orientations.
    """
    slices = [found for path in sorted(folder.iterdir()) if (found := _read_header(path)) is not None]
    if len(slices) < 2:
        raise InputError(
            f"{folder} holds {len(slices)} DICOM slices with a position; a volume needs two "
            "(convert enhanced multi-frame files first)"
        )
    _check_one_stack(folder, slices)
    first = slices[0].orientation
    normal = np.cross(first[:3], first[3:])
    slices.sort(key=lambda entry: float(normal @ entry.position))
    _check_uniform(folder, slices, normal)
    scales = {entry.rescale for entry in slices}  # PET has one per slice
    return read_slices([str(entry.path) for entry in slices], real=len(scales) > 1)


def _read_header(path: Path) -> _Slice | None:
    """Header of a slice; None for files that are not DICOM images with a place in space."""
    if not path.is_file():
        return None
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=TAGS + RESCALE)
    except (InvalidDicomError, EOFError):
        return None
    if any(header.get(tag) in (None, "") for tag in TAGS):
        return None
    return _Slice(
        path=path,
        series=str(header.SeriesInstanceUID),
        position=np.array(header.ImagePositionPatient, dtype=np.float64),
        orientation=np.array(header.ImageOrientationPatient, dtype=np.float64),
        size=(int(header.Rows), int(header.Columns)),
        rescale=tuple(str(header.get(tag, "")) for tag in RESCALE),
    )


def _check_one_stack(folder: Path, slices: list[_Slice]) -> None:
    series = {entry.series for entry in slices}
    if len(series) > 1:
        raise InputError(f"{folder} holds {len(series)} DICOM series; give each series a folder of its own")
    sizes = {entry.size for entry in slices}
    if len(sizes) > 1:
        raise InputError(f"the slices in {folder} differ in size: {sorted(sizes)}; keep one size")
    spread = np.ptp([entry.orientation for entry in slices], axis=0).max()
    if spread > 1e-3:
        raise InputError(f"the slices in {folder} differ in orientation by {spread:.3g}; keep one stack")


def _check_uniform(folder: Path, slices: list[_Slice], normal: Array) -> None:
    positions = np.array([entry.position for entry in slices])
    gaps = np.diff(positions @ normal)
    usual = float(np.median(gaps))
    if usual <= 0 or gaps.min() < GAP_TOLERANCE * usual:
        at = slices[int(gaps.argmin()) + 1].path.name
        raise InputError(f"{folder}: slice {at} lies where another one is; remove one of them")
    worst = int(np.abs(gaps - usual).argmax())
    if abs(gaps[worst] - usual) > GAP_TOLERANCE * usual:
        raise InputError(
            f"{folder}: slices are {usual:.4g} mm apart, but {gaps[worst]:.4g} mm between "
            f"{slices[worst].path.name} and {slices[worst + 1].path.name}; add the missing slice"
        )
    step = (positions[-1] - positions[0]) / (len(slices) - 1)
    sideways = float(np.linalg.norm(step - (step @ normal) * normal))
    if sideways > GAP_TOLERANCE * usual:
        raise InputError(
            f"{folder}: each slice is shifted by {sideways:.4g} mm sideways (gantry tilt); "
            "resample the series to an orthogonal grid first"
        )
