"""Series: what the files of a tree are good for, told apart by folder and SeriesInstanceUID."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segmake.errors import InputError, SegmakeError
from segmake.source import shown
from segmake.volume.dicom.folder import Contents, count_frames, sort_out, weakness
from segmake.volume.dicom.format import format_of
from segmake.volume.dicom.frames import frames_of, has_place
from segmake.volume.dicom.headers import Header, quiet, text
from segmake.volume.dicom.kinds import is_secondary, label_kind
from segmake.volume.dicom.stack import stack_frames


@dataclass(frozen=True)
class Series:
    """One series of one folder, for an index of a tree.

    slices: planes that make up the scan; kind: `image`, `segmentation`, `structures` or `other`;
    problem: why it cannot be read as a scan, in a sentence, empty when it can;
    alone: whether no other series of its folder can be read, so that the folder alone names it.
    """

    folder: Path
    uid: str
    study_uid: str
    patient: str
    modality: str
    description: str
    kind: str
    slices: int
    files: tuple[Path, ...]
    problem: str
    alone: bool

    @property
    def path(self) -> str:
        """What a case sheet says to have this series read."""
        if self.kind != "image" and len(self.files) == 1:
            return str(self.files[0])
        return str(self.folder) if self.alone else f"{self.folder}#{self.uid}"


@quiet()
def find_series(root: Path) -> list[Series]:
    """All DICOM series below a folder, by folder and in order of their UID.

    Only headers are read. A series spread over several folders is one entry for each.
    """
    if not root.is_dir():
        raise InputError(f"{shown(root)} is no folder; give the folder of a tree of DICOM files")
    series: list[Series] = []
    for place, folders, files in os.walk(root):
        folders.sort()
        folder = Path(place)
        if files:
            series += _series_of(folder, sort_out(folder / name for name in sorted(files)))
    return series


def _series_of(folder: Path, contents: Contents) -> list[Series]:
    reasons = {other.path: other.reason for other in contents.left_out}
    choice = contents.first_choice()
    everything: dict[str, list[Header]] = {}
    for header in contents.headers:
        everything.setdefault(header.series, []).append(header)
    result = []
    for uid, headers in sorted(everything.items()):
        slices = contents.images.get(uid, [])
        if slices and uid not in choice and is_secondary(slices[0]):
            slices, reasons[headers[0].path] = [], weakness(slices[0])
        data = headers[0].data
        result.append(
            Series(
                folder=folder,
                uid=uid,
                study_uid=text(data, "StudyInstanceUID"),
                patient=text(data, "PatientID"),
                modality=text(data, "Modality"),
                description=text(data, "SeriesDescription"),
                kind="image" if slices else label_kind(headers[0]) or "other",
                slices=count_frames(slices),
                files=tuple(header.path for header in slices or headers),
                problem=_problem(slices) if slices else reasons[headers[0].path],
                alone=choice == [uid],
            )
        )
    return result


def _problem(headers: Sequence[Header]) -> str:
    """Why a series is no scan, from its headers; empty when it is one."""
    try:
        format_of(headers[0])
        if has_place(headers[0]):
            where = shown(Path(headers[0].path.parent.name))
            stack_frames([frame for header in headers for frame in frames_of(header)], where)
        elif count_frames(headers) > 1:
            return f"{count_frames(headers)} images without a position; each is a case of its own"
    except SegmakeError as error:
        return str(error)
    return ""
