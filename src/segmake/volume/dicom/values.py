"""Stored values made real: rescaled, black air, and nothing below air outside of the scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmake.errors import InputError
from segmake.source import shown
from segmake.volume.dicom.format import Format, format_of
from segmake.volume.dicom.frames import Plane, find_numbers
from segmake.volume.dicom.headers import Header, text, whole
from segmake.volume.dicom.pixels import stored_frames
from segmake.volume.scan import Note
from segmake.volume.volume import Array

AIR_HU = -1024
INVERSE = "MONOCHROME1"


@dataclass(frozen=True)
class Pixels:
    """Real values [C, X, Y, Z] and what was changed on the way."""

    data: Array
    notes: tuple[Note, ...]


def read_values(planes: Sequence[Plane], modality: str) -> Pixels:
    """Real values of planes, in the order given.

    Whole numbers stay whole when all planes have one whole slope and intercept; else float32.

    Raises:
        InputError: planes of different kinds, or a file that cannot be decoded.
    """
    headers = {plane.header.path: plane.header for plane in planes}
    formats = {path: format_of(header) for path, header in headers.items()}
    form = _one_kind(formats)
    stored = _stored(planes, formats)
    notes: list[Note] = []
    outside = _padded(stored, planes[0].header, form)
    if form.photometric == INVERSE:
        stored = _inverted(stored, form)
        notes.append(Note("repair", "MONOCHROME1: grey values inverted, so that high is bright"))
    if text(planes[0].header.data, "ModalityLUTSequence"):
        notes.append(Note("warning", "the modality look-up table is not applied; values are as stored"))
    values = _rescaled(stored, np.array([_scale(plane) for plane in planes]))
    note = _fill(values, outside, modality) if form.samples == 1 else None
    return Pixels(values.transpose(1, 3, 2, 0), (*notes, note) if note else tuple(notes))


def _one_kind(formats: Mapping[Path, Format]) -> Format:
    """Format of the first file, when all are of its kind."""
    (first, form), *others = formats.items()
    for path, other in others:
        if (other.samples, other.photometric == INVERSE) != (form.samples, form.photometric == INVERSE):
            raise InputError(
                f"{shown(path)} stores {other.photometric} pixels, {shown(Path(first.name))} "
                f"{form.photometric}; keep one kind in a series"
            )
    return form


def _stored(planes: Sequence[Plane], formats: Mapping[Path, Format]) -> Array:
    """Stored values [Z, samples, rows, columns]; every file is opened once."""
    files: dict[Path, list[int]] = {}
    for place, plane in enumerate(planes):
        files.setdefault(plane.header.path, []).append(place)
    form = formats[planes[0].header.path]
    kind = np.result_type(*{form.kind for form in formats.values()})
    result: Array | None = None
    for path, places in files.items():
        header = planes[places[0]].header
        values = stored_frames(header, formats[path], [planes[place].index for place in places])
        if result is None:  # not before one file is as large as its header says
            result = np.empty((len(planes), form.samples, form.rows, form.columns), kind)
        for place, value in zip(places, values, strict=True):
            result[place] = value
    return np.asarray(result)


def _padded(stored: Array, header: Header, form: Format) -> Array | None:
    """Where the scanner wrote that there is nothing (PixelPaddingValue, perhaps up to a limit)."""
    if not text(header.data, "PixelPaddingValue"):
        return None
    first = whole(header.data, "PixelPaddingValue", 0)
    ends = [_as_stored(value, form) for value in (first, whole(header.data, "PixelPaddingRangeLimit", first))]
    mask = (stored >= min(ends)) & (stored <= max(ends))
    return mask if mask.any() else None


def _as_stored(value: int, form: Format) -> int:
    """A padding value written with the other sign, as files do, in the sign of the pixels."""
    size = 1 << form.allocated
    value %= size
    return value - size if form.signed and value >= size // 2 else value


def _inverted(stored: Array, form: Format) -> Array:
    low = -(1 << (form.stored - 1)) if form.signed else 0
    high = low + (1 << form.stored) - 1
    return np.asarray((low + high) - stored.astype(np.int64)).astype(stored.dtype)


def _scale(plane: Plane) -> tuple[float, float]:
    """RescaleSlope, RescaleIntercept of a plane."""
    slope = find_numbers(plane.layers, "RescaleSlope", 1, plane.name)
    intercept = find_numbers(plane.layers, "RescaleIntercept", 1, plane.name)
    scale = (1.0 if slope is None else float(slope[0]), 0.0 if intercept is None else float(intercept[0]))
    if scale[0] == 0:
        raise InputError(f"{plane.name}: RescaleSlope is 0, which would erase the scan; export it again")
    return scale


def _rescaled(stored: Array, scales: Array) -> Array:
    """Real values of stored ones [Z, ...], with a slope and intercept [Z, 2] for each frame."""
    slope, intercept = scales[0]
    if (scales == scales[0]).all() and slope == np.rint(slope) and intercept == np.rint(intercept):
        return _rescaled_whole(stored, int(slope), int(intercept))
    result = np.empty(stored.shape, np.float32)
    for target, plane, (slope, intercept) in zip(result, stored, scales, strict=True):
        target[...] = plane * np.float64(slope) + np.float64(intercept)
    return result


def _rescaled_whole(stored: Array, slope: int, intercept: int) -> Array:
    if (slope, intercept) == (1, 0):
        return stored
    low, high = int(stored.min()), int(stored.max())
    ends = [low, high, slope, intercept, low * slope + intercept, high * slope + intercept]
    for kind in (np.int16, np.int32, np.int64):
        if np.iinfo(kind).min <= min(ends) and max(ends) <= np.iinfo(kind).max:
            values: Array = stored.astype(kind, copy=False)
            if slope != 1:
                np.multiply(values, slope, out=values)
            return np.asarray(np.add(values, intercept, out=values))
    raise InputError(f"RescaleIntercept {intercept} takes the pixels out of the range of 64-bit integers")


def _fill(values: Array, outside: Array | None, modality: str) -> Note | None:
    """Give the outside of the scan the value of air (CT) or of the darkest pixel; in place.

    A padding value among the others is left: nobody can tell it from a measured one.
    """
    air = AIR_HU if modality == "CT" else None
    wrong = None
    if air is not None and values.min() < air:
        wrong = values < air
    if outside is not None and not outside.all():
        inside = values[~outside]
        low, high, padding = inside.min(), inside.max(), values[outside][0]
        if not (min(low, 0) if air is None else air) <= padding <= high:
            wrong = outside if wrong is None else wrong | outside
            air = low if air is None else air
    if wrong is None:
        return None
    held = " to ".join(f"{value:g}" for value in dict.fromkeys((values[wrong].min(), values[wrong].max())))
    share = f"{np.count_nonzero(wrong)} voxels ({100 * np.count_nonzero(wrong) / wrong.size:.2g} %)"
    values[wrong] = air
    return Note("repair", f"{share} outside of the scan held {held}; set to {air:g}")
