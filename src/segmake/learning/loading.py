"""Batches for the loop, read ahead in a thread, at whatever step the loop is."""

from __future__ import annotations

import time
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Protocol, Self

from segmake.learning.sampling import Batch


class Source(Protocol):
    """Batches by step: the same one whenever it is asked for, from any thread."""

    def read(self, step: int) -> Batch:
        """Read the patches of one step."""

    def names(self, step: int) -> list[str]:
        """Names of the cases that they come from."""


class Loader:
    """Gives the batch of a step; steps in sequence are already read when they are asked for.

    waited: seconds that `take` has spent waiting so far.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.waited = 0.0
        self._next = -1
        self._batches: Generator[Batch, None, None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading ahead."""
        if self._batches is not None:
            self._batches.close()

    def take(self, step: int) -> Batch:
        """Batch of this step; after a jump, reading ahead begins anew."""
        begun = time.perf_counter()
        if self._batches is None or step != self._next:
            self.close()
            self._batches = read_ahead(self.source, step)
        batch = next(self._batches)
        self._next = step + 1
        self.waited += time.perf_counter() - begun
        return batch


def read_ahead(source: Source, start: int, ahead: int = 2) -> Generator[Batch, None, None]:
    """Yield the batches from step `start` on, without end, read ahead in a thread."""
    with ThreadPoolExecutor(1) as pool:
        waiting: list[Future[Batch]] = [pool.submit(source.read, start + i) for i in range(ahead)]
        step = start + ahead
        try:
            while True:
                waiting.append(pool.submit(source.read, step))
                step += 1
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()
