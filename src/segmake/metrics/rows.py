"""Scores as rows of the long table: case, (split, fold,) label, metric, value, unit, status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

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
) -> Iterator[Row]:
    """Rows of all cases, each with every label that occurs in any of them.

    A label that neither the prediction nor the truth of a case has was rightly left empty there, and counts
    so: else a label's mean would be over the cases that have it or wrongly found it alone.

    Args:
        found: case -> its rows, whose labels are named by their values.
        tolerance_mm: as given to `score_case`.
        rule: as given to `score_case`.
    """
    values = sorted({int(row["label"]) for rows in found.values() for row in rows})
    nothing = np.zeros((1, 1, 1), dtype=np.uint8)
    for case, rows in found.items():
        own: dict[int, list[Row]] = {value: [] for value in values}
        for row in rows:
            own[int(row["label"])].append(row)
        for value in values:
            target = {str(value): [value]}
            yield from own[value] or long_rows(
                case, score_case(nothing, nothing, (1, 1, 1), target, tolerance_mm, rule), {}
            )
