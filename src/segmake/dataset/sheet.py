"""The case sheet: which cases there are. Standard library only: it is read while a Snakefile is parsed."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segmake.dataset.delimited import NumberedRow, read_rows
from segmake.errors import InputError
from segmake.source import printable

SPLITS = ("train", "test", "new")
FIXED = ("case", "group", "site", "split", "label", "class", "problem")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
LONGEST_NAME = 120  # file systems stop at 255 bytes, and endings are added
UNFIT = re.compile(r"[\t\r\n\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the sheet; a channel is a file or a DICOM folder."""

    name: str
    channels: Mapping[str, Path]
    label: Path | None = None
    group: str = ""
    site: str = ""
    split: str = "train"
    class_: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    """Why a case that a layout found cannot take part: convert leaves it out with this sentence."""
    private: tuple[str, ...] = ()
    """What no message about a pseudonymised case may hold: its name, and those of its files and folders."""

    def is_new(self) -> bool:
        """Whether this case is there to be predicted: nothing is learned from it, no score needs it."""
        return self.split == "new" and self.label is None

    def shard(self, shards: int) -> int:
        """Number of its shard: below `shards`, and below twice as many for a new case.

        New cases have shards of their own, so that a hundred more touch nothing that was learned; with one
        shard there is one.
        """
        return shard_of(self.name, shards) + (shards if shards > 1 and self.is_new() else 0)

    def paths(self) -> list[Path]:
        """Channels and label as the sheet names them."""
        return [*self.channels.values(), *([self.label] if self.label else [])]

    def sources(self) -> list[Path]:
        """Every file or folder on disk that this case is read from."""
        return [on_disk(path) for path in self.paths()]


def on_disk(path: Path) -> Path:
    """The file or folder behind a path: FOLDER#UID names one DICOM series of a folder that holds several."""
    if "#" not in path.name or path.exists():
        return path
    folder = path.with_name(path.name.rpartition("#")[0] or path.name)
    return folder if folder.exists() else path


def shard_of(case: str, shards: int) -> int:
    """Shard of a case by a stable hash of its name, so that a new case touches one shard."""
    digest = hashlib.sha256(case.encode()).digest()
    return int.from_bytes(digest[:8], "big") % shards


def shard_name(shard: int, shards: int) -> str:
    """Shard number as it stands in file names, such as "03"."""
    return f"{shard:0{max(2, len(str(shards - 1)))}d}"


def read_sheet(path: Path, channels: Iterable[str]) -> list[Case]:
    """Read a case sheet; relative paths in it count from the sheet's folder.

    Without named channels, every column that stands before `class` and has no meaning of its own is one.

    Raises:
        InputError: the sheet breaks a rule; the message names the row and the column.
    """
    rows = read_rows(path)
    if not rows:
        raise InputError(f"the case sheet {path} has no rows; write one with `segmake index <layout> <root>`")
    return _cases(rows, list(channels), path.parent, str(path))


def cases_from_rows(
    rows: Sequence[Mapping[str, str]], channels: Iterable[str], folder: Path, origin: str
) -> list[Case]:
    """Check rows and turn them into cases sorted by name; `origin` names them in messages."""
    numbered = [NumberedRow(number, dict(row)) for number, row in enumerate(rows, start=2)]
    return _cases(numbered, list(channels), folder, origin)


def write_sheet(cases: Sequence[Case]) -> str:
    """The sheet of these cases as TSV text, with absolute paths; a case with a problem may lack channels.

    Raises:
        InputError: a cell holds what a sheet cannot carry (a tab, a line break, a name that is no UTF-8).
    """
    channels = list(dict.fromkeys(name for case in cases for name in case.channels))
    extra = list(dict.fromkeys(name for case in cases for name in case.extra))
    head = ["case", "group", "site", "split", *channels, "label", "class"]
    troubled = ["problem"] if any(case.problem for case in cases) else []
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
    writer.writerow([*head, *troubled, *extra])
    for case in cases:
        paths = [str(case.channels[name].absolute()) if name in case.channels else "" for name in channels]
        cells = [case.name, case.group, case.site, case.split, *paths]
        cells += [str(case.label.absolute()) if case.label else "", case.class_]
        cells += [case.problem] if troubled else []
        cells += [case.extra.get(name, "") for name in extra]
        for cell in cells:
            if UNFIT.search(cell):
                raise InputError(f"case {case.name}: {unfit(cell)}")
        writer.writerow(cells)
    return stream.getvalue()


