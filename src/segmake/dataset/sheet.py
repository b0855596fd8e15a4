"""The case sheet: which cases there are. Standard library only: it is read while a Snakefile is parsed."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from segmake.errors import InputError

SPLITS = ("train", "test", "new")
FIXED = ("case", "group", "site", "split", "label", "class")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


@dataclass(frozen=True)
class Case:
    """One row of the sheet; a channel is a file or a DICOM folder."""

    name: str
    channels: Mapping[str, Path]
    label: Path | None = None
    group: str = ""
    site: str = ""
    split: str = "train"
    class_: str = ""
    extra: Mapping[str, str] | None = None
    problem: str = ""
    """Why a case that a layout found cannot take part: convert leaves it out with this sentence."""

    def sources(self) -> list[Path]:
        """Every file or folder this case is read from."""
        return [*self.channels.values(), *([self.label] if self.label else [])]


def shard_of(case: str, shards: int) -> int:
    """Shard of a case by a stable hash of its name, so that a new case touches one shard."""
    digest = hashlib.sha256(case.encode()).digest()
    return int.from_bytes(digest[:8], "big") % shards


def shard_name(shard: int, shards: int) -> str:
    """Shard number as it stands in file names, such as "03"."""
    return f"{shard:0{max(2, len(str(shards - 1)))}d}"


def read_sheet(path: Path, channels: Iterable[str]) -> list[Case]:
    """Read a case sheet; relative paths in it count from the sheet's folder.

    Raises:
        InputError: the sheet breaks a rule; the message names the row and the column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the case sheet {path} cannot be read: {error}") from error
    if not rows:
        raise InputError(f"the case sheet {path} has no rows; write one with `segmake index <layout> <root>`")
    return cases_from_rows(rows, channels, path.parent, str(path))


def cases_from_rows(
    rows: Sequence[Mapping[str, str]], channels: Iterable[str], folder: Path, origin: str
) -> list[Case]:
    """Check rows and turn them into cases sorted by name; `origin` names them in messages."""
    columns = [name for name in rows[0] if name]
    wanted = list(channels) or [name for name in columns if name not in FIXED]
    for name in ("case", *wanted):
        if name not in columns:
            raise InputError(
                f"{origin} needs a column '{name}', has {', '.join(columns)}; add it (tabs set columns apart)"
            )
    cases: dict[str, Case] = {}
    for number, row in enumerate(rows, start=2):
        case = _case(row, wanted, folder, f"{origin}, row {number}")
        if case.name in cases:
            raise InputError(f"{origin}, row {number}, column case: '{case.name}' stands twice; name it once")
        cases[case.name] = case
    return [cases[name] for name in sorted(cases)]


def _case(row: Mapping[str, str], channels: Sequence[str], folder: Path, where: str) -> Case:
    name = (row.get("case") or "").strip()
    if None in row:
        raise InputError(
            f"{where}: there are more cells than columns; remove what stands after the last column"
        )
    if not NAME.fullmatch(name):
        raise InputError(
            f"{where}, column case: a case name is letters, digits and . _ + -, got '{name}'; rename it"
        )
    split = (row.get("split") or "train").strip()
    if split not in SPLITS:
        raise InputError(f"{where}, column split: must be one of {', '.join(SPLITS)}, got '{split}'")
    empty = [channel for channel in channels if not (row.get(channel) or "").strip()]
    if empty:
        raise InputError(f"{where}, column {empty[0]}: a path is missing; fill it or remove the row")
    label = (row.get("label") or "").strip()
    return Case(
        name=name,
        channels={channel: folder / row[channel].strip() for channel in channels},
        label=folder / label if label else None,
        group=(row.get("group") or "").strip() or name,
        site=(row.get("site") or "").strip(),
        split=split,
        class_=(row.get("class") or "").strip(),
        extra={key: value for key, value in row.items() if key not in (*FIXED, *channels)},
    )


def write_sheet(cases: Sequence[Case]) -> str:
    """The sheet of these cases as TSV text, with absolute paths."""
    channels = list(cases[0].channels)
    lines = ["\t".join(["case", "group", "site", "split", *channels, "label", "class"])]
    for case in cases:
        paths = [str(case.channels[channel].absolute()) for channel in channels]
        label = str(case.label.absolute()) if case.label else ""
        lines.append("\t".join([case.name, case.group, case.site, case.split, *paths, label, case.class_]))
    return "\n".join(lines) + "\n"
