"""DICOM-SEG (PS3.3 A.51, C.8.20): binary, fractional and label map segmentations drawn on the image's grid.

Frames are placed by their own position and orientation. The grid may be the image's own or any flip or
permutation of it; nothing is resampled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array

from segmake.errors import InputError
from segmake.volume.dicom.headers import numbers, text, whole
from segmake.volume.dicom.objects import read_object
from segmake.volume.dicom.placement import find_place, from_lps
from segmake.volume.layers import Canvas, Layers, by_name, by_number, listed, plain
from segmake.volume.scan import Note, Scan
from segmake.volume.volume import Affine, Array, Volume

TYPES = ("BINARY", "FRACTIONAL", "LABELMAP")


def read_segmentation(path: Path, labels: Mapping[str, int], grid: Volume) -> Scan:
    """Draw the segments of a DICOM-SEG file on `grid`: int16 [1, X, Y, Z].

    Segments are matched with `labels` by SegmentLabel; when none has the name of a label, by a number
    that is a label's value. A fractional segment counts from half of its maximum. With empty `labels`
    the values are the segment numbers.

    Raises:
        InputError: the file is damaged, or its segments cannot be matched.
        GeometryError: a frame lies on no slice of the grid.
    """
    with read_object(path, "DICOM-SEG") as data:
        return _draw(_Segmentation(path, data), labels, grid)


def _draw(source: _Segmentation, labels: Mapping[str, int], grid: Volume) -> Scan:
    segments = source.segments()
    layers = _match(source.path, segments, labels)
    values = {segments[index][1]: value for index, value in layers.order}
    canvas = Canvas(grid.shape)
    matrix = from_lps(grid)
    seen = set()
    for frame in source.frames(list(values)):
        origin = source.named(frame)
        place = find_place((matrix @ source.plane(frame))[:3], source.size, grid.shape, origin)
        for number, mask in source.masks(frame):
            seen.add(number)
            if number in values:
                canvas.paint(place.turned(mask), values[number], place.at)
    _check_known(source, seen - source.background - {number for _, number in segments})
    empty = [f"{name} ({number})" for name, number in segments if number in values.keys() - seen]
    text = f"{source.path.name}: no frame shows {listed(empty)}: empty"
    return canvas.scan(grid.affine, source.path, (*layers.notes, *([Note("warning", text)] if empty else ())))


def _match(path: Path, segments: Sequence[tuple[str, int]], labels: Mapping[str, int]) -> Layers:
    if not labels:
        return by_number(path, segments)
    names = [name for name, _ in segments]
    if {plain(name) for name in names} & {plain(label) for label in labels}:
        return by_name(path, "segment", names, labels)
    of_value = {value: label for label, value in labels.items()}
    taken = [f"{name} as {of_value[number]}" for name, number in segments if number in of_value]
    layers = by_name(path, "segment", [of_value.get(number, name) for name, number in segments], labels)
    text = f"{path.name}: no segment has the name of a label; taken by their numbers: {listed(taken)}"
    return Layers(layers.order, (Note("warning", text), *layers.notes))


def _check_known(source: _Segmentation, unknown: set[int]) -> None:
    if unknown:
        raise InputError(
            f"{source.path} shows segments {listed(sorted(unknown))} undescribed; export it again"
        )


@dataclass(frozen=True)
class _Segmentation:
    """A DICOM-SEG data set and the path that its sentences name."""

    path: Path
    data: Dataset

    def __post_init__(self) -> None:
        frames, described = whole(self.data, "NumberOfFrames", 1), len(self._frames)
        if self.kind not in TYPES:
            raise InputError(
                f"{self.path} has the segmentation type '{self.kind}'; known are {listed(TYPES)}"
            )
        if frames != described:
            raise InputError(f"{self.path} holds {frames} frames and describes {described}; export it again")

    @property
    def kind(self) -> str:
        """BINARY, FRACTIONAL or LABELMAP."""
        return text(self.data, "SegmentationType")

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of a frame."""
        return int(self.data.Rows), int(self.data.Columns)

    @property
    def background(self) -> set[int]:
        """Numbers that stand for no segment; a label map may name one of its own."""
        return {0, whole(self.data, "PixelPaddingValue", 0) if self.kind == "LABELMAP" else 0}

    @property
    def _frames(self) -> Sequence[Dataset]:
        described: Sequence[Dataset] = self.data.PerFrameFunctionalGroupsSequence
        return described

    def named(self, frame: int) -> str:
        """How sentences call a frame."""
        return f"{self.path}, frame {frame + 1}"

    def segments(self) -> list[tuple[str, int]]:
        """Name and number of each segment, the background left out."""
        found = [(text(item, "SegmentLabel"), int(item.SegmentNumber)) for item in self.data.SegmentSequence]
        return [(name, number) for name, number in found if number not in self.background]

    def frames(self, wanted: Sequence[int]) -> list[int]:
        """Frames that may show these segments, in the segments' order; a label map shows all in each."""
        every = list(range(len(self._frames)))
        if self.kind == "LABELMAP":
            return every
        ranks = {number: rank for rank, number in enumerate(wanted)}
        shown = [ranks.get(self._shown(frame), len(ranks)) for frame in every]
        return sorted((frame for frame in every if shown[frame] < len(ranks)), key=shown.__getitem__)

    def masks(self, frame: int) -> Iterator[tuple[int, Array]]:
        """The segment numbers in a frame and where they are, bool [row, column]."""
        pixels = self._pixels(frame)
        if self.kind == "LABELMAP":
            yield from ((number, pixels == number) for number in np.unique(pixels).tolist())
        else:
            full = 1 if self.kind == "BINARY" else int(self.data.MaximumFractionalValue)
            yield self._shown(frame), pixels >= full / 2

    def plane(self, frame: int) -> Affine:
        """Matrix [4, 3] from (row, column, 1) to the position in LPS mm (PS3.3 C.7.6.2.1.1)."""
        found = [
            self._numbers(frame, "PlanePositionSequence", "ImagePositionPatient", 3),
            self._numbers(frame, "PlaneOrientationSequence", "ImageOrientationPatient", 6),
            self._numbers(frame, "PixelMeasuresSequence", "PixelSpacing", 2),
        ]
        position, orientation, spacing = found
        matrix = np.zeros((4, 3))
        matrix[:3, 0] = orientation[3:] * spacing[0]
        matrix[:3, 1] = orientation[:3] * spacing[1]
        matrix[:, 2] = (*position, 1)
        return matrix

    def _pixels(self, frame: int) -> Array:
        """Pixels [row, column] of a frame.

        Single bits follow each other across bytes and frames without a gap (PS3.5 section 8.1.1);
        pydicom 3.0 loses some where a frame ends within a byte.
        """
        if self.data.BitsAllocated != 1 or self.data.file_meta.TransferSyntaxUID.is_encapsulated:
            return pixel_array(self.data, index=frame)
        count = self.size[0] * self.size[1]
        first = frame * count // 8
        content = np.frombuffer(self.data.PixelData, np.uint8)[first : ((frame + 1) * count + 7) // 8]
        bits = np.unpackbits(content, bitorder="little")[frame * count - 8 * first :]
        return bits[:count].reshape(self.size)

    def _shown(self, frame: int) -> int:
        return int(self._group(frame, "SegmentIdentificationSequence").ReferencedSegmentNumber)

    def _numbers(self, frame: int, group: str, keyword: str, count: int) -> Array:
        found = numbers(self._group(frame, group), keyword, count, self.named(frame))
        if found is None:
            raise InputError(f"{self.named(frame)} has no {keyword}; export it again")
        return found

    def _group(self, frame: int, name: str) -> Dataset:
        """Item of a functional group, the frame's own or one for all frames."""
        for groups in (self._frames[frame], *self.data.SharedFunctionalGroupsSequence):
            if groups.get(name):
                item: Dataset = groups[name][0]
                return item
        raise InputError(f"{self.named(frame)} has no {name}; export it again")
