"""How far a run is: counts by stage, how far the running jobs are, and how long the rest may take."""

from __future__ import annotations

import csv
import re
import statistics
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from segmake.errors import InputError
from segmake.operations.failures import last_lines
from segmake.operations.roster import Entry, Roster, State
from segmake.tables import read_table

PLACE = re.compile(r" (\d+)/(\d+) ")
"""How a batch stage counts its cases in its log."""
STEPS = 2000
"""What `train.steps` is when no flag names it (a test holds it)."""


@dataclass
class Stage:
    """Jobs of a stage by state, cases that came to nothing, and seconds that the rest may take."""

    name: str
    jobs: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    failed_cases: int = 0
    excluded_cases: int = 0
    seconds_left: float | None = 0.0
    running: list[Running] = field(default_factory=list)


@dataclass(frozen=True)
class Running:
    """A job that runs. progress: from 0 to 1, None when nothing tells; words: the same for people."""

    stage: str
    job: str
    seconds: float
    progress: float | None
    words: str


def follow(roster: Roster, alive: bool) -> list[Stage]:
    """Every stage of a run, in the order of the DAG's first jobs."""
    stages: dict[str, Stage] = {}
    members: dict[str, list[tuple[Entry, State]]] = {}
    for entry in roster.entries:
        state = roster.state(entry, alive)
        stage = stages.setdefault(entry.stage, Stage(entry.stage))
        stage.jobs[state] += 1
        members.setdefault(entry.stage, []).append((entry, state))
        if state is State.RUNNING:
            stage.running.append(_running(roster, entry))
        elif state is State.DONE:
            _count_cases(stage, roster.folder, entry)
    for name, jobs in members.items():
        stages[name].seconds_left = _seconds_left(roster, jobs, stages[name].running)
    return list(stages.values())


def total_seconds(stages: Iterable[Stage]) -> float | None:
    """Seconds that the whole run may take still; None when a stage cannot be foretold."""
    left = [stage.seconds_left for stage in stages]
    return None if None in left else sum(seconds or 0.0 for seconds in left)


def _running(roster: Roster, entry: Entry) -> Running:
    """How far a job is, by the history of its training or by its log."""
    log = roster.folder / entry.log
    seconds = _age(log)
    for output in entry.outputs:
        if output.endswith("history.csv") and (told := _training(roster.folder / output, entry.words)):
            return Running(entry.stage, entry.name, seconds, *told)
    last = last_lines(log, 1) if entry.log else []
    found = PLACE.search(f" {last[0]} ") if last else None
    if found:
        return Running(entry.stage, entry.name, seconds, int(found[1]) / max(1, int(found[2])), last[0])
    return Running(entry.stage, entry.name, seconds, None, last[0] if last else "")


def _training(history: Path, words: Sequence[str]) -> tuple[float, str] | None:
    """Progress of a training and its last figures, from what it writes of itself."""
    try:
        with history.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        last = rows[-1]
        step, minutes = float(last["step"]), float(last["minutes"])
    except (OSError, ValueError, KeyError, IndexError):
        return None
    budget, unit, done = (_flag(words, "--minutes"), "minutes", minutes)
    if budget is None:
        budget, unit, done = (_flag(words, "--steps") or STEPS, "steps", step)
    figures = [f"loss {last['loss']}"] if last.get("loss") else []
    dice = [row["val_dice"] for row in rows if row.get("val_dice")]
    figures += [f"validation Dice {dice[-1]}"] if dice else []
    return min(1.0, done / budget), ", ".join([f"{done:g} of {budget:g} {unit}", *figures])


def _flag(words: Sequence[str], flag: str) -> float | None:
    """Number that follows a flag."""
    with suppress(ValueError, IndexError):
        return float(words[words.index(flag) + 1])
    return None


def _count_cases(stage: Stage, folder: Path, entry: Entry) -> None:
    """Add the cases of a shard's table that failed or were left out."""
    for output in entry.outputs:
        if Path(output).name.startswith("shard-") and output.endswith(".tsv"):
            with suppress(InputError):
                found = [row.get("status") for row in read_table(folder / output)]
                stage.failed_cases += found.count("failed")
                stage.excluded_cases += found.count("excluded")


def _seconds_left(
    roster: Roster, jobs: Sequence[tuple[Entry, State]], running: Sequence[Running]
) -> float | None:
    """Seconds that a stage may take still, by its benchmark files and by how far its running jobs are.

    None when nothing of the stage has been measured yet.
    """
    waiting = sum(state in (State.LEFT, State.FAILED) for _, state in jobs)
    if not waiting and not running:
        return 0.0
    measured = [s for entry, state in jobs if state is State.DONE and (s := _benchmark(roster, entry))]
    paced = [job.seconds / job.progress for job in running if job.progress]
    if not measured and not paced:
        return None
    usual = statistics.median(measured or paced)
    each = [
        job.seconds * (1 / job.progress - 1) if job.progress else max(0.0, usual - job.seconds)
        for job in running
    ]
    total = sum(each) + waiting * usual
    at_once = min(len(each) + waiting, _at_once(roster, jobs[0][0], len(running)))
    return max([total / at_once, *each])


def _at_once(roster: Roster, entry: Entry, running: int) -> int:
    """How many jobs of a stage run at a time."""
    if roster.jobs_at_once:
        return roster.jobs_at_once
    if roster.cores:
        return max(1, roster.cores // max(1, min(entry.threads, roster.cores)))
    return max(1, running)


def _benchmark(roster: Roster, entry: Entry) -> float:
    """Wall seconds of a finished job; 0 when they were not measured."""
    with suppress(InputError, ValueError, KeyError, IndexError):
        return float(read_table(roster.folder / entry.benchmark)[0]["s"])
    return 0.0


def _age(path: Path) -> float:
    """Seconds since a job's log was begun: the time that its first line names, else of the file."""
    with suppress(OSError, ValueError, IndexError):
        with path.open(encoding="utf-8", errors="replace") as stream:
            stamp = stream.readline()[:19]
        return max(0.0, time.time() - time.mktime(time.strptime(stamp, "%Y-%m-%d %H:%M:%S")))
    return 0.0
