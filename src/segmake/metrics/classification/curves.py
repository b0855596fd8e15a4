"""Points of the curves: ROC, precision-recall, reliability, decision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from segmake.metrics.classification.calibration import reliability
from segmake.metrics.classification.decision import Decided
from segmake.metrics.classification.net_benefit import THRESHOLDS, act_on_all, net_benefit
from segmake.metrics.classification.precision_recall import precision_recall_curve
from segmake.metrics.classification.roc import roc_curve
from segmake.metrics.classification.scores import judged_parts
from segmake.metrics.classification.sweep import Flags
from segmake.metrics.statistics import Floats
from segmake.metrics.summary import rounded

CURVES = ("level", "split", "class", "curve", "x", "y", "low", "high", "extra")
MOST_POINTS = 400
"""Longer curves are thinned to about so many points: no figure shows more."""

Points = tuple[Iterable[float], ...]


def curve_rows(decided: Sequence[Decided], bins: int) -> list[dict[str, object]]:
    """Points of all curves of each level, split and class.

    x and y are false positive rate and sensitivity (roc), recall and precision (pr), mean probability and
    share that is true (reliability, Wilson interval), threshold and net benefit (decision; decision_all
    acts on everyone). `extra` is the threshold (of roc and pr before
    calibration), of reliability the number of units.
    """
    rows: list[dict[str, object]] = []
    for split, part in judged_parts(decided):
        for k in part.level.task.judged:
            head = (part.level.name, split, part.level.task.classes[k])
            units = (part.level.truth[:, k], part.level.probability[:, k], part.level.ranking[:, k])
            for curve, points in _curves(*units, bins):
                for x, y, low, high, extra in zip(*points, strict=True):
                    cells = (*head, curve, *map(rounded, (x, y, low, high, extra)))
                    rows.append(dict(zip(CURVES, cells, strict=True)))
    return rows


def area_rows(summary: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
    """The areas that stand beside the curves (curves auroc and ap: y with its interval), from the summary.

    `extra` is the number of patients.
    """
    rows = []
    for row in summary:
        if row["metric"] in ("auroc", "ap"):
            cells = (row["level"], row["split"], row["class"], row["metric"], "", row["value"], row["low"])
            rows.append(dict(zip(CURVES, (*cells, row["high"], row["patients"]), strict=True)))
    return rows


def _curves(truth: Flags, chance: Floats, ranking: Floats, bins: int) -> Iterator[tuple[str, Points]]:
    """Each curve with x, y, low, high, extra; those that need positives and negatives only where they are."""
    bars = reliability(truth, chance, bins)
    yield "reliability", (bars.probability, bars.frequency, bars.low, bars.high, bars.count)
    for name, benefit in (
        ("decision", net_benefit(truth, chance, THRESHOLDS)),
        ("decision_all", act_on_all(truth, THRESHOLDS)),
    ):
        yield name, _without_interval(THRESHOLDS, benefit, THRESHOLDS)
    if truth.any() and not truth.all():
        roc = roc_curve(truth, ranking).corners()
        yield "roc", _without_interval(roc.false_positive_rate, roc.sensitivity, roc.thresholds)
        pr = precision_recall_curve(truth, ranking)
        yield "pr", _without_interval(pr.recall, pr.precision, pr.thresholds)


def _without_interval(x: Floats, y: Floats, extra: Floats) -> Points:
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(np.int64))
    empty = np.full(len(kept), np.nan)
    return x[kept], y[kept], empty, empty, extra[kept]
