"""DICOM-SEG and RTSTRUCT objects as other programs write them, made with pydicom alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from segmake.volume.volume import Array, Volume

LPS = np.array([-1.0, -1.0, 1.0])
SOP = "1.2.840.10008.5.1.4.1.1."
Masks = Mapping[tuple[str, int], Array]


def segmentation(grid: Volume, masks: Masks, kind: str = "BINARY", *, sparse: bool = True) -> Dataset:
    """DICOM-SEG of masks [X, Y, Z] on a grid whose third axis goes through the slices.

    masks: by segment label and number; sparse: leave out frames without a voxel.
    """
    data = _object("66.7" if kind == "LABELMAP" else "66.4", "SEG")
    data.SegmentationType = kind
    data.Columns, data.Rows, depth = grid.shape
    data.SegmentSequence = [_item(SegmentLabel=name, SegmentNumber=number) for name, number in masks]
    data.SharedFunctionalGroupsSequence = [_shared(grid)]
    frames, groups = [], []
    for number, stack in _stacks(masks, kind):
        for index in range(depth):
            if sparse and not stack[..., index].any():
                continue
            frames.append(stack[..., index].T)
            groups.append(_frame(grid, index, number))
    data.PerFrameFunctionalGroupsSequence = groups
    data.NumberOfFrames = len(frames)
    _add_pixels(data, np.stack(frames), kind)
    return data


def structures(rois: Sequence[tuple[str, int, Sequence[Array]]], kind: str = "CLOSED_PLANAR") -> Dataset:
    """RTSTRUCT of regions: name, number and contours [points, 3] in world positions (RAS mm)."""
    data = _object("481.3", "RTSTRUCT")
    data.StructureSetROISequence = [_item(ROINumber=number, ROIName=name) for name, number, _ in rois]
    data.ROIContourSequence = []
    for _, number, loops in rois:
        item = _item(ReferencedROINumber=number)
        if loops:
            item.ContourSequence = [
                _item(
                    ContourGeometricType=kind,
                    NumberOfContourPoints=len(loop),
                    ContourData=[f"{value:.8g}" for value in (loop * LPS).ravel()],
                )
                for loop in loops
            ]
        data.ROIContourSequence.append(item)
    return data


def save(data: Dataset, path: Path) -> Path:
    """Write a data set as a DICOM file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, data, enforce_file_format=True)
    return path


def world(grid: Volume, points: Array) -> Array:
    """World positions [n, 3] of voxel coordinates."""
    return np.asarray(points @ grid.affine[:3, :3].T + grid.affine[:3, 3])


def _stacks(masks: Masks, kind: str) -> list[tuple[int, Array]]:
    if kind == "LABELMAP":
        return [(0, np.sum([mask * number for (_, number), mask in masks.items()], axis=0))]
    return [(number, mask) for (_, number), mask in masks.items()]


def _add_pixels(data: Dataset, frames: Array, kind: str) -> None:
    bits = 1 if kind == "BINARY" else 8
    data.BitsAllocated = data.BitsStored = bits
    data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = bits - 1, 0, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    if kind == "FRACTIONAL":
        data.MaximumFractionalValue = 255
    pixels = np.packbits(frames.ravel(), bitorder="little") if bits == 1 else frames.astype(np.uint8)
    content = pixels.tobytes()
    data.add_new("PixelData", "OB", content + bytes(len(content) % 2))


def _shared(grid: Volume) -> Dataset:
    directions = grid.affine[:3, :2] / np.array(grid.spacing_mm[:2]) * LPS[:, None]
    columns, rows, _ = grid.spacing_mm
    return _item(
        PlaneOrientationSequence=[_item(ImageOrientationPatient=[f"{x:.10f}" for x in directions.T.ravel()])],
        PixelMeasuresSequence=[_item(PixelSpacing=[rows, columns])],
    )


def _frame(grid: Volume, index: int, number: int) -> Dataset:
    position = world(grid, np.array([[0, 0, index]]))[0] * LPS
    group = _item(PlanePositionSequence=[_item(ImagePositionPatient=[f"{x:.6f}" for x in position])])
    if number:
        group.SegmentIdentificationSequence = [_item(ReferencedSegmentNumber=number)]
    return group


def _object(sop: str, modality: str) -> Dataset:
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SOP + sop
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[sop])
    data = _item(SOPClassUID=SOP + sop, SOPInstanceUID=meta.MediaStorageSOPInstanceUID, Modality=modality)
    data.file_meta = meta
    data.SeriesInstanceUID = generate_uid(entropy_srcs=[modality])
    return data


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item
