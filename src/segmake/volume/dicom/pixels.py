"""Stored values of frames: native pixels straight from the file's bytes, all others decoded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pydicom
from pydicom.uid import DeflatedExplicitVRLittleEndian

from segmake.errors import InputError
from segmake.source import shown
from segmake.volume.dicom.compressed import decoded, fragments, is_compressed
from segmake.volume.dicom.format import GREY, Format
from segmake.volume.dicom.headers import Header
from segmake.volume.volume import Array


def stored_frames(header: Header, form: Format, indices: Sequence[int]) -> list[Array]:
    """Stored values [samples, rows, columns] of some frames of one file.

    Raises:
        InputError: the file is cut short, damaged or of a format that cannot be read.
    """
    if is_compressed(header):
        return [decoded(header, form, part) for part in fragments(header, indices)]
    parts = _native_bytes(header, form, indices)
    if form.photometric not in (*GREY, "RGB"):
        return [decoded(header, form, part) for part in parts]
    return [_plane(header, form, part) for part in parts]


def _native_bytes(header: Header, form: Format, indices: Sequence[int]) -> list[bytes]:
    size = form.frame_bytes
    if header.syntax == DeflatedExplicitVRLittleEndian:
        content = pydicom.dcmread(header.path, specific_tags=["PixelData"]).get("PixelData") or b""
        parts = [content[index * size : (index + 1) * size] for index in indices]
    else:
        parts = []
        with header.path.open("rb") as stream:
            for index in indices:
                stream.seek((header.pixels_at or 0) + index * size)
                parts.append(stream.read(size))
    for index, part in zip(indices, parts, strict=True):
        if len(part) < size:
            raise InputError(
                f"{shown(header.path)} is cut short: its frame {index + 1} has {len(part)} of {size} bytes; "
                "copy it again"
            )
    return parts


def _plane(header: Header, form: Format, part: bytes) -> Array:
    big = not header.syntax.is_little_endian
    if big and form.allocated == 8 and header.pixels_vr == "OW":  # bytes come in swapped pairs (PS3.5, A.3)
        part = np.frombuffer(part + bytes(len(part) % 2), "<u2").byteswap().tobytes()[: len(part)]
    order = ">" if big else "<"
    values: Array = np.frombuffer(part, order + form.kind)
    if form.planar or form.samples == 1:
        plane = values.reshape(form.samples, form.rows, form.columns)
    else:
        plane = values.reshape(form.rows, form.columns, form.samples).transpose(2, 0, 1)
    return _used_bits(plane, form)


def _used_bits(plane: Array, form: Format) -> Array:
    """Values of the bits stored alone: old files keep overlays in the others (PS3.5, 8.1.1)."""
    unused = form.allocated - form.stored
    if not unused or form.high not in (form.stored - 1, form.allocated - 1):
        return plane
    native = plane.astype(form.kind)  # in this machine's byte order
    if form.high == form.stored - 1:
        native <<= unused
    native >>= unused  # brings the sign along
    return native
