"""Every recorded checksum of a results folder against its file, and what was made from a changed one."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from segmake.audit.manifests import Made, is_hidden, manifest_paths
from segmake.errors import InputError
from segmake.figures.catalogue import TABLE, read_catalogue
from segmake.ledger import load_record
from segmake.progress import track
from segmake.provenance import read_manifest
from segmake.tables import hash_path, read_table

Dependents = Mapping[Path, set[Path]]


@dataclass(frozen=True)
class Check:
    """A file and the SHA-256 that it should have; none for one that says itself that it is damaged."""

    path: Path
    digest: str
    told: str
    """What it is, in words."""

    def fails(self) -> bool:
        """Whether the file is missing or has changed."""
        return not self.path.exists() or hash_path(self.path) != self.digest


@dataclass(frozen=True)
class Recorded:
    """Everything that a results folder records."""

    checks: list[Check]
    records: int
    dependents: Dependents
    """File -> files that were made of it."""


def read_recorded(folder: Path) -> Recorded:
    """Read all records of cases and all manifests below a folder."""
    checks: dict[Path, Check] = {}
    dependents: dict[Path, set[Path]] = {}
    listed = set(_listed_records(folder.absolute(), dependents))
    found = (path for path in folder.absolute().rglob("*.json") if not is_hidden(path, folder))
    records = sorted(listed | {path for path in found if path not in listed and _is_record(path)})
    for path in records:
        checks |= {check.path: check for check in _of_record(path)}
    for path in manifest_paths(folder):
        try:
            made = Made(path, read_manifest(path))
        except InputError:
            checks[path] = Check(path, "", "manifest")
            continue
        for output, digest in made.outputs.items():
            checks.setdefault(output, Check(output, digest, made.stage))
            for source in made.inputs:
                dependents.setdefault(source, set()).add(output)
    return Recorded(list(checks.values()), len(records), dependents)


def find_damage(checks: list[Check], threads: int) -> list[Check]:
    """The files that are not what they were, in the order of their paths."""
    ordered = sorted(checks, key=lambda check: check.path)
    with ThreadPoolExecutor(threads) as pool:
        fails = pool.map(Check.fails, ordered)
        found = track(fails, len(ordered), "verify")
        return [check for check, failed in zip(ordered, found, strict=True) if failed]


def made_of(path: Path, dependents: Dependents) -> set[Path]:
    """Every file that was made from a file, directly or through others."""
    found: set[Path] = set()
    waiting = deque([path])
    while waiting:
        for other in dependents.get(waiting.popleft(), ()):
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found - {path}


def figures_of(path: Path, folder: Path, dependents: Dependents) -> list[str]:
    """Names of the figures that a file decides: those that were drawn from it or from what was made of it."""
    catalogue = find_catalogue(folder)
    if catalogue is None:
        return []
    root = catalogue.parent.parent
    reached = {path, *made_of(path, dependents)}
    return [
        entry.name
        for entry in read_catalogue(catalogue)
        if reached & {root / name for name in entry.inputs} or path.name in entry.files
    ]


def find_catalogue(folder: Path) -> Path | None:
    """The list of figures of the results folder that a folder is, or lies in."""
    places = [folder.absolute(), *folder.absolute().parents]
    return next((place / "figures" / TABLE for place in places if (place / "figures" / TABLE).exists()), None)


def _listed_records(folder: Path, dependents: dict[Path, set[Path]]) -> Iterator[Path]:
    """Every record that a row of a shard table says should be there.

    Notes on the way that a table is made of its cases' files.
    """
    for table in folder.rglob("shard-*.tsv"):
        if not is_hidden(table, folder):
            for row in read_table(table):
                if row.get("status") == "ok" and row.get("key"):
                    dependents.setdefault(table.parent / row["path"], set()).add(table)
                    yield table.parent / f"{row['case']}.json"


def _is_record(path: Path) -> bool:
    try:
        return bool(load_record(path))
    except InputError:
        return False


def _of_record(path: Path) -> Iterable[Check]:
    """The files of a record, or the record itself where it is damaged."""
    try:
        record = load_record(path)
    except InputError:
        return [Check(path, "", f"record of case {path.stem}")]
    told = f"{record['stage']} of case {record['case']}"
    return [Check(path.parent / name, str(digest), told) for name, digest in record["files"].items()]
