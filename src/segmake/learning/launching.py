"""Starts the processes of one training on one machine, passes signals on, and says what became of them.

What torchrun does too, but with segmake's exit codes and sentences, and without a limit on the time that a
step and its checkpoint take after a signal.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence

from torch.distributed import TCPStore  # type: ignore[attr-defined]

from segmake.errors import SegmakeError
from segmake.learning.distributed import environment
from segmake.learning.interruption import Stopped, StopRequest

log = logging.getLogger("segmake")
GRACE_SECONDS = 30.0
"""What is left of a training after one process has failed gets this long to end by itself."""
POLL_SECONDS = 0.1
FAULT = 1
SEGMAKE = (sys.executable, "-m", "segmake.cli")


class Process:
    """One process; what the first one says goes to the log, the last words of the others are kept."""

    def __init__(self, arguments: Sequence[str], rank: int, count: int, port: int) -> None:
        self.rank = rank
        self.words: deque[str] = deque(maxlen=100)
        self.run = subprocess.Popen(
            [*SEGMAKE, *arguments],
            env=environment(rank, count, port),
            stderr=subprocess.PIPE,
            text=True,
            errors="backslashreplace",
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        for line in self.run.stderr or ():
            self.words.append(line.rstrip())
            log.log(logging.DEBUG if self.rank else logging.INFO, "%s", self.words[-1])

    def close(self) -> str:
        """Wait until all is heard; the last line."""
        self.run.wait()
        self._listener.join()
        if self.run.stderr:
            self.run.stderr.close()
        return self.words[-1].removeprefix("segmake: ") if self.words else "it said nothing"


def launch(arguments: Sequence[str], count: int) -> None:
    """Run `segmake ARGUMENTS` in `count` processes that train together, until all have ended.

    Raises:
        Stopped: they were asked to stop and have saved their state.
        SegmakeError: one of them failed; the others are ended.
    """
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    with StopRequest() as stop:
        processes: list[Process] = []
        try:
            for rank in range(count):
                processes.append(Process(arguments, rank, count, store.port))  # noqa: PERF401  keeps those begun
            failed = _watch(processes, stop)
        finally:
            for process in processes:
                process.run.kill()  # does nothing to one that has ended
                process.close()
    if failed:
        _explain(failed, count, stop.name)


def _watch(processes: Sequence[Process], stop: StopRequest) -> list[tuple[int, Process]]:
    """Wait for the end of all, or some time after the first failure; codes of those that failed by then."""
    deadline, told = float("inf"), 0
    while any(process.run.poll() is None for process in processes) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        if stop.number != told:
            told = stop.number
            for process in processes:
                process.run.send_signal(told)
        if deadline == float("inf") and any(process.run.poll() for process in processes):
            deadline = time.monotonic() + GRACE_SECONDS
    return [(code, process) for process in processes if (code := process.run.poll())]


def _explain(failed: Sequence[tuple[int, Process]], count: int, stopped: str) -> None:
    """Name the process that failed first: a fault is mostly that another one does not answer any more."""
    code, process = min(failed, key=lambda each: (each[0] == FAULT, each[0]))
    if code < 0 and stopped:
        raise Stopped(f"training was stopped by {stopped} between steps; run it again to go on")
    if code < 0:
        name = signal.Signals(-code).name
        raise SegmakeError(
            f"process {process.rank} of {count} was killed by {name}, and with it this training; run it "
            "again to go on from its last checkpoint (out of memory? give the job more mem_mb)"
        )
    said = process.close()
    if code == Stopped.exit_code:
        raise Stopped(said)
    if code == FAULT:
        for line in process.words if process.rank else ():
            log.error("%s", line)
        raise RuntimeError(f"process {process.rank} of {count}: {said}")
    raise SegmakeError(said)
