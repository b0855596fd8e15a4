"""The ledger: the one piece of code behind every batch stage.

A shard is a table with a row per case. For each case the key is a hash of the content of its inputs, the
stage's settings and the stage's version. If the record beside the case's files has this key and the files
have their recorded SHA-256, the case is skipped; else its files are made in a scratch folder and renamed
into place, the record last. So a killed job goes on where it stopped, a second run does nothing, a changed
case costs one case, and a failing case is a row with its reason while the others are done.
"""

from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segmake.errors import CasesFailed, InputError, SegmakeError
from segmake.progress import tell, track
from segmake.tables import Row, hash_path, write_table, write_text

log = logging.getLogger("segmake")
COLUMNS = ("case", "path", "key", "sha256", "seconds", "status", "reason")
KILLED = "its process was killed, perhaps for lack of memory; give the job more mem_mb or fewer threads"


@dataclass(frozen=True)
class Item:
    """A case to work on: strings in `inputs` are hashed as they are, paths by their content."""

    case: str
    inputs: tuple[str | Path, ...]
    payload: Any = None


@dataclass(frozen=True)
class Outcome:
    """What the work on a case made: its main file, its table columns, details kept in the record only."""

    path: str
    columns: Mapping[str, object] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)


Work = Callable[[Item, Path], Outcome]


@dataclass(frozen=True)
class Shard:
    """A batch job: every case once, its files and record beside the table."""

    stage: str
    version: int
    table: Path
    settings: Mapping[str, Any]
    threads: int = 1
    on_error: str = "stop"
    processes: bool = True

    @property
    def folder(self) -> Path:
        """Where the cases' files and records are."""
        return self.table.parent

    def run(self, items: Sequence[Item], work: Work) -> list[Row]:
        """Do what is not done yet, write the table, and return its rows sorted by case.

        `work(item, scratch)` writes the case's files into `scratch`, and must be picklable when
        `processes` is set and there are several threads.

        Raises:
            CasesFailed: some cases failed and `on_error` is "stop" (after the others are done).
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        rows: list[Row] = []
        done = self._each(items, work)
        for row in track(done, len(items), self.stage):
            rows.append(row)
            note = row["reason"] or f"{row['seconds']} s"
            place = f"{self.stage} {len(rows)}/{len(items)}"
            if row["status"] == "failed":
                log.error("%s %s failed: %s", place, row["case"], note)
            else:
                tell("%s %s %s", place, row["case"], "already done" if row.pop("skipped", "") else note)
        rows.sort(key=lambda row: row["case"])
        write_table(self.table, rows, COLUMNS)
        failed = [row for row in rows if row["status"] == "failed"]
        if failed and self.on_error == "stop":
            reasons = "; ".join(f"{row['case']}: {row['reason']}" for row in failed[:5])
            raise CasesFailed(
                f"{self.stage}: {len(failed)} of {len(rows)} cases failed ({reasons}); the others are kept. "
                "Mend or remove the failed ones and run again, or set on_error: exclude"
            )
        return rows

    def _each(self, items: Sequence[Item], work: Work) -> Iterator[Row]:
        if self.processes and self.threads > 1 and len(items) > 1:
            yield from self._pooled(items, work)
        else:
            for item in items:
                yield attempt(self, item, work)

    def _pooled(self, items: Sequence[Item], work: Work) -> Iterator[Row]:
        """Run in a pool of processes; when one is killed, find the case that kills it and go on."""
        left = {item.case: item for item in items}
        context = multiprocessing.get_context("fork")
        with suppress(BrokenProcessPool), ProcessPoolExecutor(self.threads, context) as pool:
            futures = [pool.submit(attempt, self, item, work) for item in items]
            for future in as_completed(futures):
                row = future.result()
                del left[row["case"]]
                yield row
        for item in left.values():
            with ProcessPoolExecutor(1, context) as pool:
                try:
                    yield pool.submit(attempt, self, item, work).result()
                except BrokenProcessPool:
                    yield _failed_row(item.case, KILLED)


def attempt(shard: Shard, item: Item, work: Work) -> Row:
    """Skip, do or fail one case; never raises for what the case itself did."""
    started = time.perf_counter()
    scratch = shard.folder / f".{item.case}.work"
    try:
        key = _key(shard, item)
        record = _intact_record(shard.folder, item.case)
        if record is not None and record["key"] == key:
            return _row(record) | {"skipped": "yes"}
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        outcome = work(item, scratch)
        record = _publish(shard, item, key, outcome, started)
        return _row(record)
    except Exception as error:
        log.debug("%s %s", shard.stage, item.case, exc_info=True)
        reason = str(error) if isinstance(error, SegmakeError) else f"{type(error).__name__}: {error}"
        return _failed_row(item.case, " ".join(reason.split()))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def read_record(folder: Path, case: str) -> dict[str, Any]:
    """The record of one case: key, files with their SHA-256, columns, details."""
    try:
        record: dict[str, Any] = json.loads((folder / f"{case}.json").read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError) as error:
        raise InputError(f"the record of case {case} in {folder} cannot be read: {error}") from error
    return record


def damaged_files(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Files of a record that are missing or whose content changed."""
    bad = []
    for name, digest in record["files"].items():
        path = folder / name
        if not path.exists() or hash_path(path) != digest:
            bad.append(name)
    return bad


def _key(shard: Shard, item: Item) -> str:
    inputs = [hash_path(entry) if isinstance(entry, Path) else entry for entry in item.inputs]
    parts = [shard.stage, shard.version, dict(shard.settings), item.case, inputs]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _intact_record(folder: Path, case: str) -> dict[str, Any] | None:
    try:
        record = read_record(folder, case)
        return None if damaged_files(folder, record) else record
    except (InputError, KeyError):
        return None


def _publish(shard: Shard, item: Item, key: str, outcome: Outcome, started: float) -> dict[str, Any]:
    """Move the scratch files into place and write the record last: a record means the case is whole."""
    record_path = shard.folder / f"{item.case}.json"
    record_path.unlink(missing_ok=True)
    files = {}
    for made in sorted((shard.folder / f".{item.case}.work").iterdir()):
        files[made.name] = hash_path(made)
        target = shard.folder / made.name
        if target.is_dir():
            shutil.rmtree(target)
        made.replace(target)
    record = {
        "case": item.case,
        "stage": shard.stage,
        "key": key,
        "path": outcome.path,
        "sha256": files[outcome.path],
        "seconds": round(time.perf_counter() - started, 3),
        "files": files,
        "columns": {name: str(value) for name, value in outcome.columns.items()},
        "details": dict(outcome.details),
    }
    write_text(record_path, json.dumps(record, indent=1) + "\n")
    return record


def _row(record: Mapping[str, Any]) -> Row:
    row: Row = {name: str(record.get(name, "")) for name in COLUMNS}
    row |= {"status": "ok", "reason": ""}
    row |= record["columns"]
    return row


def _failed_row(case: str, reason: str) -> Row:
    return dict.fromkeys(COLUMNS, "") | {"case": case, "status": "failed", "reason": reason}
