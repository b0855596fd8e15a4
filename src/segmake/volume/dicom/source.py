"""The series that a label map was made from: where its slices are, what objects about it repeat."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from segmake.errors import GeometryError, InputError
from segmake.source import shown
from segmake.volume.dicom.headers import quiet, text
from segmake.volume.dicom.reader import find_stack
from segmake.volume.dicom.stack import Stack
from segmake.volume.dicom.tilt import TILTED_DEGREES, tilt_degrees
from segmake.volume.geometry import grid_distance_mm
from segmake.volume.volume import Array, Volume

PATIENT = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
STUDY = ("StudyDate", "StudyTime", "AccessionNumber", "StudyID", "ReferringPhysicianName")
DATES = ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
TIMES = ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime")
NEAR_MM = 1e-3


@dataclass(frozen=True, eq=False)
class Source:
    """A series of slices that lie above each other, as objects about it refer to them.

    images: the data sets without pixels, one for each slice in order, or the one multi-frame file.
    """

    path: Path
    stack: Stack
    images: tuple[Dataset, ...]

    @property
    def first(self) -> Dataset:
        """Where the attributes of patient, study and frame of reference stand."""
        return self.images[0]

    @property
    def multiframe(self) -> bool:
        """Whether all slices are frames of one file."""
        return len(self.images) < len(self.stack.frames)

    @property
    def date(self) -> str:
        """Date of the study, YYYYMMDD; that of writing would make other bytes every time."""
        return next((value[:8] for name in DATES if (value := text(self.first, name))), "19000101")

    @property
    def time(self) -> str:
        """Time of the study, HHMMSS."""
        return next(
            (value.partition(".")[0] for name in TIMES if (value := text(self.first, name))), "000000"
        )

    def slices(self, labels: Volume) -> Array:
        """A label map on the series' own grid as planes [slice, row, column].

        Raises:
            GeometryError: it lies on another grid.
        """
        columns, rows = self.stack.frames[0].size[::-1]
        grid = Volume(labels.data[:1, :1, :1, :1], self.stack.affine)
        apart = grid_distance_mm(Volume(grid.data, labels.affine), grid)
        if labels.shape != (columns, rows, len(self.stack.frames)) or apart > NEAR_MM:
            raise GeometryError(
                f"a label map of {labels.shape} voxels does not lie on the slices of {shown(self.path)} "
                f"({columns}, {rows}, {len(self.stack.frames)}); write it as NIfTI"
            )
        planes: Array = labels.data[0].transpose(2, 1, 0)
        return planes


def read_source(path: Path) -> Source:
    """The series at a path as `read_dicom` takes it.

    Raises:
        InputError: it is no series, its slices do not stand above each other (a tilted gantry), or its
            files do not say what study they belong to.
    """
    stack = find_stack(path)
    degrees = tilt_degrees(stack.affine)
    if degrees > TILTED_DEGREES:
        raise InputError(
            f"{shown(path)}: the gantry was tilted by {degrees:.3g} degrees, so the label map lies on a "
            "straightened grid and not on the slices; write it as NIfTI (--output seg.nii.gz)"
        )
    files = list(dict.fromkeys(frame.header.path for frame in stack.frames))
    if 1 < len(files) < len(stack.frames):
        raise InputError(
            f"{shown(path)}: the slices are spread over {len(files)} multi-frame files, and an object can "
            "refer to one; write the label map as NIfTI (--output seg.nii.gz)"
        )
    with quiet():
        images = tuple(pydicom.dcmread(file, stop_before_pixels=True, force=True) for file in files)
        for image in images:
            _complete(image, path)
    return Source(path, stack, images)


def uid_of(*parts: str) -> str:
    """A UID that depends on these parts alone: root 2.25 with a UUID made of their SHA-256 (PS3.5, B.2)."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return f"2.25.{uuid.UUID(bytes=digest[:16], version=5).int}"


def _complete(image: Dataset, path: Path) -> None:
    """Add what may be empty and must not be absent; refuse what must not be empty."""
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
        if not text(image, keyword):
            raise InputError(
                f"{shown(path)}: a slice has no {keyword}, so nothing can refer to it; export it again"
            )
    for keyword in (*PATIENT, *STUDY):
        if keyword not in image:
            setattr(image, keyword, "")
