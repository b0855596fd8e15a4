"""RTSTRUCT (PS3.3 A.19, C.8.8.5 and C.8.8.6): planar contours filled on the slices of the image's grid."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from segmake.volume.dicom.contours import Region, fill, slice_axis
from segmake.volume.dicom.headers import text
from segmake.volume.dicom.objects import read_object
from segmake.volume.dicom.placement import from_lps
from segmake.volume.layers import Canvas, by_name, by_number
from segmake.volume.scan import Note, Scan
from segmake.volume.volume import Affine, Array, Volume

CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
DIGITS = 3
"""Decimals of voxel coordinates: files round positions about as much, and a contour drawn through voxel
centres must fall on the same side of them on every slice."""


def read_structures(path: Path, labels: Mapping[str, int], grid: Volume) -> Scan:
    """Draw the regions of interest of an RTSTRUCT file on `grid`: int16 [1, X, Y, Z].

    ROIs are matched with `labels` by name; others (body, couch) are left out with a warning. A voxel belongs
    to a ROI when its centre lies inside an odd number of its contours on that slice: holes are holes,
    whether they are contours of their own or cut through a keyhole. With empty `labels` the values are the
    ROI numbers.

    Raises:
        InputError: the file is damaged, or no ROI has the name of a label.
        GeometryError: contours are not parallel to the slices of the grid, or lie beyond them.
    """
    with read_object(path, "RTSTRUCT") as data:
        return _draw(path, data, labels, grid)


def _draw(path: Path, data: Dataset, labels: Mapping[str, int], grid: Volume) -> Scan:
    rois = [(text(roi, "ROIName"), int(roi.ROINumber)) for roi in data.StructureSetROISequence]
    names = [name for name, _ in rois]
    layers = by_name(path, "ROI", names, labels, strict=False) if labels else by_number(path, rois)
    contours = {
        int(item.ReferencedROINumber): item.get("ContourSequence") for item in data.ROIContourSequence
    }
    matrix = from_lps(grid)
    regions = []
    for index, _ in layers.order:
        name, number = rois[index]
        loops = tuple(_voxels(item, matrix) for item in contours.get(number) or () if _is_closed(item))
        regions.append(Region(path, name, loops))
    axis = slice_axis(regions)
    rows, columns = (size for other, size in enumerate(grid.shape) if other != axis)
    canvas = Canvas(grid.shape)
    notes = list(layers.notes)
    for region, (_, value) in zip(regions, layers.order, strict=True):
        slices = region.by_slice(axis, grid.shape[axis])
        for number, found in slices.items():
            at = (slice(None),) * axis + (number,)
            canvas.paint(fill([np.delete(loop, axis, axis=1) for loop in found], (rows, columns)), value, at)
        notes += [Note("warning", text) for text in region.doubts(axis, slices, grid.shape)]
    return canvas.scan(grid.affine, path, notes)


def _is_closed(contour: Dataset) -> bool:
    """Whether a contour encloses anything; points and open lines do not."""
    return text(contour, "ContourGeometricType") in CLOSED


def _voxels(contour: Dataset, matrix: Affine) -> Array:
    """Points [n, 3] of a contour in voxel coordinates."""
    raw = contour.get_item("ContourData").value  # ten times faster as bytes than as pydicom's numbers
    values = np.array(raw.split(b"\\") if isinstance(raw, bytes) else raw, dtype=np.float64).reshape(-1, 3)
    voxels: Array = np.round(values @ matrix[:3, :3].T + matrix[:3, 3], DIGITS)
    return voxels
