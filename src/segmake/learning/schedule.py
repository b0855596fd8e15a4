"""How far a run is, and the learning rate there."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """What a run may cost: a number of steps, or minutes when given."""

    steps: int
    minutes: float | None = None

    def progress(self, step: int, seconds: float) -> float:
        """Fraction of the budget used after `step` steps and `seconds` of training; 1 means done."""
        used = step / self.steps if self.minutes is None else seconds / (60 * self.minutes)
        return min(1.0, used)


def learning_rate(progress: float, peak: float, warmup: float) -> float:
    """Linear warm-up over a fraction of the run, then a cosine to zero (Loshchilov and Hutter, SGDR, 2017).

    The warm-up begins at a hundredth of the peak, so that the first step already learns.
    """
    if progress < warmup:
        return peak * max(0.01, progress / warmup)
    after = (progress - warmup) / (1 - warmup)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, after)))
