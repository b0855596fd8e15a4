"""A folder of files: slices told from everything else, and the one series that is to be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from segmake.errors import InputError
from segmake.source import shown
from segmake.volume.dicom.frames import has_place
from segmake.volume.dicom.headers import Header, Other, read_header, text
from segmake.volume.dicom.kinds import CUT, is_secondary, why_no_slice
from segmake.volume.scan import Note


@dataclass(frozen=True)
class Contents:
    """What lies in one folder: images by series, and the rest with the reason why it is no slice."""

    images: dict[str, list[Header]]
    left_out: tuple[Other, ...]
    headers: tuple[Header, ...]

    def first_choice(self) -> list[str]:
        """The series that a folder is read for: the scans where there are any, else whatever has pixels."""
        scans = [uid for uid, headers in self.images.items() if not weakness(headers[0])]
        return scans or list(self.images)


def weakness(header: Header) -> str:
    """Why an image counts only where there is no better one; films and radiographs are such images."""
    if is_secondary(header):
        return "a secondary capture"
    return "" if has_place(header) else "an image without a position"


def sort_out(paths: Iterable[Path]) -> Contents:
    """Read the headers of files and tell slices from the rest, for each series of them."""
    found = [read_header(path) for path in paths]
    headers = [entry for entry in found if isinstance(entry, Header)]
    left_out = [entry for entry in found if isinstance(entry, Other)]
    images: dict[str, list[Header]] = {}
    for header in headers:
        if reason := why_no_slice(header):
            left_out.append(Other(header.path, reason, damaged=reason == CUT))
        else:
            images.setdefault(header.series, []).append(header)
    for uid, series in images.items():
        scans = [header for header in series if not weakness(header)]
        if 0 < len(scans) < len(series):
            left_out += [Other(header.path, reason) for header in series if (reason := weakness(header))]
            images[uid] = scans
    return Contents(images, tuple(left_out), tuple(headers))


def choose(folder: Path, uid: str) -> tuple[list[Header], tuple[Note, ...]]:
    """The slices of the one series in a folder, or of the one that `uid` names, and what was left out.

    uid: a SeriesInstanceUID, or its last part; empty for the only one.

    Raises:
        InputError: no series, several, none of that name, or a damaged file that may be one of its slices.
    """
    contents = sort_out(path for path in _listed(folder) if not path.is_dir())
    names = contents.first_choice()
    if uid:
        names = [name for name in contents.images if name == uid or name.endswith(f".{uid}")]
    if len(names) != 1:
        raise InputError(_choice(folder, uid, contents))
    series = contents.images.pop(names[0])
    left_out = [*contents.left_out]
    if not uid:
        left_out += [Other(one.path, weakness(one)) for rest in contents.images.values() for one in rest]
    endings = {header.path.suffix for header in series}
    for other in left_out:
        if other.damaged or (other.reason == "empty" and other.path.suffix in endings):
            raise InputError(
                f"{shown(folder)}: {other.name} is {other.reason}, and may be a "
                "slice of the scan; copy it again or remove it"
            )
    return series, _left_out(left_out)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise InputError(
            f"{shown(folder)} cannot be listed: {error.strerror}; change its permissions"
        ) from error


def _left_out(others: Iterable[Other]) -> tuple[Note, ...]:
    """A warning for each reason, with the first names."""
    by_reason: dict[str, list[str]] = {}
    for other in others:
        by_reason.setdefault(other.reason, []).append(other.name)
    notes = []
    for reason, names in by_reason.items():
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        notes.append(Note("warning", f"left out {shown}: {reason}"))
    return tuple(notes)


def _choice(folder: Path, uid: str, contents: Contents) -> str:
    """The sentence for a folder that does not hold exactly one series to read."""
    names = contents.images if uid else contents.first_choice()
    if names:
        listed = ", ".join(_described(contents.images[name]) for name in names)
        asked = f"not one DICOM series that ends in {uid}, but" if uid else f"{len(names)} DICOM series:"
        return (
            f"{shown(folder)} holds {asked} {listed}; name one as FOLDER#UID, or let `segmake index dicom` "
            "list them"
        )
    why = ", ".join(note.text.removeprefix("left out ") for note in _left_out(contents.left_out))
    folders = ", ".join(sorted(shown(Path(path.name)) for path in _listed(folder) if path.is_dir())[:5])
    advice = f"give one of its folders ({folders})" if folders else "give a folder with a scan"
    return f"{shown(folder)} holds no DICOM slices{f' ({why})' if why else ''}; {advice}"


def _described(headers: Sequence[Header]) -> str:
    data = headers[0].data
    said = text(data, "SeriesDescription") or text(data, "Modality") or "no description"
    return f"{headers[0].series.rpartition('.')[2]} ({said}, {count_frames(headers)} slices)"


def count_frames(headers: Sequence[Header]) -> int:
    """Number of planes in files."""
    return sum(header.frames for header in headers)
