"""Rows of the tables that say how good a classifier is, one function per table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isnan

import numpy as np

from segmake.metrics.classification.calibration import (
    brier_statistic,
    calibration_error_statistic,
    called,
)
from segmake.metrics.classification.confusion import confusion_matrix, decision_statistics
from segmake.metrics.classification.decision import Decided
from segmake.metrics.classification.intervals import Estimate, Statistic, Status, estimates
from segmake.metrics.classification.levels import JOINT, NAMES
from segmake.metrics.classification.precision_recall import average_precision_statistic
from segmake.metrics.classification.roc import auroc_statistic
from segmake.metrics.classification.sweep import Flags
from segmake.metrics.statistics import Bootstrap, Floats
from segmake.metrics.summary import rounded
from segmake.tables import Row

SUMMARY = (
    "level",
    "split",
    "metric",
    "class",
    "value",
    "low",
    "high",
    "n",
    "patients",
    "positives",
    "status",
)
CONFUSION = ("level", "split", "class", "truth", "decision", "count")
ALL, MACRO = "all", "macro"
"""Pseudo-classes: over all classes together, and the mean over classes."""
SHOWN = {
    "auroc": "AUC [CI]",
    "accuracy": "accuracy [CI]",
    "sensitivity": "sensitivity [CI]",
    "specificity": "specificity [CI]",
    "ece": "ECE",
}
"""Metrics of the terminal's table and their headings."""
OTHER, NONE = "other", "none"
"""Whatever is not the class; none of classes that do not exclude each other."""

Key = tuple[str, str]
"""Class, metric."""


def judged_parts(decided: Sequence[Decided]) -> Iterator[tuple[str, Decided]]:
    """Each level's units of known truth, split by split."""
    for each in decided:
        splits = np.array(each.level.columns["split"])
        for split in sorted(set(splits[each.level.known].tolist())):
            kept = each.level.known & (splits == split)
            yield split, Decided(each.level.of_units(kept), each.called[kept])


def prediction_rows(decided: Sequence[Decided]) -> list[dict[str, object]]:
    """A row per unit of each level: truth, calibrated probabilities, what it is called."""
    rows: list[dict[str, object]] = []
    for each in decided:
        classes = each.level.task.classes
        for unit in range(len(each.called)):
            row: dict[str, object] = {"level": each.level.name}
            row |= {name: each.level.columns[name][unit] for name in NAMES}
            truth = _joined(classes, each.level.truth[unit]) or NONE
            row["class"] = truth if each.level.known[unit] else ""
            chances = zip(classes, each.level.probability[unit], strict=True)
            row |= {f"p_{name}": rounded(chance) for name, chance in chances}
            plain = zip(classes, each.level.ranking[unit], strict=True)
            row |= {f"score_{name}": rounded(score) for name, score in plain}
            rows.append(row | {"decision": _joined(classes, each.called[unit]) or NONE})
    return rows


def summary_rows(decided: Sequence[Decided], bins: int, bootstrap: Bootstrap) -> list[dict[str, object]]:
    """A row per level, split, metric and class, with an interval over patients."""
    rows: list[dict[str, object]] = []
    for split, part in judged_parts(decided):
        level, patients = part.level, part.level.columns["group"]
        measured = _statistics(part, bins)
        named = {f"{name}/{metric}": each for (name, metric), each in measured.items()}
        found = estimates(named, patients, bootstrap, level.name, split)
        counts = dict(zip(level.task.classes, level.truth.sum(axis=0).tolist(), strict=True))
        for (name, metric), estimate in zip(measured, found.values(), strict=True):
            positives = [counts[name]] if name in counts else list(counts.values())
            told = _explained(estimate, positives, len(patients))
            numbers = map(rounded, (told.value, told.low, told.high))
            ends = (len(patients), len(set(patients)), counts.get(name, ""), str(told.status))
            rows.append(dict(zip(SUMMARY, (level.name, split, metric, name, *numbers, *ends), strict=True)))
    return rows


