"""Series: the files of a folder told apart by SeriesInstanceUID, and what each series is good for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segmake.errors import InputError, SegmakeError
from segmake.volume.dicom.frames import frames_of, has_place
from segmake.volume.dicom.headers import Header, Other, quiet, read_header, text
from segmake.volume.dicom.kinds import is_secondary, label_kind, why_no_slice
from segmake.volume.dicom.pixels import format_of
from segmake.volume.dicom.stack import stack_frames
from segmake.volume.scan import Note


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


@dataclass(frozen=True)
class Contents:
    """What lies in one folder: images by series, and the rest with the reason why it is no slice."""

    images: dict[str, list[Header]]
    left_out: tuple[Other, ...]
    headers: tuple[Header, ...]


def sort_out(paths: Iterable[Path]) -> Contents:
    """Read the headers of files and tell slices from the rest.

    Secondary captures count as images only where there is nothing else: films and colour maps are stored so.
    """
    found = [read_header(path) for path in paths]
    headers = [entry for entry in found if isinstance(entry, Header)]
    left_out = [entry for entry in found if isinstance(entry, Other)]
    images: list[Header] = []
    for header in headers:
        if reason := why_no_slice(header):
            left_out.append(Other(header.path, reason))
        else:
            images.append(header)
    captures = [header for header in images if is_secondary(header)]
    if len(captures) < len(images):
        left_out += [Other(header.path, "a secondary capture") for header in captures]
        images = [header for header in images if not is_secondary(header)]
    by_series: dict[str, list[Header]] = {}
    for header in images:
        by_series.setdefault(header.series, []).append(header)
    return Contents(by_series, tuple(left_out), tuple(headers))


def choose(folder: Path, uid: str) -> tuple[list[Header], tuple[Note, ...]]:
    """The slices of the one series in a folder, or of the one that `uid` names, and what was left out.

    uid: a SeriesInstanceUID, or its last part; empty for the only one.

    Raises:
        InputError: no series, several, none of that name, or a damaged file that may be one of its slices.
    """
    contents = sort_out(sorted(path for path in folder.iterdir() if not path.is_dir()))
    names = [name for name in contents.images if not uid or name == uid or name.endswith(f".{uid}")]
    if len(names) != 1:
        raise InputError(_choice(folder, uid, contents))
    series = contents.images[names[0]]
    endings = {header.path.suffix for header in series}
    for other in contents.left_out:
        if other.damaged or (other.reason == "empty" and other.path.suffix in endings):
            raise InputError(
                f"{folder}: {other.path.name} {'is ' * (not other.damaged)}{other.reason}, and may be a "
                "slice of the scan; copy it again or remove it"
            )
    return series, _left_out(contents.left_out)


def _left_out(others: Iterable[Other]) -> tuple[Note, ...]:
    """A warning for each reason, with the first names."""
    by_reason: dict[str, list[str]] = {}
    for other in others:
        by_reason.setdefault(other.reason, []).append(other.path.name)
    notes = []
    for reason, names in by_reason.items():
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        notes.append(Note("warning", f"left out {shown}: {reason}"))
    return tuple(notes)


def _choice(folder: Path, uid: str, contents: Contents) -> str:
    """The sentence for a folder that does not hold exactly one series to read."""
    listed = "; ".join(_described(headers) for headers in contents.images.values())
    if len(contents.images) > 1 or (uid and contents.images):
        asked = f", none or several of them ending in {uid!r}" if uid else ""
        return (
            f"{folder} holds {len(contents.images)} DICOM series{asked}: {listed}; name "
            "one as FOLDER#UID, or let `segmake index dicom` list them"
        )
    why = "; ".join(note.text.removeprefix("left out ") for note in _left_out(contents.left_out))
    folders = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_dir())[:5])
    advice = f"give one of its folders ({folders})" if folders else "give a folder with a scan"
    return f"{folder} holds no DICOM slices{f' ({why})' if why else ''}; {advice}"


def _described(headers: Sequence[Header]) -> str:
    data = headers[0].data
    said = text(data, "SeriesDescription") or text(data, "Modality") or "no description"
    return f"{headers[0].series.rpartition('.')[2]} ({said}, {_count(headers)} slices)"


def _count(headers: Sequence[Header]) -> int:
    return sum(header.frames for header in headers)


@quiet()
def find_series(root: Path) -> list[Series]:
    """All DICOM series below a folder, by folder and in order of their UID.

    Only headers are read. A series spread over several folders is one entry for each.
    """
    if not root.is_dir():
        raise InputError(f"{root} is no folder; give the folder of a tree of DICOM files")
    series: list[Series] = []
    for place, folders, files in os.walk(root):
        folders.sort()
        folder = Path(place)
        if files:
            series += _series_of(folder, sort_out(folder / name for name in sorted(files)))
    return series


def _series_of(folder: Path, contents: Contents) -> list[Series]:
    problems = {uid: _problem(headers) for uid, headers in contents.images.items()}
    reasons = {other.path: other.reason for other in contents.left_out}
    everything: dict[str, list[Header]] = {}
    for header in contents.headers:
        everything.setdefault(header.series, []).append(header)
    result = []
    for uid, headers in sorted(everything.items()):
        slices = contents.images.get(uid, [])
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
                slices=_count(slices),
                files=tuple(header.path for header in slices or headers),
                problem=problems.get(uid, "") if slices else reasons[headers[0].path],
                alone=list(problems) == [uid],
            )
        )
    return result


def _problem(headers: Sequence[Header]) -> str:
    """Why a series is no scan, from its headers; empty when it is one."""
    try:
        format_of(headers[0])
        placed = [header for header in headers if has_place(header)]
        if placed:
            stack_frames(
                [frame for header in placed for frame in frames_of(header)], headers[0].path.parent.name
            )
        elif _count(headers) > 1:
            return f"{_count(headers)} images without a position; each is a case of its own"
    except SegmakeError as error:
        return str(error)
    return ""