def unfit(text: str) -> str:
    """Say why this text cannot stand in a sheet; empty when it can."""
    if not UNFIT.search(text):
        return ""
    shown = UNFIT.sub(_escaped, text)
    return f"'{shown}' holds a tab, a line break or bytes that are no UTF-8; rename it"


def _escaped(found: re.Match[str]) -> str:
    """A character as Python writes it, and a byte that is no UTF-8 (PEP 383 puts those at U+DC00) in hex."""
    byte = ord(found[0]) - 0xDC00
    return f"\\x{byte:02x}" if byte > 0 else found[0].encode("unicode_escape").decode()


def _cases(rows: Sequence[NumberedRow], channels: Sequence[str], folder: Path, origin: str) -> list[Case]:
    columns = list(rows[0].cells)
    before = columns[: columns.index("class")] if "class" in columns else columns
    wanted = channels or [name for name in before if name not in FIXED]
    check_channels(wanted, origin)
    for name in ("case", *wanted):
        if name not in columns:
            raise InputError(
                f"{origin} needs a column '{name}', has {', '.join(columns)}; add it (tabs set columns apart)"
            )
    cases: dict[str, Case] = {}
    alike: dict[str, str] = {}
    for number, row in rows:
        case = _case(row, wanted, folder, f"{origin}, row {number}")
        other = alike.setdefault(case.name.lower(), case.name)
        if case.name in cases:
            raise InputError(f"{origin}, row {number}, column case: '{case.name}' stands twice; name it once")
        if other != case.name:
            raise InputError(
                f"{origin}, row {number}, column case: '{case.name}' and '{other}' differ by letter case "
                "alone, which some file systems cannot tell apart; rename one of them"
            )
        cases[case.name] = case
    return [cases[name] for name in sorted(cases)]


def _case(row: Mapping[str, str], channels: Sequence[str], folder: Path, where: str) -> Case:
    name = row["case"]
    if wrong := wrong_name(name):
        raise InputError(f"{where}, column case: {wrong}; rename it")
    split = row.get("split") or "train"
    if split not in SPLITS:
        raise InputError(
            f"{where}, column split: must be one of {', '.join(SPLITS)}, got '{split}'; correct it"
        )
    problem = row.get("problem", "")
    empty = [channel for channel in channels if not row.get(channel)]
    if empty and not problem:
        raise InputError(f"{where}, column {empty[0]}: a path is missing; fill it or remove the row")
    label = row.get("label", "")
    return Case(
        name=name,
        channels={channel: folder / row[channel] for channel in channels if row.get(channel)},
        label=folder / label if label else None,
        group=row.get("group") or name,
        site=row.get("site", ""),
        split=split,
        class_=row.get("class", ""),
        extra={key: value for key, value in row.items() if key not in (*FIXED, *channels)},
        problem=problem,
    )


def check_channels(names: Iterable[str], origin: str) -> None:
    """Raise an InputError when a channel is called like a column with a meaning of its own."""
    for name in names:
        if name in FIXED:
            raise InputError(
                f"{origin}: '{name}' is a column of every case sheet and names no channel; rename the channel"
            )


def wrong_name(name: str) -> str:
    """Say why a case cannot have this name; empty when it can."""
    if not NAME.fullmatch(name):
        rule = "a case name is letters, digits and . _ + - and starts with a letter or digit"
        return f"{rule}, got '{printable(name)}'"
    if len(name) > LONGEST_NAME:
        return f"a case name has up to {LONGEST_NAME} characters, got {len(name)}"
    if RESERVED.fullmatch(name):
        return f"'{name}' is a device on Windows and cannot name a file there"
    return ""
