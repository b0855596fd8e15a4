"""Batches for the loop, read ahead in a thread, at whatever step the loop is."""

from __future__ import annotations

import time
from collections.abc import Generator
from types import TracebackType
from typing import Self

from segmake.learning.sampling import Batch, Sampler


class Loader:
    """Gives the batch of a step; steps in sequence are already read when they are asked for.

    waited: seconds that `take` has spent waiting so far.
    """

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler
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
            self._batches = self.sampler.batches(step)
        batch = next(self._batches)
        self._next = step + 1
        self.waited += time.perf_counter() - begun
        return batch

    def cases(self, step: int) -> list[str]:
        """Names of the cases that the patches of a step come from."""
        return [self.sampler.choose(step, index)[0].name for index in range(self.sampler.batch)]
