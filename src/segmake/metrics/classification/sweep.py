"""All thresholds of a score at once: how many positives and negatives lie at or above each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from segmake.metrics.statistics import Floats

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Sweep:
    """Rows in falling order of score; rows of one score pass a threshold together."""

    order: npt.NDArray[np.intp]
    """[rows]"""
    ends: npt.NDArray[np.intp]
    """Last place in `order` of each run of equal scores."""
    positive: Floats
    """[rows] 1 or 0, in this order."""
    thresholds: Floats
    """The score of each run."""

    @classmethod
    def of(cls, truth: Flags, scores: Floats) -> Sweep:
        """Sort rows by score; truth and scores [rows], larger scores speak for the class."""
        order = np.argsort(-scores, kind="stable")
        ranked = scores[order]
        ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)[: len(ranked)]
        return cls(order, ends, truth[order].astype(np.float64), ranked[ends])

    def counts(self, weights: Floats) -> tuple[Floats, Floats]:
        """Weight of positives and of negatives at or above each threshold, both [draws, thresholds]."""
        ranked = weights[:, self.order]
        every = np.cumsum(ranked, axis=1)[:, self.ends]
        positives = np.cumsum(ranked * self.positive, axis=1)[:, self.ends]
        return positives, every - positives


def ones(rows: int) -> Floats:
    """Weights of the data as they are."""
    return np.ones((1, rows))


def ratio(part: Floats, whole: Floats) -> Floats:
    """The part of the whole, NaN where the whole is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Floats = np.where(whole > 0, part / whole, np.nan)
    return result
