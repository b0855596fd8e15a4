"""A DICOM folder, series or file read as a scan: files told apart, slices in order, values, tilt, tags."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from segmake.errors import InputError
from segmake.source import check_source, shown
from segmake.volume.dicom.folder import choose
from segmake.volume.dicom.frames import Frame, Plane, frames_of, has_place
from segmake.volume.dicom.headers import Header, Other, quiet, read_header, text
from segmake.volume.dicom.kinds import why_no_slice
from segmake.volume.dicom.picture import picture_affine
from segmake.volume.dicom.stack import ONE_PLACE_MM, Stack, stack_frames
from segmake.volume.dicom.tags import technical
from segmake.volume.dicom.tilt import TILTED_DEGREES, straighten, tilt_degrees
from segmake.volume.dicom.values import read_values
from segmake.volume.scan import Note, Scan
from segmake.volume.volume import Volume

Tilt = Literal["correct", "stop"]


def split_uid(path: Path) -> tuple[Path, str]:
    """Folder and series UID of `FOLDER#UID`; a path that exists as it stands has no UID."""
    if path.exists() or "#" not in path.name:
        return path, ""
    name, _, uid = path.name.rpartition("#")
    return path.with_name(name) if name else path.parent, uid


@quiet()
def read_dicom(path: Path, tilt: Tilt = "correct") -> Scan:
    """Read a folder with one series, one series of a folder as `FOLDER#UID`, or a single file.

    A series gives [C, X, Y, Z] on an even orthogonal grid, an image without a position [C, X, Y, 1].

    tilt: resample a series of a tilted gantry to an orthogonal grid, or stop with an error.

    Raises:
        InputError: there is no scan, several, or one that is not an even stack of slices; see `stack`.
    """
    place, uid = split_uid(path)
    if place.is_dir():
        headers, notes = choose(place, uid)
    else:
        headers, notes = [_single(place)], ()
    scan = _read_stack(headers, place, tilt) if has_place(headers[0]) else _read_picture(headers, place)
    if scan.tags.get("BurnedInAnnotation") == "YES":
        notes += (Note("warning", "text is burned into the pixels (BurnedInAnnotation YES)"),)
    return Scan(scan.volume, (*scan.notes, *notes), scan.tags)


@quiet()
def find_stack(path: Path) -> Stack:
    """The slices of a series in order, without reading more of their pixels than `read_dicom` must.

    Raises:
        InputError: as `read_dicom`, and for an image without a position.
    """
    place, uid = split_uid(path)
    headers = choose(place, uid)[0] if place.is_dir() else [_single(place)]
    if not has_place(headers[0]):
        raise InputError(f"{shown(place)} is an image without a position, so nothing can be placed on it")
    frames, _ = _without_copies([frame for header in headers for frame in frames_of(header)])
    return stack_frames(frames, shown(place))


def _single(path: Path) -> Header:
    check_source(path)
    header = read_header(path)
    if isinstance(header, Other):
        raise InputError(f"{shown(path)} is {header.reason}; give a DICOM image")
    if reason := why_no_slice(header):
        raise InputError(f"{shown(path)} is {reason}; give a DICOM image")
    return header


def _read_stack(headers: Sequence[Header], place: Path, tilt: Tilt) -> Scan:
    frames, copies = _without_copies([frame for header in headers for frame in frames_of(header)])
    stack = stack_frames(frames, shown(place))
    first = stack.frames[0]
    pixels = read_values(stack.frames, text(first.header.data, "Modality"))
    volume = Volume(pixels.data, stack.affine)
    notes = (*copies, *stack.notes, *pixels.notes)
    degrees = tilt_degrees(stack.affine)
    if degrees > TILTED_DEGREES:
        if tilt == "stop":
            raise InputError(
                f"{shown(place)}: the gantry was tilted by {degrees:.3g} degrees, so slices do not stand "
                "above each other; set convert.tilt to correct to resample them"
            )
        volume = straighten(volume)
        grown = "x".join(map(str, volume.shape))
        note = (
            f"gantry tilt of {degrees:.3g} degrees corrected by resampling to an orthogonal grid of {grown}"
        )
        notes = (*notes, Note("repair", note))
    return Scan(volume, notes, technical(first.layers, first.header.series))


def _without_copies(frames: Sequence[Frame]) -> tuple[list[Frame], tuple[Note, ...]]:
    """Leave out frames with the place and the pixels of an earlier one: files that were copied twice."""
    places: dict[tuple[int, ...], list[Frame]] = {}
    for frame in frames:
        steps = np.rint(np.concatenate([frame.position_mm, frame.row, frame.column]) / ONE_PLACE_MM)
        places.setdefault((*frame.size, *steps.astype(int).tolist()), []).append(frame)
    copies: list[Frame] = []
    for group in places.values():
        seen: set[bytes] = set()
        for frame in group if len(group) > 1 else ():
            content = _content(frame)
            if content in seen:
                copies.append(frame)
            seen.add(content)
        if len(seen) > 1:
            break  # other images at one place: the stack says what tells them apart
    names = ", ".join(frame.name for frame in copies[:3]) + (f" ({len(copies)} in all)" if copies[3:] else "")
    note = Note("repair", f"left out {names}: the same slice with the same pixels is there already")
    dropped = {id(frame) for frame in copies}
    return [frame for frame in frames if id(frame) not in dropped], ((note,) if copies else ())


def _content(frame: Frame) -> bytes:
    values = read_values([frame], frame.mark("Modality")).data
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).digest()


def _read_picture(headers: Sequence[Header], place: Path) -> Scan:
    header = headers[0]
    count = sum(entry.frames for entry in headers)
    if count > 1:
        raise InputError(
            f"{shown(place)} holds {count} images without a position ({header.name} and so on), a film or "
            "pictures of their own, no volume; give a file with one image per case"
        )
    pixels = read_values([Plane(header, 0, (header.data,))], text(header.data, "Modality"))
    affine, notes = picture_affine(header)
    return Scan(
        Volume(pixels.data, affine), (*notes, *pixels.notes), technical((header.data,), header.series)
    )
