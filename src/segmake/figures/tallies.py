"""Tables of summarized scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from segmake.figures.page import Block, Cell, Note, Table
from segmake.figures.records import MEAN, NOTHING, SPLITS, Score, Summary, metric_title, number

HEADLINE = ("dice", "iou", "nsd", "hd95", "volume_error_ml")
"""Metrics of the first table; the others are in the chapter on scores."""


def headline(summaries: Sequence[Summary], confidence: str) -> list[Block]:
    """One table per split: label by metric, mean with its interval."""
    blocks: list[Block] = []
    metrics = [name for name in HEADLINE if any(s.metric == name for s in summaries)]
    for split in splits(summaries):
        chosen = {(s.model, s.label, s.metric): s for s in summaries if s.split == split}
        titles = {name: metric_title(name, _unit(chosen.values(), name)) for name in metrics}
        several = len({s.model for s in chosen.values()}) > 1
        columns = ["Label", *(["Model"] if several else []), *titles.values()]
        columns += ["Missed", "False alarms", "Patients", "Cases"]
        rows = []
        labels = sorted(dict.fromkeys(s.label for s in chosen.values()), key=lambda label: label == MEAN)
        pairs = dict.fromkeys((s.model, s.label) for s in chosen.values())
        for model, label in sorted(pairs, key=lambda pair: labels.index(pair[1])):
            found = [chosen.get((model, label, name)) for name in metrics]
            first = next(s for s in chosen.values() if (s.model, s.label) == (model, label))
            row: list[Cell] = ["mean of labels" if label == MEAN else label, *([model] if several else [])]
            counts = (first.missed, first.false_alarms, first.patients, first.cases)
            rows.append([*row, *map(_interval, found), *map(str, counts)])
        blocks.append(
            Table(
                caption=f"{SPLITS.get(split, split)}: mean over patients [{confidence} interval]",
                columns=columns,
                rows=rows,
                numeric=frozenset(columns) - {"Label", "Model"},
            )
        )
    if not blocks:
        blocks.append(Note("No case has been scored yet.", "warning"))
    return blocks


def all_scores(summaries: Sequence[Summary], confidence: str) -> Table:
    """Every row of the summary tables."""
    columns = ["Label", "Model", "Split", "Metric", "Cases", "Patients", "Mean"]
    columns += [f"{confidence} interval", "Median", "SD"]
    rows = [
        [
            "mean of labels" if s.label == MEAN else s.label,
            s.model,
            s.split,
            metric_title(s.metric, s.unit),
            str(s.cases),
            str(s.patients),
            number(s.mean),
            _range(s),
            number(s.median),
            number(s.sd),
        ]
        for s in summaries
    ]
    numeric = frozenset(columns[4:]) - {columns[7]}
    return Table("All metrics, all labels", columns, rows, numeric, folded=True)


def splits(rows: Iterable[Score | Summary]) -> list[str]:
    """Splits that occur, held-out test cases first."""
    known = ["test", "train", "new"]
    found = dict.fromkeys(row.split for row in rows)
    return sorted(found, key=lambda split: known.index(split) if split in known else len(known))


def _interval(summary: Summary | None) -> Cell:
    if summary is None:
        return NOTHING
    return number(summary.mean), _range(summary)


def _range(summary: Summary) -> str:
    return f"[{number(summary.low)}, {number(summary.high)}]" if math.isfinite(summary.low) else NOTHING


def _unit(summaries: Iterable[Summary], metric: str) -> str:
    return next((s.unit for s in summaries if s.metric == metric), "")
