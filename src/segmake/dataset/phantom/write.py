"""Phantoms as files: NIfTI, MetaImage, a DICOM CT series, and LUNA16's list of nodules."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from segmake.dataset.phantom import annotations_file
from segmake.dataset.phantom.grid import Lesion
from segmake.tables import write_text
from segmake.volume.volume import Array, Volume

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "segmake.phantom")
INTERCEPT = -1024
ANNOTATION_COLUMNS = ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm", "class")


def uid_of(*names: str | int) -> str:
    """A DICOM UID that depends on the names alone (root 2.25 with a name-based UUID, DICOM PS3.5 B.2)."""
    return f"2.25.{uuid.uuid5(NAMESPACE, '/'.join(str(name) for name in names)).int}"


def write_metaimage(path: Path, volume: Volume) -> None:
    """Write one channel as .mhd with a compressed .zraw beside it (LPS world axes, as ITK has them)."""
    affine = RAS_TO_LPS @ volume.affine
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.data[0].transpose(2, 1, 0)))
    spacing = np.array(volume.spacing_mm)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    sitk.WriteImage(image, str(path), useCompression=True)


def write_dicom_series(folder: Path, case: str, volume: Volume, seed: int) -> None:
    """Write one channel in HU as a uniform CT series, a file per slice of the last axis.

    The grid must be right-handed. UIDs are derived from the case, its seed and its grid.
    """
    folder.mkdir()
    affine = RAS_TO_LPS @ volume.affine
    spacing = np.array(volume.spacing_mm)
    axes = affine[:3, :3] / spacing
    common = _series(case, volume, seed)
    common.ImageOrientationPatient = [_decimal(value) for value in (*axes[:, 0], *axes[:, 1])]
    common.PixelSpacing = [_decimal(spacing[1]), _decimal(spacing[0])]
    common.SliceThickness = common.SpacingBetweenSlices = _decimal(spacing[2])
    for number in range(volume.shape[2]):
        position = affine[:3, 2] * number + affine[:3, 3]
        _write_slice(folder / f"{number:04d}.dcm", common, volume.data[0, :, :, number], number, position)


def _series(case: str, volume: Volume, seed: int) -> Dataset:
    """What all slices of a series say: a phantom, no person."""
    shape = "x".join(map(str, volume.shape))
    names = (case, seed, shape)
    data = Dataset()
    data.SOPClassUID = CTImageStorage
    data.StudyInstanceUID = uid_of(*names, "study")
    data.SeriesInstanceUID = uid_of(*names, "series")
    data.FrameOfReferenceUID = uid_of(*names, "frame")
    data.PatientName, data.PatientID = "Phantom^Synthetic", case
    data.PatientBirthDate = data.PatientSex = ""
    data.StudyDate, data.StudyTime, data.StudyID = "20000101", "000000", case
    data.AccessionNumber = data.ReferringPhysicianName = data.PositionReferenceIndicator = ""
    data.Modality, data.Manufacturer = "CT", "segmake phantom"
    data.SeriesNumber, data.AcquisitionNumber = 1, 1
    data.SeriesDescription = f"{case} synthetic chest CT"
    data.ImageType = ["DERIVED", "SECONDARY", "AXIAL"]
    data.KVP, data.BodyPartExamined, data.PatientPosition = "120", "CHEST", "HFS"
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.Columns, data.Rows, _ = volume.shape
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 16, 15, 0
    data.RescaleSlope, data.RescaleIntercept, data.RescaleType = "1", str(INTERCEPT), "HU"
    data.WindowCenter, data.WindowWidth = "-500", "1500"
    return data


def _write_slice(path: Path, common: Dataset, hu: Array, number: int, position_mm: Array) -> None:
    data = Dataset()
    data.update(common)
    data.SOPInstanceUID = uid_of(common.SeriesInstanceUID, number)
    data.InstanceNumber = number + 1
    data.ImagePositionPatient = [_decimal(value) for value in position_mm]
    data.PixelData = (hu.T.astype(np.int32) - INTERCEPT).astype("<u2").tobytes()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta = meta
    dcmwrite(path, data, enforce_file_format=True)


def _decimal(value: float) -> str:
    """A DICOM decimal string: at most 16 characters."""
    return f"{float(value) + 0.0:.9g}"[:16]


def annotation_rows(case: str, lesions: Iterable[Lesion]) -> list[dict[str, str]]:
    """Rows as in LUNA16's annotations.csv (world mm with LPS axes), and the nodule's class."""
    rows = []
    for lesion in lesions:
        right, front, up = lesion.centre_mm
        values = (-right, -front, up, lesion.diameter_mm)
        numbers = [f"{value:.6f}" for value in values]
        rows.append(dict(zip(ANNOTATION_COLUMNS, (case, *numbers, lesion.kind), strict=True)))
    return rows


def annotations_text(rows: Sequence[dict[str, str]]) -> str:
    """The rows as CSV text."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, ANNOTATION_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def gather_annotations(folder: Path, cases: Sequence[str]) -> Path:
    """Join the lists of the cases made so far into annotations.csv.

    Shards that end together may each write it, so it is written again until it holds all there is.
    """
    target = folder / "annotations.csv"
    done: list[Path] | None = None
    while done != (found := _present(folder, cases)):
        rows: list[dict[str, str]] = []
        for path in found:
            with path.open(encoding="utf-8", newline="") as stream:
                rows += list(csv.DictReader(stream))
        write_text(target, annotations_text(rows))
        done = found
    return target


def _present(folder: Path, cases: Sequence[str]) -> list[Path]:
    paths = [folder / annotations_file(case) for case in cases]
    return [path for path in paths if path.exists()]
