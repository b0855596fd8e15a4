"""Classifiers against each other on the units that all of a pair have scored: areas under their ROC curves.

Rows are those of predictions.tsv; p-values are adjusted (Holm) over pairs and classes of a level and split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import isnan

import numpy as np

from segmake.metrics.classification.delong import areas, difference
from segmake.metrics.classification.levels import JOINT
from segmake.metrics.significance import holm
from segmake.metrics.statistics import FEWEST
from segmake.metrics.summary import rounded
from segmake.tables import Row

COLUMNS = (
    *("level", "split", "class", "classifier", "other", "units", "patients", "auroc", "auroc_other"),
    *("difference", "ci_low", "ci_high", "z", "p", "p_holm", "verdict"),
)
UNIT = ("group", "case", "lesion", "patch")
SCORE = "score_"

Key = tuple[str, str, str]
"""Level, split, class."""


@dataclass
class Scored:
    """What one classifier says of the units of a level, split and class."""

    truth: dict[tuple[str, ...], bool] = field(default_factory=dict)
    scores: dict[tuple[str, ...], float] = field(default_factory=dict)


def contest_rows(predictions: Mapping[str, Sequence[Row]], confidence: float) -> list[dict[str, object]]:
    """Compare every pair of classifiers.

    Args:
        predictions: classifier -> rows with level, split, class, `UNIT` and a score of each class.
        confidence: coverage of the intervals, and 1 - the level of the tests.
    """
    found = {name: _gather(rows) for name, rows in predictions.items()}
    rows: list[dict[str, object]] = []
    for pair in combinations(found, 2):
        shared = [key for key in found[pair[0]] if key in found[pair[1]]]
        rows += [_pair(key, pair, found[pair[0]][key], found[pair[1]][key], confidence) for key in shared]
    families: dict[tuple[object, object], list[dict[str, object]]] = {}
    for row in rows:
        families.setdefault((row["level"], row["split"]), []).append(row)
    for family in families.values():
        tested = [row for row in family if row["p"] != ""]
        for row, p in zip(tested, holm([float(str(row["p"])) for row in tested]), strict=True):
            row["p_holm"] = rounded(p)
        for row in family:
            row["verdict"] = _verdict(row, 1 - confidence)
    return sorted(rows, key=lambda row: [str(row[name]) for name in ("level", "split", "class")])


def _gather(rows: Sequence[Row]) -> dict[Key, Scored]:
    """Scores of one classifier by level, split and class; rows without a truth are left out.

    Of two classes that exclude each other both columns say the same, and the last is taken.
    """
    names = [name.removeprefix(SCORE) for name in (rows or [{}])[0] if name.startswith(SCORE)]
    sums = [sum(float(row[SCORE + name]) for name in names) for row in rows]
    exclusive = len(names) == 2 and all(abs(total - 1) < 1e-4 for total in sums)
    found: dict[Key, Scored] = {}
    for row in rows:
        if not row["class"]:
            continue
        for name in names[-1:] if exclusive else names:
            scored = found.setdefault((row["level"], row["split"], name), Scored())
            unit = tuple(row[column] for column in UNIT)
            scored.truth[unit] = name in row["class"].split(JOINT)
            scored.scores[unit] = float(row[SCORE + name])
    return found


def _pair(
    key: Key, pair: tuple[str, str], first: Scored, second: Scored, confidence: float
) -> dict[str, object]:
    units = sorted(unit for unit in first.truth if unit in second.truth)
    truth = np.array([first.truth[unit] for unit in units], dtype=np.bool_)
    scores = np.array([[each.scores[unit] for unit in units] for each in (first, second)])
    patients = [unit[0] for unit in units]
    found = areas(truth, scores, patients)
    test = difference(found, 0, 1, confidence)
    values = (*found.values, test.value, test.low, test.high, test.z, test.p)
    cells = (*key, *pair, len(units), len(set(patients)), *map(rounded, values), "", "")
    return dict(zip(COLUMNS, cells, strict=True))


def _verdict(row: Mapping[str, object], alpha: float) -> str:
    """What a comparison allows to say, the strongest objection first."""
    if int(str(row["patients"])) < FEWEST:
        return f"too few patients (under {FEWEST})"
    if row["difference"] == "" or isnan(float(str(row["difference"]))):
        return "one class alone"
    if row["p_holm"] == "" or float(str(row["p_holm"])) >= alpha:
        return "no difference shown"
    return f"{row['classifier' if float(str(row['difference'])) > 0 else 'other']} is better"
