"""Everything that shows a training run while it runs: the bar, history.csv, TensorBoard, MLflow."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from segmake.learning.events import EventFile
from segmake.learning.history import Display, History
from segmake.learning.run import Run
from segmake.tables import write_text

WRITE_SECONDS = 5.0
"""Least time between two versions of history.csv."""


class Sink(Protocol):
    """Something that is told scalars by step."""

    def add(self, step: int, scalars: dict[str, float], /) -> None:
        """Take the scalars of a step."""

    def close(self) -> None:
        """End."""


class Journal:
    """Where the course of a run goes; open it with the loop, tell it after every step.

    title: what the bar is called, empty for no bar; csv: the history as a file; events: folder of
    TensorBoard's files; others: what else is told of every row. Without these a journal only draws the bar.
    """

    def __init__(
        self,
        title: str = "train",
        csv: Path | None = None,
        events: Path | None = None,
        others: Sequence[Sink] = (),
    ) -> None:
        self.csv, self.events, self.others = csv, events, others
        self.display = Display(title)
        self._file: EventFile | None = None
        self._batch = self._told = 0
        self._written = -WRITE_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.display.close()
        for sink in self._sinks():
            sink.close()

    def start(self, run: Run, progress: float, batch: int) -> None:
        """Begin, go on, or begin again at an earlier step: what was told of later steps is void."""
        self.display.start(progress)
        self._batch, self._told = batch, len(run.history.rows)
        if self.events is not None:
            if self._file is not None:
                self._file.close()
            self._file = EventFile(self.events, run.step + 1)

    def show(self, run: Run, progress: float) -> None:
        """Show how far the run is, and tell all about rows that are new."""
        self.display.show(progress, run.step, run.seconds, self._batch, run.history)
        if len(run.history.rows) > self._told:
            self._tell(run.history)
            if time.perf_counter() - self._written > WRITE_SECONDS:
                self._write(run.history)

    def finish(self, run: Run) -> None:
        """Tell about the last row, which the end of a run closes again, and write the whole history."""
        self._told = min(self._told, len(run.history.rows) - 1)
        self._tell(run.history)
        self._write(run.history)

    def _tell(self, history: History) -> None:
        for row in history.rows[self._told :]:
            scalars = {name: value for name, value in row.items() if name != "step"}
            for sink in self._sinks():
                sink.add(int(row["step"]), scalars)
        self._told = len(history.rows)

    def _write(self, history: History) -> None:
        if self.csv is not None:
            write_text(self.csv, history.to_csv())
        self._written = time.perf_counter()

    def _sinks(self) -> list[Sink]:
        return [*([self._file] if self._file else []), *self.others]
