"""Stop requests (SIGTERM of a scheduler, Ctrl-C) that wait for the end of a step."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Self

from segmake.errors import SegmakeError

SIGNALS = ("SIGTERM", "SIGINT", "SIGUSR1")


class Stopped(SegmakeError):
    """Training was asked to stop; its state is kept, and the same command goes on from there.

    The exit code is EX_TEMPFAIL of sysexits.h: try again later, as Snakemake's `retries` does.
    """

    exit_code = 75


class StopRequest:
    """While open, remembers a signal instead of dying from it; `number` says which one came, 0 none."""

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[int, object] = {}

    @property
    def name(self) -> str:
        """What the signal is called, empty when none came."""
        return signal.Signals(self.number).name if self.number else ""

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in SIGNALS:
                number = getattr(signal, name, None)
                if number is not None:
                    self._before[number] = signal.signal(number, self._remember)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _remember(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  set by signal
        self.number = number
