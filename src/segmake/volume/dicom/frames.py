"""Frames: the planes of a series, from single-frame files and from enhanced multi-frame ones alike.

Geometry and scale come from the file itself or from the functional groups of the frame, then the shared
ones (PS3.3, C.7.6.16).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from segmake.errors import InputError
from segmake.volume.dicom.headers import GROUPS, Header, items, numbers, text, whole
from segmake.volume.volume import Array

SQUARE = 1e-2  # rounded direction cosines are that near to unit length and right angles


@dataclass(frozen=True, eq=False)
class Plane:
    """One plane of pixels: a frame of a file, and the data sets that say of it, the particular first."""

    header: Header
    index: int
    layers: tuple[Dataset, ...]

    @property
    def name(self) -> str:
        """File name, with the number of the frame where the file has several."""
        number = f" frame {self.index + 1}" if self.header.frames > 1 else ""
        return f"{self.header.name}{number}"

    @property
    def size(self) -> tuple[int, int]:
        """Rows, columns."""
        return size_of(self.header)

    def mark(self, keyword: str) -> str:
        """Value of an attribute for this plane, as text."""
        return found(self.layers, keyword)


@dataclass(frozen=True, eq=False)
class Frame(Plane):
    """A plane and its place.

    position_mm, row, column: world position of the first pixel and direction cosines of increasing column
    and row index, in DICOM's LPS axes; spacing_mm: distance between rows, between columns.
    """

    position_mm: Array
    row: Array
    column: Array
    spacing_mm: tuple[float, float]

    @property
    def normal(self) -> Array:
        """Unit normal of the plane (LPS)."""
        across = np.cross(self.row, self.column)
        return np.asarray(across / np.linalg.norm(across))


def size_of(header: Header) -> tuple[int, int]:
    """Rows, columns of a file's pixels."""
    rows, columns = whole(header.data, "Rows", 0), whole(header.data, "Columns", 0)
    if rows < 1 or columns < 1:
        raise InputError(f"{header.name} says {rows} rows and {columns} columns; export it again")
    return rows, columns


def found(layers: Sequence[Dataset], keyword: str) -> str:
    """Value as text from the first data set that has one."""
    return next((value for data in layers if (value := text(data, keyword))), "")


def find_numbers(layers: Sequence[Dataset], keyword: str, count: int, where: str) -> Array | None:
    """Float64 values from the first data set that has them; None when none does."""
    for data in layers:
        value = numbers(data, keyword, count, where)
        if value is not None:
            return value
    return None


def layers_of(header: Header) -> list[tuple[Dataset, ...]]:
    """For each frame the data sets that describe it, the most particular first."""
    root = header.data
    if "PerFrameFunctionalGroupsSequence" not in root:
        return [(root,)] * header.frames
    shared = [group for item in items(root, "SharedFunctionalGroupsSequence") for group in _groups(item)]
    frames = items(root, "PerFrameFunctionalGroupsSequence")
    if len(frames) != header.frames:
        raise InputError(
            f"{header.name} says {header.frames} frames but describes {len(frames)}; export it again"
        )
    return [(*_groups(item), *shared, root) for item in frames]


def _groups(item: Dataset) -> list[Dataset]:
    present = [items(item, keyword) for keyword in GROUPS]
    return [group[0] for group in present if group]


def has_place(header: Header) -> bool:
    """Whether the file says where its planes lie in the patient."""
    if "PerFrameFunctionalGroupsSequence" in header.data:
        return True
    return all(text(header.data, name) for name in ("ImagePositionPatient", "ImageOrientationPatient"))


def frames_of(header: Header) -> list[Frame]:
    """Frames of a file whose planes have a place (`has_place`)."""
    return [_frame(header, index, layers) for index, layers in enumerate(layers_of(header))]


def _frame(header: Header, index: int, layers: tuple[Dataset, ...]) -> Frame:
    where = header.name
    position = _numbers(layers, "ImagePositionPatient", 3, where)
    directions = _numbers(layers, "ImageOrientationPatient", 6, where)
    row, column = directions[:3], directions[3:]
    lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
    if np.abs(lengths - 1).max() > SQUARE or abs(float(row @ column)) > SQUARE:
        raise InputError(
            f"{where}: ImageOrientationPatient {directions.tolist()} is no pair of perpendicular unit vectors"
            "; repair the header"
        )
    first, second = _numbers(layers, "PixelSpacing", 2, where)
    if min(first, second) <= 0:
        raise InputError(
            f"{where}: PixelSpacing is {first:g}, {second:g} mm, not above zero; repair the header"
        )
    return Frame(header, index, layers, position, row, column, (float(first), float(second)))


def _numbers(layers: Sequence[Dataset], keyword: str, count: int, where: str) -> Array:
    value = find_numbers(layers, keyword, count, where)
    if value is None:
        raise InputError(f"{where} does not say its {keyword}, so it has no place; export it again")
    return value
