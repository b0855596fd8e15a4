"""The voxels of a NIfTI file: read in one piece, checked for length, turned to numbers of the machine."""

from __future__ import annotations

import math
from pathlib import Path
from typing import IO, Any

import numpy as np

from segmake.errors import InputError
from segmake.source import check_source, shown
from segmake.volume.gzipped import LARGEST_RATIO, open_inflated
from segmake.volume.nifti_header import SINGLE, scaling
from segmake.volume.scan import Note
from segmake.volume.volume import Array

Shape = tuple[int, int, int, int]
COLOURS = (("R", "G", "B"), ("R", "G", "B", "A"))
CHUNK_BYTES = 1 << 20


def read_stored(path: Path, header: Any, shape: Shape) -> tuple[Array, tuple[Note, ...]]:
    """The voxels as stored, [X*Y*Z*C] in native byte order; with a note on bytes that follow them.

    Raises:
        InputError: the file is shorter than its header says, or holds no numbers.
    """
    kind = _stored_type(header, shown(path))
    start = _first_byte(header, shown(path))
    need = math.prod(shape) * kind.itemsize
    with open_inflated(path) as (stream, compressed):
        room = check_source(path) * (LARGEST_RATIO if compressed else 1)
        if start + need > room:  # before memory is asked for that no file could fill
            raise _short(path, need, f"the file has room for {max(room - start, 0)}")
        stream.seek(start)
        flat: Array = np.empty(math.prod(shape), kind)
        found = _fill(stream, flat)
        if found < need:
            raise _short(path, need, f"the file ends after {found}")
        extra = 0
        while chunk := stream.read(CHUNK_BYTES):  # to the end, where the checksum is
            extra += len(chunk)
    notes = (Note("warning", f"{extra} bytes after the voxels of {path.name} were ignored"),) if extra else ()
    if not kind.isnative and kind.names is None:
        flat = flat.byteswap(inplace=True).view(kind.newbyteorder("="))
    return flat, notes


def decoded(stored: Array, header: Any, shape: Shape, name: str) -> tuple[Array, tuple[Note, ...]]:
    """Channels first, [C, X, Y, Z], scaled: a view of what was stored wherever that will do."""
    if stored.dtype.names:
        if shape[3] != 1:
            raise InputError(f"{name} holds {shape[3]} colour images; split it into one file for each")
        count = len(stored.dtype.names)
        colours = stored.view(np.uint8).reshape((count, *shape[:3]), order="F")
        notes = (Note("repair", "the alpha channel was dropped"),) if count > 3 else ()
        return colours[:3], notes
    slope, intercept = scaling(header, name)
    data = np.moveaxis(stored.reshape(shape, order="F"), -1, 0)
    if (slope, intercept) != (1.0, 0.0):
        return _scaled(data, slope, intercept), ()
    return (_single(data) if data.dtype.kind == "f" else data), ()


def _stored_type(header: Any, name: str) -> np.dtype[Any]:
    code = int(header["datatype"])
    try:
        kind: np.dtype[Any] = header.get_data_dtype()
    except KeyError as error:
        raise InputError(
            f"{name} is not a readable NIfTI file: data type {code} is unknown; copy or export it again"
        ) from error
    if kind.itemsize == 0 or (kind.kind not in "iuf" and kind.names not in COLOURS):
        what = "binary" if kind.itemsize == 0 else kind.name
        raise InputError(
            f"{name} holds {what} voxels (data type {code}), and only integers, reals and RGB can be read; "
            "convert it"
        )
    return kind


def _first_byte(header: Any, name: str) -> int:
    """Where the voxels begin; an offset of 0 in a single file means right after the header."""
    offset = float(header["vox_offset"])
    least = header.sizeof_hdr + 4 if bytes(header["magic"])[:3] in SINGLE else 0
    if offset == 0:
        return least
    if not least - 4 <= offset < 2**40:
        raise InputError(
            f"{name} is not a readable NIfTI file: voxels begin at byte {offset:g}, the header ends at "
            f"{least - 4 if least else 0}; copy or export it again"
        )
    return int(offset)


def _fill(stream: IO[bytes], target: Array) -> int:
    """Read until the array is full or the stream ends; the number of bytes read."""
    room, found = target.view(np.uint8).data, 0
    while found < len(room) and (got := stream.readinto(room[found:])):  # type: ignore[attr-defined]
        found += got
    return found


def _short(path: Path, need: int, seen: str) -> InputError:
    return InputError(
        f"{shown(path)} is damaged: its header asks for {need} bytes of voxels, {seen}; "
        "copy or export it again"
    )


def _single(data: Array) -> Array:
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and found as such later
        return data.astype(np.float32, copy=False)


def _scaled(data: Array, slope: float, intercept: float) -> Array:
    """Stored to real values, computed in float64 plane by plane; whole numbers stay integers."""
    kind = _whole_type(data, slope, intercept)
    result = np.empty_like(data, dtype=kind)
    for z in range(data.shape[-1]):
        plane = data[..., z]
        if kind == np.float32:
            result[..., z] = _single(plane.astype(np.float64) * slope + intercept)
        else:
            result[..., z] = plane.astype(np.int64) * int(slope) + int(intercept)
    return result


def _whole_type(data: Array, slope: float, intercept: float) -> type[np.generic]:
    if data.dtype.kind not in "iu" or data.itemsize > 4 or slope % 1 or intercept % 1:
        return np.float32
    ends = [int(value) * int(slope) + int(intercept) for value in (data.min(), data.max())]
    fits = (
        kind
        for kind in (np.int16, np.int32, np.int64)
        if np.iinfo(kind).min <= min(ends) and max(ends) <= np.iinfo(kind).max
    )
    return next(fits, np.float32)
