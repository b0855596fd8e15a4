"""Decision curve: what it is worth to act on a probability, against acting on all or on nobody.

Net benefit at a threshold t: true positives per row less false positives per row times t / (1 - t), the
odds at which a doctor is willing to act. Source: Vickers & Elkin, Med Decis Making 26 (2006).
"""

from __future__ import annotations

import numpy as np

from segmake.metrics.classification.sweep import Flags
from segmake.metrics.statistics import Floats

THRESHOLDS: Floats = np.round(np.arange(0.01, 1.0, 0.01), 2)


def net_benefit(truth: Flags, probability: Floats, thresholds: Floats) -> Floats:
    """Net benefit [thresholds] of acting where the probability [rows] reaches a threshold (below 1)."""
    acted = probability[None, :] >= thresholds[:, None]
    benefit: Floats = (acted & truth).mean(axis=1) - (acted & ~truth).mean(axis=1) * _odds(thresholds)
    return benefit


def act_on_all(truth: Flags, thresholds: Floats) -> Floats:
    """Net benefit [thresholds] of acting on every row."""
    share = float(truth.mean())
    benefit: Floats = share - (1 - share) * _odds(thresholds)
    return benefit


def _odds(thresholds: Floats) -> Floats:
    return thresholds / (1 - thresholds)
