"""Where to cut a probability: chosen on rows that the decision is not judged on.

A threshold lies halfway between the last score that is called positive and the next one below, so that it
does not hang on one row.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from segmake.metrics.classification.sweep import Flags, Sweep, ones
from segmake.metrics.statistics import Floats

HALF = 0.5
ROUNDING = 1e-9

Kind = Literal["youden", "sensitivity", "half"]


def choose_threshold(truth: Flags, probability: Floats, kind: Kind, least: float) -> float | None:
    """The threshold by a rule's name; None where rows of one class alone leave nothing to choose by."""
    if kind == "half":
        return HALF
    if not truth.any() or truth.all():
        return None
    return youden(truth, probability) if kind == "youden" else least_sensitivity(truth, probability, least)


def youden(truth: Flags, probability: Floats) -> float:
    """Threshold of the largest sensitivity + specificity, the highest of equals (Youden, Cancer 3, 1950)."""
    sweep = Sweep.of(truth, probability)
    found, false = (counts[0] for counts in sweep.counts(ones(len(truth))))
    gain = found / found[-1] - false / false[-1]
    return _below(sweep, int(np.flatnonzero(gain >= gain.max() - ROUNDING)[0]))


def least_sensitivity(truth: Flags, probability: Floats, least: float) -> float:
    """The highest threshold that finds at least this share of the positives."""
    sweep = Sweep.of(truth, probability)
    found = sweep.counts(ones(len(truth)))[0][0]
    return _below(sweep, int(np.flatnonzero(found >= least * found[-1] - ROUNDING)[0]))


def _below(sweep: Sweep, index: int) -> float:
    following = sweep.thresholds[index + 1] if index + 1 < len(sweep.thresholds) else 0.0
    return float((sweep.thresholds[index] + following) / 2)
