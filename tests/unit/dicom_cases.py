"""Small DICOM series, as scanners write them and as they get spoilt."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, EnhancedCTImageStorage

from segmake.dataset.phantom.write import write_dicom_series
from segmake.volume.dicom.headers import Header, Other, read_header
from segmake.volume.geometry import to_canonical
from segmake.volume.volume import Array, Volume

STRAIGHT = np.eye(3)
TURN = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]])
DATA = np.random.default_rng(0).integers(-1000, 2000, (5, 4, 7)).astype(np.int16)


def a_volume(turn: Array = STRAIGHT) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([0.75, 1.25, 3.0])
    affine[:3, 3] = [-12.5, 20.25, 100.0]
    return Volume(DATA[np.newaxis], affine)


def a_series(folder: Path, turn: Array = STRAIGHT) -> Path:
    """Seven slices of 5x4 pixels, 0000.dcm to 0006.dcm."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    write_dicom_series(folder, "case", a_volume(turn), seed=0)
    return folder


def edit(folder: Path, change: Callable[[int, Dataset], None]) -> None:
    """Change every file of a folder, told by its number."""
    for number, path in enumerate(sorted(folder.iterdir())):
        data = pydicom.dcmread(path)
        change(number, data)
        data.save_as(path)


def set_all(folder: Path, **values: object) -> None:
    """Give every file of a folder these attributes; None takes them away."""

    def change(_: int, data: Dataset) -> None:
        for keyword, value in values.items():
            if value is not None and keyword.startswith("PixelPadding"):
                data.add_new(keyword, "US", value)  # its type depends on the sign of the pixels
            elif value is not None:
                setattr(data, keyword, value)
            elif keyword in data:
                delattr(data, keyword)

    edit(folder, change)


def move(number: int, offset_mm: tuple[float, float, float]) -> Callable[[int, Dataset], None]:
    """Edit that moves one slice."""

    def change(at: int, data: Dataset) -> None:
        if at == number:
            moved = np.array(data.ImagePositionPatient, dtype=float) + offset_mm
            data.ImagePositionPatient = moved.tolist()

    return change


def copy_of(path: Path, name: str, **values: object) -> Path:
    """Write a file's copy beside it, with other attributes."""
    data = pydicom.dcmread(path)
    for keyword, value in values.items():
        setattr(data, keyword, value)
    data.save_as(path.with_name(name))
    return path.with_name(name)


def damage(path: Path) -> Path:
    """Make a file one that begins as DICOM and cannot be read."""
    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.save_as(path)
    path.write_bytes(path.read_bytes()[:-20])
    return path


def header(path: Path) -> Header:
    """Header of a file that has one."""
    found = read_header(path)
    if isinstance(found, Other):
        raise TypeError(found.reason)
    return found


def to_enhanced(folder: Path, path: Path) -> Path:
    """The series as one enhanced multi-frame file, its frames in an order that means nothing."""
    slices = [pydicom.dcmread(one) for one in sorted(folder.iterdir())]
    order = [(5 * number) % len(slices) for number in range(len(slices))]
    data = deepcopy(slices[0])
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"):
        delattr(data, keyword)
    for keyword in ("RescaleSlope", "RescaleIntercept"):
        delattr(data, keyword)
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    data.NumberOfFrames = len(slices)
    data.PixelData = b"".join(slices[number].PixelData for number in order)
    shared = Dataset()
    shared.PlaneOrientationSequence = one(slices[0], "ImageOrientationPatient")
    shared.PixelMeasuresSequence = one(slices[0], "PixelSpacing", "SliceThickness")
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    data.PerFrameFunctionalGroupsSequence = Sequence([_frame(slices[number]) for number in order])
    data.save_as(path)
    return path


def one(source: Dataset, *keywords: str) -> Sequence:
    """A sequence of one item with attributes of a data set."""
    item = Dataset()
    for keyword in keywords:
        setattr(item, keyword, source[keyword].value)
    return Sequence([item])


def _frame(source: Dataset) -> Dataset:
    item = Dataset()
    item.PlanePositionSequence = one(source, "ImagePositionPatient")
    item.PixelValueTransformationSequence = one(source, "RescaleSlope", "RescaleIntercept")
    return item


def assert_is(volume: Volume, expected: Volume) -> None:
    found = to_canonical(volume)
    assert np.array_equal(found.data, expected.data)
    assert np.allclose(found.affine, expected.affine, rtol=0, atol=1e-5)