def confusion_rows(decided: Sequence[Decided]) -> list[dict[str, object]]:
    """How many units of each class were called each class; where classes do not exclude, each by itself."""
    rows: list[dict[str, object]] = []
    for split, part in judged_parts(decided):
        classes = part.level.task.classes
        whole = [("", classes, part.level.truth.argmax(axis=1), part.called.argmax(axis=1))]
        if part.level.task.sigmoid:
            truth, decision = part.level.truth.astype(np.int64), part.called.astype(np.int64)
            whole = [(name, (OTHER, name), truth[:, k], decision[:, k]) for k, name in enumerate(classes)]
        for name, names, truth, decision in whole:
            matrix = confusion_matrix(truth, decision, len(names))
            for i, true in enumerate(names):
                for j, said in enumerate(names):
                    cells = (part.level.name, split, name, true, said, int(matrix[i, j]))
                    rows.append(dict(zip(CONFUSION, cells, strict=True)))
    return rows


def scores_text(rows: Sequence[Row]) -> str:
    """Lay the summary out for people; a number without an interval stands with its status."""
    cells = {(row["split"], row["level"], row["class"], row["metric"]): row for row in rows}
    lines = [["split", "level", "class", "patients", *SHOWN.values()]]
    for split, level, name in dict.fromkeys(key[:3] for key in cells):
        found = [cells.get((split, level, name, metric)) for metric in SHOWN]
        patients = next(row["patients"] for key, row in cells.items() if key[:3] == (split, level, name))
        lines.append([split, level, name, patients, *map(_told, found)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _told(row: Row | None) -> str:
    if row is None:
        return ""
    if not row["value"]:
        return row["status"]
    ends = f" [{float(row['low']):.3f}, {float(row['high']):.3f}]" if row["low"] else ""
    return f"{float(row['value']):.3f}{ends if row['metric'] != 'ece' else ''}"


def _joined(classes: Sequence[str], flags: Sequence[bool]) -> str:
    return JOINT.join(name for name, flag in zip(classes, flags, strict=True) if flag)


def _statistics(part: Decided, bins: int) -> dict[Key, Statistic]:
    """What is measured of one level and split, by class and metric."""
    level, task = part.level, part.level.task
    found: dict[Key, Statistic] = {}
    decision = part.called.argmax(axis=1)
    for k in task.judged:
        truth, chance = level.truth[:, k], level.probability[:, k]
        found |= _named(task.classes[k], _of_scores(truth, chance, level.ranking[:, k], bins))
        if task.sigmoid:
            one = truth.astype(np.int64), part.called[:, k].astype(np.int64), 2
            found |= _named(task.classes[k], decision_statistics(*one) | decision_statistics(*one, 1))
        else:
            own = decision_statistics(level.truth.argmax(axis=1), decision, len(task.classes), k)
            found |= _named(task.classes[k], own)
    if not task.sigmoid:
        name = task.classes[task.positive] if task.binary else ALL
        found |= _named(name, decision_statistics(level.truth.argmax(axis=1), decision, len(task.classes)))
    if len(task.judged) > 1:
        metrics = dict.fromkeys(metric for name, metric in found if name == task.classes[0])
        each = {metric: [found[name, metric] for name in task.classes] for metric in metrics}
        found |= _named(MACRO, {metric: _mean(statistics) for metric, statistics in each.items()})
        if not task.sigmoid:
            found[ALL, "brier"] = brier_statistic(level.truth, level.probability)
            right, sure = called(level.truth, level.probability)
            found[ALL, "ece"] = calibration_error_statistic(right, sure, bins)
    return found


def _of_scores(truth: Flags, chance: Floats, ranking: Floats, bins: int) -> dict[str, Statistic]:
    """What needs no decision."""
    return {
        "auroc": auroc_statistic(truth, ranking),
        "ap": average_precision_statistic(truth, ranking),
        "brier": brier_statistic(truth, chance),
        "ece": calibration_error_statistic(truth, chance, bins),
    }


def _named(name: str, statistics: Mapping[str, Statistic]) -> dict[Key, Statistic]:
    return {(name, metric): each for metric, each in statistics.items()}


def _mean(statistics: Sequence[Callable[[Floats], Floats]]) -> Statistic:
    """The mean over classes; NaN where one of them has no value."""

    def mean(weights: Floats) -> Floats:
        found: Floats = np.mean([each(weights) for each in statistics], axis=0)
        return found

    return mean


def _explained(estimate: Estimate, positives: Sequence[int], rows: int) -> Estimate:
    """Say why there is no value where a class, or all others, have no row."""
    if not isnan(estimate.value):
        return estimate
    if not min(positives):
        return Estimate(estimate.value, status=Status.NO_POSITIVES)
    return Estimate(estimate.value, status=Status.NO_NEGATIVES) if max(positives) == rows else estimate
