"""Jobs that failed: which, why, and where their log is."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from segmake.operations.roster import Roster, State
from segmake.tables import write_table

FAILURES = Path("failures.tsv")
COLUMNS = ("stage", "job", "log", "reason")
TAIL_BYTES = 64_000
SENTENCE = "segmake: "
SILENT = "the log does not say why: its process may have been killed, perhaps for lack of memory or time"


@dataclass(frozen=True)
class Failure:
    """A job that failed. log: its path; reason: the sentence, or the last thing that was said."""

    stage: str
    job: str
    log: Path
    reason: str
    last: tuple[str, ...]


def find_failures(roster: Roster, alive: bool, lines: int = 5) -> list[Failure]:
    """The failed jobs of a run, with what their logs said last before the reason."""
    found = []
    for entry in roster.entries:
        if roster.state(entry, alive) is State.FAILED:
            log = roster.folder / entry.log
            last = last_lines(log, lines + 1)
            said = [line for line in last if SENTENCE not in line][-lines:] if lines else []
            found.append(Failure(entry.stage, entry.name, log, reason_in(last), tuple(said)))
    return found


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a text file that are not blank; none when it cannot be read."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]


def reason_in(lines: Sequence[str]) -> str:
    """The sentence that a job ended with, or that its log has none."""
    for line in reversed(lines):
        if SENTENCE in line:
            return line.partition(SENTENCE)[2]
    return f"{SILENT} (last line: {lines[-1]})" if lines else SILENT


def write_failures(folder: Path, failures: Sequence[Failure]) -> Path:
    """Write the table of failures into the results folder; without any, an old one goes."""
    path = folder / FAILURES
    if failures:
        rows = [{"stage": f.stage, "job": f.job, "log": str(f.log), "reason": f.reason} for f in failures]
        write_table(path, rows, COLUMNS)
    else:
        path.unlink(missing_ok=True)
    return path


def format_failures(failures: Sequence[Failure]) -> str:
    """The failures for a terminal: a paragraph each, log path and last lines."""
    blocks = []
    for failure in failures:
        head = f"{failure.stage} {failure.job}".strip()
        last = "".join(f"\n    | {line}" for line in failure.last)
        blocks.append(f"  {head}: {failure.reason}\n    {failure.log}{last}")
    return "\n".join(blocks)
