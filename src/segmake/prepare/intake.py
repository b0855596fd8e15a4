"""One case as people hand it over -> image and label map on one canonical grid, repaired and checked.

Used by convert, which writes it, and by `index --check`, which only says what it would say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segmake.errors import GeometryError, InputError
from segmake.prepare.face import shows_face
from segmake.prepare.passport import Passport, doubts, measure_passport
from segmake.settings import DataSettings, IntakeSettings
from segmake.volume.alignment import align_label
from segmake.volume.channels import Channels, read_channels
from segmake.volume.geometry import to_canonical
from segmake.volume.labels import find_label, read_label
from segmake.volume.repairs import map_labels
from segmake.volume.scan import Note
from segmake.volume.volume import Affine, Volume


@dataclass(frozen=True, eq=False)
class Intake:
    """A case, ready to be written.

    image: [C, X, Y, Z] and label: int16 [1, X, Y, Z] on one RAS+ grid; shape, affine: the native grid of
    the first channel; notes: every repair and every warning; tags: DICOM attributes of the first channel.
    """

    image: Volume
    label: Volume | None
    shape: tuple[int, int, int]
    affine: Affine
    notes: tuple[Note, ...]
    tags: Mapping[str, str]
    passport: Passport

    def told(self, kind: str) -> str:
        """The repairs or the warnings, joined for a cell of a table; semicolons stand between notes alone."""
        return "; ".join(note.text.replace(";", ",") for note in self.notes if note.kind == kind)


def take_in(
    channels: Mapping[str, Path], label: Path | None, data: DataSettings, convert: IntakeSettings
) -> Intake:
    """Read, repair and check one case.

    Raises:
        InputError: a file cannot be read, is blank or flat, or a label map holds unknown values.
        GeometryError: the files do not lie on one grid, or their grid cannot be true.
    """
    source = read_channels(channels, convert)
    first = next(iter(channels.values()))
    _check_grid(source.image, first)
    labels, label_notes = _take_label(label, source, data, convert)
    passport = measure_passport(source, labels, list(channels))
    _check_content(passport, channels)
    notes = [*source.notes, *label_notes, *doubts(passport, data.channels)]
    if any(
        shows_face(voxels, source.image.spacing_mm, data.channels.get(name, ""), source.tags)
        for name, voxels in zip(channels, source.image.data, strict=True)
    ):
        notes.append(Note("warning", "a head with its face, which tells who the patient is: deface it"))
    return Intake(source.image, labels, source.shape, source.affine, tuple(notes), source.tags, passport)


def _take_label(
    path: Path | None, source: Channels, data: DataSettings, convert: IntakeSettings
) -> tuple[Volume | None, tuple[Note, ...]]:
    if path is None:
        return None, ()
    scan = read_label(path, data.labels, source.image)
    label, moved = align_label(to_canonical(scan.volume), source.image, convert, str(path))
    # Masks and DICOM objects name their structures: their values are those of data.labels already.
    label, mapped = map_labels(label, data.label_map if find_label(path)[0] == "image" else {})
    _check_values(label, path, data)
    notes = (*scan.notes, *moved, *mapped)
    return label, tuple(Note(note.kind, f"label: {note.text}") for note in notes)


def _check_values(label: Volume, path: Path, data: DataSettings) -> None:
    if not data.labels:  # index --check of a folder whose labels nobody has named yet
        return
    known = {0, data.ignore, *data.labels.values()}
    counts = np.bincount(label.data.ravel())
    unknown = [int(value) for value in np.flatnonzero(counts) if int(value) not in known]
    if unknown:
        seen = ", ".join(f"{value} ({counts[value]} voxels)" for value in unknown)
        raise InputError(
            f"{path} holds label values {seen} that data.labels {dict(data.labels)} does not list; "
            "add them there or map them with data.label_map"
        )


def _check_grid(image: Volume, path: Path) -> None:
    if min(image.shape) < 2:
        raise GeometryError(
            f"a scan has three dimensions, but {path} is flat ({image.shape} voxels); leave it out, or give "
            "the series that it is a slice of"
        )


def _check_content(passport: Passport, channels: Mapping[str, Path]) -> None:
    for name, channel in passport["channels"].items():
        least, most = channel["percentiles"]["0"], channel["percentiles"]["100"]
        if least == most:
            raise InputError(
                f"{channels[name]} is blank: every voxel of channel {name} is {least:g}; export it again"
            )
