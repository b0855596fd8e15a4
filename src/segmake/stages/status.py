"""status: takes a results folder, shows what is done, running, failed and left of its last run."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Any

from segmake.operating import StatusJob
from segmake.operations.course import Running, Stage, follow, total_seconds
from segmake.operations.failures import Failure, find_failures, format_failures
from segmake.operations.roster import Roster, State, read_roster

HEAD = ("stage", *map(str, State), "cases failed", "left out", "time left")


def run(job: StatusJob) -> None:
    """Print the tables, or one JSON object."""
    roster = read_roster(job.folder)
    alive = roster.alive()
    stages, failures = follow(roster, alive), find_failures(roster, alive, job.lines)
    if job.as_json:
        text = json.dumps(as_json(roster, alive, stages, failures), indent=1, default=str)
    else:
        text = format_status(roster, alive, stages, failures)
    sys.stdout.write(f"{text}\n")


def as_json(roster: Roster, alive: bool, stages: list[Stage], failures: list[Failure]) -> dict[str, Any]:
    """What the tables show, for programs."""
    return {
        "folder": str(roster.folder),
        "running": alive,
        "host": roster.host,
        "pid": roster.pid,
        "seconds_left": total_seconds(stages),
        "stages": [asdict(stage) for stage in stages],
        "failures": [asdict(failure) for failure in failures],
    }


def format_status(roster: Roster, alive: bool, stages: list[Stage], failures: list[Failure]) -> str:
    """The tables for a terminal."""
    blocks = [_state_of_run(roster, alive, stages), _table(stages)]
    if running := [job for stage in stages for job in stage.running]:
        blocks.append("\n".join(["running", *(f"  {_told(job)}" for job in running)]))
    if failures:
        blocks.append(f"failed\n{format_failures(failures)}")
    return "\n\n".join(blocks)


def _state_of_run(roster: Roster, alive: bool, stages: list[Stage]) -> str:
    left = sum(stage.jobs[state] for stage in stages for state in State if state is not State.DONE)
    who = f"snakemake {roster.pid} on {roster.host}"
    if not alive:
        if not left:
            return f"{roster.folder}: everything is done"
        locked = any((roster.folder / ".snakemake/locks").glob("*.lock"))
        unlock = "; after a kill the folder is locked: `snakemake --unlock` first" if locked else ""
        return f"{roster.folder}: {who} has ended with {left} jobs left; run it again to go on{unlock}"
    seconds = total_seconds(stages)
    open_ = [stage.name for stage in stages if stage.seconds_left is None]
    known = sum(stage.seconds_left or 0.0 for stage in stages)
    eta = in_words(seconds) if seconds is not None else f"{in_words(known)} and {', '.join(open_)}"
    return f"{roster.folder}: {who} is running, {left} jobs left, about {eta} to go"


def _table(stages: list[Stage]) -> str:
    rows = [HEAD]
    for stage in stages:
        counts = [str(stage.jobs[state] or "") for state in State]
        cases = [str(stage.failed_cases or ""), str(stage.excluded_cases or "")]
        rows.append((stage.name, *counts, *cases, _left(stage.seconds_left)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) if column == 0 else cell.rjust(width) for column, (cell, width) in pairs)
        for pairs in (list(enumerate(zip(row, widths, strict=True))) for row in rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def _left(seconds: float | None) -> str:
    return "?" if seconds is None else in_words(seconds) if seconds else ""


def _told(job: Running) -> str:
    share = "" if job.progress is None else f" {100 * job.progress:.0f} %"
    return f"{job.stage} {job.job}{share} after {in_words(job.seconds)}: {job.words or 'nothing said yet'}"


def in_words(seconds: float) -> str:
    """A duration for people: seconds, minutes, or hours and minutes."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02d} min"
