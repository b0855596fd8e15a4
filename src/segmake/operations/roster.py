"""The jobs of a run, noted by the Snakefile when it starts, and what has become of each since.

Nothing is asked of Snakemake while it runs: outputs, its marks of unfinished outputs, and the times of logs
tell, and they do so on another machine of a cluster as well.
"""

from __future__ import annotations

import json
import os
import socket
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from segmake.errors import InputError
from segmake.tables import write_text

ROSTER = Path("logs/roster.json")
LONGEST_NAME = 254
"""Snakemake cuts the names of its marks at the file system's 255 characters, less one."""


class State(StrEnum):
    """What has become of a job."""

    DONE = "done"
    RUNNING = "running"
    FAILED = "failed"
    LEFT = "left"


@dataclass(frozen=True)
class Entry:
    """A job of a run: its rule, what its wildcards are, and its files, relative to the results folder."""

    stage: str
    name: str
    outputs: tuple[str, ...]
    log: str = ""
    benchmark: str = ""
    threads: int = 1
    todo: bool = True
    """Whether this run had it to do when it started."""
    words: tuple[str, ...] = ()
    """Flags that its settings became."""


@dataclass(frozen=True)
class Roster:
    """A run. started: when, by the clock of the file system; cores, jobs_at_once: what it was allowed."""

    folder: Path
    entries: tuple[Entry, ...]
    started: float
    pid: int
    host: str
    cores: int | None = None
    jobs_at_once: int | None = None

    def alive(self) -> bool:
        """Whether the snakemake of this run goes on, as far as this machine can tell."""
        if self.host == socket.gethostname():
            return Path(f"/proc/{self.pid}").exists() if Path("/proc/self").exists() else _signalled(self.pid)
        return any((self.folder / ".snakemake/locks").glob("*.lock"))

    def state(self, entry: Entry, alive: bool) -> State:
        """What has become of a job; a mark of a run that ended is a job that was cut off, and is left."""
        if any(mark_of(self.folder, output).exists() for output in entry.outputs):
            return State.RUNNING if alive else State.LEFT
        if all(self._made(output, entry.todo) for output in entry.outputs):
            return State.DONE
        begun = _time(self.folder / entry.log) if entry.log else 0.0
        return State.FAILED if entry.todo and begun >= self.started else State.LEFT

    def _made(self, output: str, todo: bool) -> bool:
        """Whether an output is there, and was made since the start if it had to be."""
        time = _time(self.folder / output)
        return time >= self.started if todo else time > 0


def write_roster(
    folder: Path, entries: Iterable[Entry], cores: int | None = None, jobs_at_once: int | None = None
) -> None:
    """Note the jobs of the run that this process begins."""
    about = {"pid": os.getpid(), "host": socket.gethostname(), "cores": cores, "jobs_at_once": jobs_at_once}
    write_text(folder / ROSTER, json.dumps(about | {"jobs": [asdict(entry) for entry in entries]}) + "\n")


def read_roster(folder: Path) -> Roster:
    """The last run in a results folder.

    Raises:
        InputError: there was none.
    """
    path = folder / ROSTER
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        entries = tuple(_entry(job) for job in content["jobs"])
        about = {name: content[name] for name in ("pid", "host", "cores", "jobs_at_once")}
        return Roster(folder, entries, path.stat().st_mtime, **about)
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no run ({ROSTER} is missing); give the workdir of a configuration that "
            "snakemake has run, not only planned"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read: {error}; start snakemake again") from error


def mark_of(folder: Path, output: str) -> Path:
    """Where Snakemake notes that an output is being made (its file persistence)."""
    name = urlsafe_b64encode(output.encode()).decode()
    parts = [name[start : start + LONGEST_NAME] for start in range(0, len(name), LONGEST_NAME)]
    return folder.joinpath(".snakemake/incomplete", *(f"@{part}" for part in parts[:-1]), parts[-1])


def _entry(job: Mapping[str, Any]) -> Entry:
    lists = {name: tuple(job[name]) for name in ("outputs", "words")}
    return Entry(**{**job, **lists})


def _time(path: Path) -> float:
    """When a file was written; 0 when it is not there."""
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _signalled(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
