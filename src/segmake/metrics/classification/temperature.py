"""Temperature scaling: logits divided by one number, so that probabilities mean what they say.

Guo et al., "On Calibration of Modern Neural Networks", ICML 2017. Classes that exclude each other share a
temperature; where they do not, each has its own. It never changes which class is called.

Targets are softened as Platt has it ("Probabilistic Outputs for Support Vector Machines", 1999): of few rows
that are all right nobody can conclude that the classifier is never wrong.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_expit, log_softmax, softmax

from segmake.metrics.classification.sweep import Flags
from segmake.metrics.statistics import Floats

BOUNDS = (np.log(0.05), np.log(50.0))
"""Of the logarithm of a temperature."""


def probabilities(logits: Floats, temperature: Floats, sigmoid: bool) -> Floats:
    """Probabilities [rows, classes] of logits [rows, classes]; temperature: [1], or [classes]."""
    scaled = logits / temperature
    found: Floats = expit(scaled) if sigmoid else softmax(scaled, axis=1)
    return found


def fit_temperature(logits: Floats, truth: Flags, sigmoid: bool) -> Floats:
    """The temperature [1] (sigmoid: [classes]) with the least cross entropy; 1 where a class is alone.

    logits: [rows, classes]; truth: [rows, classes], for softmax one true class a row.
    """
    if not sigmoid:
        return np.array([_softmax_temperature(logits, truth)])
    return np.array([_sigmoid_temperature(logits[:, k], truth[:, k]) for k in range(logits.shape[1])])


def _softmax_temperature(logits: Floats, truth: Flags) -> float:
    counts = truth.sum(axis=0)
    if np.count_nonzero(counts) < 2:
        return 1.0
    each = counts + truth.shape[1]
    target = np.where(truth, counts + 1, 1) / (truth @ each)[:, None]

    def loss(log_temperature: float) -> float:
        return float(-(target * log_softmax(logits / np.exp(log_temperature), axis=1)).sum())

    return _least(loss)


def _sigmoid_temperature(logits: Floats, truth: Flags) -> float:
    positives = int(truth.sum())
    negatives = len(truth) - positives
    if not positives or not negatives:
        return 1.0
    target = np.where(truth, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        return float(-(target * log_expit(scaled) + (1 - target) * log_expit(-scaled)).sum())

    return _least(loss)


def _least(loss: Callable[[float], float]) -> float:
    found = minimize_scalar(loss, bounds=BOUNDS, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))
