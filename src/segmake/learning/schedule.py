"""How far a run is, and the learning rate there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from segmake.learning.optimizers import peak_rate
from segmake.training import LearnSettings

POWER = 0.9
"""Of the polynomial decay (Isensee et al., nnU-Net, Nature Methods 2021)."""


@dataclass(frozen=True)
class Schedule:
    """What a run may cost and its learning rate on the way.

    minutes replace steps when given; replayed, the rates of an earlier run step by step, replace both.
    """

    steps: int
    minutes: float | None = None
    peak: float = 1.0
    warmup: float = 0.0
    shape: str = "cosine"
    replayed: Sequence[float] = ()

    @classmethod
    def of(cls, settings: LearnSettings, replayed: Sequence[float] = ()) -> Schedule:
        """Make the schedule that the settings describe."""
        budget = settings.steps, settings.minutes
        return cls(*budget, peak_rate(settings), settings.warmup, settings.schedule, replayed)

    def progress(self, step: int, seconds: float) -> float:
        """Fraction of the budget used after `step` steps and `seconds` of training; 1 means done."""
        if self.replayed:
            return min(1.0, step / len(self.replayed))
        return min(1.0, step / self.steps if self.minutes is None else seconds / (60 * self.minutes))

    def rate(self, step: int, seconds: float) -> float:
        """Learning rate of the step that follows `step` steps and `seconds` of training."""
        if self.replayed:
            return self.replayed[step]
        return learning_rate(self.progress(step, seconds), self.peak, self.warmup, self.shape)

    def seconds_left(self, step: int, seconds: float) -> float:
        """Seconds that the rest takes, at the pace so far unless the budget itself says it."""
        if self.minutes is not None and not self.replayed:
            return 60 * self.minutes - seconds
        return seconds / max(1, step) * ((len(self.replayed) or self.steps) - step)


def learning_rate(progress: float, peak: float, warmup: float, shape: str = "cosine") -> float:
    """Linear warm-up over a fraction of the run, then down to zero.

    cosine: Loshchilov and Hutter, SGDR, 2017; poly: (1 - progress) ** 0.9, as nnU-Net does. The warm-up
    begins at a hundredth of the peak, so that the first step already learns.
    """
    if progress < warmup:
        return peak * max(0.01, progress / warmup)
    after = min(1.0, (progress - warmup) / (1 - warmup))
    if shape == "poly":
        return float(peak * (1 - after) ** POWER)
    return peak * 0.5 * (1 + math.cos(math.pi * after))
