"""Scores as rows of the long table: case, (split, fold,) label, metric, value, unit, status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from segmake.metrics.lesions import LesionRule
from segmake.metrics.score import Score, Tolerance, score_case
from segmake.metrics.summary import rounded
from segmake.tables import Row

COLUMNS = ("case", "label", "metric", "value", "unit", "status")
"""Of scores without split and fold."""


def long_rows(case: str, scores: Iterable[Score], filed: Mapping[str, str]) -> list[Row]:
    """Write scores out as rows.

    Args:
        case: name of the case.
        scores: its scores.
        filed: further columns, after the case: split and fold.
    """
    return [
        {
            "case": case,
            **filed,
            "label": score.label,
            "metric": score.metric,
            "value": rounded(score.value),
            "unit": score.unit,
            "status": str(score.status),
        }
        for score in scores
    ]


def complete(
    found: Mapping[str, list[Row]], tolerance_mm: Tolerance, rule: LesionRule | None
) -> dict[str, list[Row]]:
    """Give each case every label that occurs in any of them.

    A label that neither the prediction nor the truth of a case has was rightly left empty there, and counts
    so: else a label's mean would be over the cases that have it or wrongly found it alone.

    Args:
        found: case -> its rows, whose labels are named by their values.
        tolerance_mm: as given to `score_case`.
        rule: as given to `score_case`.
    """
    values = sorted({int(row["label"]) for rows in found.values() for row in rows})
    nothing = np.zeros((1, 1, 1), dtype=np.uint8)
    completed = {}
    for case, rows in found.items():
        has = {int(row["label"]) for row in rows}
        absent = {str(value): [value] for value in values if value not in has}
        scores = score_case(nothing, nothing, (1, 1, 1), absent, tolerance_mm, rule) if absent else []
        every = [*rows, *long_rows(case, scores, {})]
        completed[case] = sorted(every, key=lambda row: int(row["label"]))  # keeps the order of metrics
    return completed
