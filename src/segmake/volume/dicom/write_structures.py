"""A label map as RTSTRUCT: closed contours on the slices of its source (PS3.3 A.19, C.8.8.5, C.8.8.6)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from segmake.volume.dicom.codes import Segment
from segmake.volume.dicom.frames import Frame
from segmake.volume.dicom.headers import quiet
from segmake.volume.dicom.source import PATIENT, STUDY, Source, uid_of
from segmake.volume.dicom.trace import outlines
from segmake.volume.dicom.write_segmentation import MAKER, SERIES_NUMBER, Algorithm
from segmake.volume.volume import Array, Volume

DECIMALS = 4
"""Of positions in mm; a decimal string has sixteen characters at most."""
CONTOUR_DATA = 0x30060050
STUDY_CLASS = "1.2.840.10008.3.1.2.3.1"  # referenced by RTSTRUCT although retired


@quiet()
def structures(labels: Volume, source: Source, segments: Sequence[Segment], algorithm: Algorithm) -> Dataset:
    """An RTSTRUCT of a label map [1, X, Y, Z] that lies on the grid of `source`: a ROI per segment.

    Voxel centres inside of the contours are the label's, so that it reads back as it was.

    Raises:
        GeometryError: the label map does not lie on the source's slices.
    """
    planes = source.slices(labels)
    parts = (
        str(source.first.SeriesInstanceUID),
        algorithm.digest,
        repr(list(segments)),
        hashlib.sha256(np.ascontiguousarray(planes).tobytes()).hexdigest(),
    )
    data = _frame_of_object(source, algorithm, uid_of("RTSTRUCT", *parts), uid_of("RTSTRUCT series", *parts))
    data.StructureSetROISequence = []
    data.ROIContourSequence = []
    data.RTROIObservationsSequence = []
    for number, segment in enumerate(segments, start=1):
        data.StructureSetROISequence.append(
            _item(
                ROINumber=number,
                ReferencedFrameOfReferenceUID=source.first.FrameOfReferenceUID,
                ROIName=segment.name,
                ROIGenerationAlgorithm="AUTOMATIC",
            )
        )
        roi = _item(ReferencedROINumber=number)
        if segment.color is not None:
            roi.ROIDisplayColor = [int(segment.color[at : at + 2], 16) for at in (1, 3, 5)]
        roi.ContourSequence = list(_contours(planes == segment.value, source))
        data.ROIContourSequence.append(roi)
        data.RTROIObservationsSequence.append(_observed(number, segment))
    return data


def _contours(mask: Array, source: Source) -> Iterator[Dataset]:
    for plane, frame in zip(mask, source.stack.frames, strict=True):
        for loop in outlines(plane):
            points = _world(loop, frame)
            item = _item(
                ContourImageSequence=[_reference(source, frame)],
                ContourGeometricType="CLOSED_PLANAR",
                NumberOfContourPoints=len(points),
            )
            text = "\\".join(f"{value:.{DECIMALS}f}" for value in points.ravel())
            # pydicom would make an object of each of a million numbers, only to write it as text
            item.add(DataElement(CONTOUR_DATA, "DS", text, already_converted=True))
            yield item


def _world(points: Array, frame: Frame) -> Array:
    """Positions [n, 3] in LPS mm of (column, row) coordinates on a frame."""
    between_rows, between_columns = frame.spacing_mm
    columns, rows = points[:, :1] * between_columns, points[:, 1:] * between_rows
    positions: Array = frame.position_mm + columns * frame.row + rows * frame.column
    return positions


def _reference(source: Source, frame: Frame) -> Dataset:
    """The slice that a contour was drawn on."""
    image = source.images[0 if source.multiframe else source.stack.frames.index(frame)]
    item = _item(ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID)
    if source.multiframe:
        item.ReferencedFrameNumber = frame.index + 1
    return item


def _observed(number: int, segment: Segment) -> Dataset:
    value, scheme, meaning = segment.type
    code = _item(CodeValue=value, CodingSchemeDesignator=scheme, CodeMeaning=meaning)
    return _item(
        ObservationNumber=number,
        ReferencedROINumber=number,
        RTROIIdentificationCodeSequence=[code],
        RTROIInterpretedType="",
        ROIInterpreter="",
    )


def _frame_of_object(source: Source, algorithm: Algorithm, instance: str, series: str) -> Dataset:
    """Patient, study, series and what is referred to; no contours yet."""
    first = source.first
    data = _item(
        SOPClassUID=RTStructureSetStorage,
        SOPInstanceUID=instance,
        Modality="RTSTRUCT",
        StudyInstanceUID=first.StudyInstanceUID,
        SeriesInstanceUID=series,
        SeriesNumber=SERIES_NUMBER + 1,
        SeriesDescription=f"{algorithm.name} structures",
        OperatorsName="",
        InstanceNumber=1,
        FrameOfReferenceUID=first.FrameOfReferenceUID,
        PositionReferenceIndicator="",
        Manufacturer=MAKER,
        ManufacturerModelName=algorithm.name,
        SoftwareVersions=algorithm.version,
        DeviceSerialNumber=algorithm.digest[:16],
        StructureSetLabel="SEGMENTATION",
        StructureSetDate=source.date,
        StructureSetTime=source.time,
        ApprovalStatus="UNAPPROVED",
    )
    for keyword in ("SpecificCharacterSet", *PATIENT, *STUDY):
        if keyword in first:
            data[keyword] = first[keyword]
    images = [_reference(source, frame) for frame in source.stack.frames]
    referred = _item(SeriesInstanceUID=first.SeriesInstanceUID, ContourImageSequence=images)
    study = _item(
        ReferencedSOPClassUID=STUDY_CLASS,
        ReferencedSOPInstanceUID=first.StudyInstanceUID,
        RTReferencedSeriesSequence=[referred],
    )
    data.ReferencedFrameOfReferenceSequence = [
        _item(FrameOfReferenceUID=first.FrameOfReferenceUID, RTReferencedStudySequence=[study])
    ]
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return data


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item
