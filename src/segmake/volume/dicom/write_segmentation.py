"""A label map as DICOM-SEG on the slices of its source (PS3.3 A.51), by highdicom."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from segmake.errors import InputError
from segmake.source import shown
from segmake.volume.dicom.codes import Segment
from segmake.volume.dicom.headers import quiet
from segmake.volume.dicom.source import Source, uid_of
from segmake.volume.volume import Array, Volume

if TYPE_CHECKING:
    import highdicom

MAKER = "segmake"
FAMILY = Code("123110", "DCM", "Artificial Intelligence")
SERIES_NUMBER = 8800
SYNTAX = {"binary": ExplicitVRLittleEndian, "labelmap": RLELossless}


@dataclass(frozen=True)
class Algorithm:
    """What made the labels: a name, a version, and a digest of the models."""

    name: str
    version: str
    digest: str


def segmentation(
    labels: Volume,
    source: Source,
    segments: Sequence[Segment],
    algorithm: Algorithm,
    kind: Literal["binary", "labelmap"] = "binary",
) -> Dataset:
    """A DICOM-SEG of a label map [1, X, Y, Z] that lies on the grid of `source`.

    Segments are numbered from 1 in the order given. Patient and study are the source's, and so are date and
    time; UIDs are hashes of source, labels and algorithm: the same input gives the same bytes.

    Raises:
        GeometryError: the label map does not lie on the source's slices.
        InputError: the source lacks what the object must repeat.
    """
    import highdicom  # a fifth of a second, and few jobs write DICOM

    frames = _numbered(source.slices(labels), segments)
    if source.multiframe:
        frames = _in_file_order(frames, source)
    uids = _Uids(source, segments, algorithm, kind, frames)
    try:
        with quiet():
            made = highdicom.seg.Segmentation(
                source_images=source.images,
                pixel_array=frames,
                segmentation_type=kind.upper(),
                segment_descriptions=[_described(*entry, algorithm) for entry in enumerate(segments, 1)],
                series_instance_uid=uids.series,
                series_number=SERIES_NUMBER,
                sop_instance_uid=uids.instance,
                instance_number=1,
                manufacturer=MAKER,
                manufacturer_model_name=algorithm.name,
                software_versions=algorithm.version,
                device_serial_number=algorithm.digest[:16],
                series_description=f"{algorithm.name} segmentation",
                content_label="SEGMENTATION",
                content_date=source.date,
                content_time=source.time,
                transfer_syntax_uid=SYNTAX[kind],
                omit_empty_frames=bool(frames.any()),
            )
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{shown(source.path)} lacks what a DICOM-SEG must repeat ({error}); write NIfTI instead"
        ) from error
    _make_repeatable(made, uids.dimensions)
    return made


def write_dicom(path: Path, data: Dataset) -> None:
    """Write a data set as a DICOM file."""
    import pydicom

    path.parent.mkdir(parents=True, exist_ok=True)
    with quiet():
        pydicom.dcmwrite(path, data, enforce_file_format=True)


class _Uids:
    """UIDs of an object, from all that it is made of."""

    def __init__(
        self, source: Source, segments: Sequence[Segment], algorithm: Algorithm, kind: str, frames: Array
    ) -> None:
        voxels = hashlib.sha256(frames.tobytes()).hexdigest()
        parts = (str(source.first.SeriesInstanceUID), algorithm.digest, kind, repr(list(segments)), voxels)
        self.series = uid_of("series", *parts)
        self.instance = uid_of("instance", *parts)
        self.dimensions = uid_of("dimensions", *parts)


def _numbered(planes: Array, segments: Sequence[Segment]) -> Array:
    """Planes of segment numbers: 1 for the first segment, whatever its value in the label map is."""
    numbers = np.zeros(
        int(max(planes.max(initial=0), *(segment.value for segment in segments))) + 1, np.uint8
    )
    for number, segment in enumerate(segments, start=1):
        numbers[segment.value] = number
    result: Array = numbers[planes]
    return result


def _in_file_order(planes: Array, source: Source) -> Array:
    result = np.zeros_like(planes)
    for plane, frame in zip(planes, source.stack.frames, strict=True):
        result[frame.index] = plane
    return result


def _described(number: int, segment: Segment, algorithm: Algorithm) -> highdicom.seg.SegmentDescription:
    import highdicom

    color = None
    if segment.color is not None:
        channels = (int(segment.color[at : at + 2], 16) for at in (1, 3, 5))
        color = highdicom.color.CIELabColor.from_rgb(*channels)
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=segment.name[:64],
        segmented_property_category=Code(*segment.category),
        segmented_property_type=Code(*segment.type),
        algorithm_type="AUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=algorithm.name, family=FAMILY, version=algorithm.version, source=MAKER
        ),
        display_color=color,
    )


def _make_repeatable(data: Dataset, uid: str) -> None:
    """Take away the hour of writing, and the random UID that ties dimensions together."""
    for keyword in ("InstanceCreationDate", "InstanceCreationTime"):
        delattr(data, keyword)
    for item in data.ContributingEquipmentSequence:
        item.pop("ContributionDateTime", None)
    for item in (*data.DimensionOrganizationSequence, *data.DimensionIndexSequence):
        item.DimensionOrganizationUID = uid
