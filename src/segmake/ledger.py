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
import os
import shutil
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from segmake.cores import limited
from segmake.errors import CaseExcluded, CasesFailed, InputError, explained
from segmake.progress import tell_case, track
from segmake.seal import is_broken, sealed
from segmake.tables import Row, hash_path, write_table, write_text

log = logging.getLogger("segmake")
COLUMNS = ("case", "path", "key", "sha256", "seconds", "status", "reason")
RECORDED = {"case", "stage", "key", "files", "columns", "details"}
KILLED = "its process was killed, perhaps for lack of memory; give the job more mem_mb or fewer threads"


@dataclass(frozen=True)
class Item:
    """A case to work on: strings in `inputs` are hashed as they are, paths by their content."""

    case: str
    inputs: tuple[str | Path, ...]
    payload: Any = None
    veil: Callable[[str], str] = str
    """What a message about this case passes before it is logged or written: it may hide names."""


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
    """Else threads: one case can be read and another written while the device computes a third."""

    @property
    def folder(self) -> Path:
        """Where the cases' files and records are."""
        return self.table.parent

    def scratch(self, case: str) -> Path:
        """Where a case's files are made; there only while the case is under work."""
        return self.folder / f".{case}.work"

    def run(self, items: Sequence[Item], work: Work) -> list[Row]:
        """Do what is not done yet, write the table, and return its rows sorted by case.

        `work(item, scratch)` writes the case's files into `scratch`, and must be picklable when
        `processes` is set and there are several threads.

        Raises:
            CasesFailed: some cases failed and `on_error` is "stop" (after the others are done).
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        rows: list[Row] = []
        with limited(1) if self.processes else nullcontext():  # a process per thread
            for row in track(self._each(items, work), len(items), self.stage):
                rows.append(row)
                tell_case(row, f"{self.stage} {len(rows)}/{len(items)} {row['case']}")
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

    def left(self, items: Sequence[Item]) -> list[Item]:
        """Items whose work is not done yet."""
        done = {item.case: _intact_record(self.folder, item.case) for item in items}
        return [item for item in items if (done[item.case] or {}).get("key") != _key(self, item)]

    def _each(self, items: Sequence[Item], work: Work) -> Iterator[Row]:
        if self.threads == 1 or len(items) == 1:
            for item in items:
                yield attempt(self, item, work)
        elif self.processes:
            yield from self._pooled(items, work)
        else:
            with ThreadPoolExecutor(self.threads, "case") as pool:
                yield from pool.map(lambda item: attempt(self, item, work), items)

    def _pooled(self, items: Sequence[Item], work: Work) -> Iterator[Row]:
        """Run in a pool of processes; when one is killed, find the case that kills it and go on."""
        left = {item.case: item for item in items}
        while left:
            with suppress(BrokenProcessPool), self._pool(self.threads) as pool:
                futures = [pool.submit(attempt, self, item, work) for item in left.values()]
                for future in as_completed(futures):
                    row = future.result()
                    del left[row["case"]]
                    yield row
            # A killed pool takes all its cases down: those under work run again alone, the rest together.
            begun = [item for item in left.values() if self.scratch(item.case).exists()]
            for item in begun or list(left.values()):
                del left[item.case]
                yield self._alone(item, work)

    def _alone(self, item: Item, work: Work) -> Row:
        with self._pool(1) as pool:
            try:
                return pool.submit(attempt, self, item, work).result()
            except BrokenProcessPool:
                shutil.rmtree(self.scratch(item.case), ignore_errors=True)
                return _failed_row(item.case, KILLED)

    @staticmethod
    def _pool(processes: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(processes, multiprocessing.get_context("fork"), _end_with_parent)


def attempt(shard: Shard, item: Item, work: Work) -> Row:
    """Skip, do or fail one case; never raises for what the case itself did."""
    started = time.perf_counter()
    scratch = shard.scratch(item.case)
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
    except CaseExcluded as error:
        return _failed_row(item.case, item.veil(str(error))) | {"status": "excluded"}
    except Exception as error:
        log.debug("%s %s\n%s", shard.stage, item.case, item.veil(traceback.format_exc()))
        reason = explained(error) or f"{type(error).__name__}: {error}"
        return _failed_row(item.case, " ".join(item.veil(reason).split()))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def read_record(folder: Path, case: str) -> dict[str, Any]:
    """The record of one case: key, files with their SHA-256, columns, details.

    Raises:
        InputError: there is none, or it is damaged.
    """
    return load_record(folder / f"{case}.json")


def load_record(path: Path) -> dict[str, Any]:
    """The record in a file; see `read_record`."""
    try:
        text = path.read_text(encoding="utf-8")
        record = json.loads(text)
    except (OSError, ValueError) as error:
        raise InputError(f"the record {path} cannot be read: {error}; run its stage again") from error
    if not isinstance(record, dict) or RECORDED - record.keys():
        raise InputError(f"{path} is no record of a case; run its stage again")
    if is_broken(text):
        raise InputError(f"the record {path} was changed since it was written; run its stage again")
    return record


def damaged_files(folder: Path, record: Mapping[str, Any]) -> list[str]:
    """Files of a record that are missing or whose content changed."""
    bad = []
    for name, digest in record["files"].items():
        path = folder / name
        if not path.exists() or hash_path(path) != digest:
            bad.append(name)
    return bad


def _end_with_parent() -> None:
    """Let a worker end when its parent was killed: it would race with the run that goes on."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _key(shard: Shard, item: Item) -> str:
    # One file may hold several channels: it is read once.
    digests = {entry: hash_path(entry) for entry in set(item.inputs) if isinstance(entry, Path)}
    inputs = [digests[entry] if isinstance(entry, Path) else entry for entry in item.inputs]
    parts = [shard.stage, shard.version, dict(shard.settings), item.case, inputs]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def _intact_record(folder: Path, case: str) -> dict[str, Any] | None:
    with suppress(InputError):
        record = read_record(folder, case)
        return None if damaged_files(folder, record) else record
    return None


def _publish(shard: Shard, item: Item, key: str, outcome: Outcome, started: float) -> dict[str, Any]:
    """Move the scratch files into place, the record last.

    Killed in between, the case is done again: the old record's checksums no longer fit. Files that only
    the old record names are removed; a file that would not change keeps its time.
    """
    scratch = shard.scratch(item.case)
    files = {made.name: hash_path(made) for made in sorted(scratch.iterdir())}
    old = _recorded_files(shard.folder, item.case)
    for name in sorted({*old, *files}):
        target = shard.folder / name
        if name in files and target.is_file() and hash_path(target) == files[name]:
            continue
        if name not in files or target.is_dir() or (scratch / name).is_dir():
            _remove(target)
        if name in files:
            (scratch / name).replace(target)
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
    write_text(scratch / "record", sealed(record))
    (scratch / "record").replace(shard.folder / f"{item.case}.json")
    return record


def _recorded_files(folder: Path, case: str) -> list[str]:
    with suppress(InputError):
        return [str(name) for name in read_record(folder, case)["files"]]
    return []


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _row(record: Mapping[str, Any]) -> Row:
    row: Row = {name: str(record.get(name, "")) for name in COLUMNS}
    row |= {"status": "ok", "reason": ""}
    row |= record["columns"]
    return row


def _failed_row(case: str, reason: str) -> Row:
    return dict.fromkeys(COLUMNS, "") | {"case": case, "status": "failed", "reason": reason}
