"""Run a command and its children, and see how long they took and how much memory they held together."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PAUSE_S = 0.05
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Measured:
    """Wall seconds of a command and peak memory of it with all its children.

    cpu_s: processor seconds of the command and of the children it waited for.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float


def run_measured(command: list[str], env: Mapping[str, str] | None = None) -> Measured:
    """Run a command to its end; raise with its output when it fails.

    The memory is the largest sum over the process tree of resident private and shared pages, each page once
    (proportional set size), sampled every few hundredths of a second; for one process, the kernel's own peak
    as it was last seen. (What `wait4` tells of memory begins with that of the parent, which may be larger.)
    """
    with tempfile.TemporaryFile("w+") as told:
        started = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, **(env or {})}, stdout=told, stderr=told)
        peak = _Peak(process.pid)
        peak.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        peak.stop()
        if process.returncode:
            told.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed:\n{told.read()[-4000:]}")
    return Measured(wall, usage.ru_utime + usage.ru_stime, peak.mb)


class _Peak(threading.Thread):
    """Samples the memory of a process tree until it is stopped."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self.root, self.mb = root, 0.0
        self._ended = threading.Event()

    def run(self) -> None:
        """Look again and again."""
        while not self._ended.wait(PAUSE_S):
            tree = _descendants(self.root)
            alone = _said_mb(self.root, "status", "VmHWM:")
            together = sum(_said_mb(pid, "smaps_rollup", "Pss:") for pid in tree) if len(tree) > 1 else 0.0
            self.mb = max(self.mb, alone, together)

    def stop(self) -> None:
        """End the sampling."""
        self._ended.set()
        self.join()


def _descendants(root: int) -> list[int]:
    found = [root]
    for pid in found:
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += [int(word) for word in file.read_text().split()]
            except OSError:
                continue
    return found


def _said_mb(pid: int, file: str, what: str) -> float:
    """A figure of /proc/PID, in MB; 0 when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith(what)) / 1024
