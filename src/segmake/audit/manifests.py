"""Jobs as their manifests describe them, and which job made a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, get_args

from segmake import jobs
from segmake.errors import InputError
from segmake.ledger import load_record
from segmake.provenance import END, Manifest, base_folder, manifest_path, read_manifest
from segmake.tables import Row, read_table

MACHINE = frozenset({"threads", "gpus", "shard", "shards", "fold", "show", "estimate", "check", "on_error"})
"""Fields of jobs that say where or which part, not how."""
ABOVE = 3
"""How many folders above a file the manifest of the job that made it may lie."""


@dataclass(frozen=True)
class Made:
    """One job that was run. Paths are absolute."""

    path: Path
    """Its manifest."""
    manifest: Manifest

    @cached_property
    def stage(self) -> str:
        """The stage that ran."""
        return str(self.manifest.get("stage", ""))

    @cached_property
    def base(self) -> Path:
        """Folder that its relative paths count from."""
        return base_folder(self.path, str(self.manifest.get("settings", {}).get("output", "")))

    @cached_property
    def output(self) -> Path:
        """Its main result."""
        return self.path.parent / str(self.manifest.get("output", ""))

    @cached_property
    def outputs(self) -> dict[Path, str]:
        """Every file it made, with its SHA-256 then."""
        others = self.manifest.get("outputs", {})
        main = {self.output: str(self.manifest["sha256"])} if "sha256" in self.manifest else {}
        return main | {_plain(self.path.parent / name): str(digest) for name, digest in others.items()}

    @cached_property
    def inputs(self) -> dict[Path, str]:
        """Every file it read, with its SHA-256 then; files whose path is hidden are left out."""
        found = self.manifest.get("inputs", {}).items()
        return {_plain(self.base / name): str(digest) for name, digest in found if not name.startswith("<")}

    @cached_property
    def settings(self) -> dict[str, Any]:
        """How it was done: no files, nothing of the machine."""
        given: dict[str, Any] = self.manifest.get("settings", {})
        files = _path_fields(self.stage)
        return {name: value for name, value in given.items() if name not in files | MACHINE}


@dataclass(frozen=True)
class CaseFile:
    """A file of a case in the ledger."""

    record: dict[str, Any]
    table: Path | None
    """The table of its shard, where there is one."""
    row: Row = field(default_factory=dict)


def read_made(folder: Path) -> Iterator[Made]:
    """Every job of a results folder, in the order of its manifests' paths; a damaged manifest is skipped."""
    for path in manifest_paths(folder):
        with suppress(InputError):
            yield Made(path, read_manifest(path))


def manifest_paths(folder: Path) -> list[Path]:
    """Manifests below a folder."""
    return sorted(path for path in folder.absolute().rglob(f"*{END}") if not is_hidden(path, folder))


def is_hidden(path: Path, folder: Path) -> bool:
    """Whether a path lies in a hidden folder, or is a hidden file (work under way, Snakemake's own)."""
    return any(part.startswith(".") for part in path.absolute().relative_to(folder.absolute()).parts)


def find_maker(path: Path) -> Made | None:
    """The job that made a file: beside it, or a few folders above it, lies a manifest that names it."""
    path = _plain(path.absolute())
    own = manifest_path(path)
    for folder in [*path.parents][:ABOVE]:
        first = [own] if folder == own.parent and own.exists() else []
        for candidate in chain(first, _others(folder, own)):
            with suppress(InputError):
                made = Made(candidate, read_manifest(candidate))
                if path in made.outputs or path == candidate:
                    return made
    return None


def _others(folder: Path, own: Path) -> Iterator[Path]:
    """Manifests of a folder but one; a shard's own one is mostly right, and there may be a thousand."""
    yield from (path for path in sorted(folder.glob(f"*{END}")) if path != own)


def find_case(path: Path) -> CaseFile | None:
    """The record of the case that a file belongs to, and the table of its shard."""
    stems = (path.name[:end] for end in range(len(path.name), 0, -1))
    for stem in stems:
        candidate = path.with_name(f"{stem}.json")
        if candidate.exists():
            with suppress(InputError):
                record = load_record(candidate)
                if path.name in record["files"] or path == candidate:
                    return CaseFile(record, *_row_of(path.parent, record["case"]))
    return None


def _row_of(folder: Path, case: str) -> tuple[Path | None, Row]:
    for table in sorted(folder.glob("shard-*.tsv")):
        for row in read_table(table):
            if row.get("case") == case:
                return table, row
    return None, {}


def _path_fields(stage: str) -> frozenset[str]:
    """Fields of a stage's job that name files."""
    job = getattr(jobs, f"{stage.capitalize()}Job", None)
    if job is None:
        return frozenset()
    return frozenset(name for name, told in job.model_fields.items() if _names_files(told.annotation))


def _names_files(annotation: Any) -> bool:
    return annotation is Path or any(_names_files(part) for part in get_args(annotation))


def _plain(path: Path) -> Path:
    """A path without `..` (links are left as they are)."""
    return Path(os.path.normpath(path))
