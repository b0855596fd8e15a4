"""Figures about classifiers, from what score wrote."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from segmake.figures.catalogue import Entry
from segmake.figures.classification import (
    confusion_matrices,
    decision_curves,
    precision_recall_curves,
    reliability_diagrams,
    roc_curves,
)
from segmake.figures.drawings import Drawing, Sourced, Style, Tables
from segmake.figures.records import SPLITS
from segmake.tables import Row

LEVELS = ("patient", "lesion", "patch")
"""What a decision is about, the most important first."""
FEW_CLASSES = 2
"""With more lines than for so many classes, levels have no room in one panel."""
KINDS: dict[str, tuple[str, str, Callable[[Mapping[str, Sequence[Row]], float], Figure]]] = {
    "roc": (
        "ROC curves",
        "Sensitivity over false positive rate; the area under the curve with its {confidence} interval.",
        roc_curves,
    ),
    "pr": (
        "Precision-recall curves",
        "Precision over recall; dotted: the share of positives, which guessing reaches.",
        precision_recall_curves,
    ),
    "reliability": (
        "Reliability",
        "Share that is true over calibrated probability with Wilson intervals; below, the count of each bin.",
        reliability_diagrams,
    ),
    "decision": (
        "Decision curves",
        "Net benefit over threshold probability (Vickers & Elkin 2006), beside acting on all and on nobody.",
        decision_curves,
    ),
    "confusion": (
        "Confusion matrices",
        "Truth against decision; percent and shade are of the row.",
        confusion_matrices,
    ),
}
"""Kind of figure -> title, what its caption says, how it is drawn."""


def class_drawings(tables: Tables, style: Style) -> Iterator[Drawing]:
    """Every classifier by itself with its levels, then all of them on the most important level."""
    for name in dict.fromkeys(path.parent.name for path in (*tables.curves, *tables.confusion)):
        for kind in KINDS:
            found = {p: rows for p, rows in _source(tables, kind).items() if p.parent.name == name}
            yield from _of_classifier(name, kind, found, tables, style)
    if len(tables.curves) > 1:
        yield from _all(tables, style)


def _source(tables: Tables, kind: str) -> Sourced[Row]:
    return tables.confusion if kind == "confusion" else tables.curves


def _of_classifier(
    name: str, kind: str, found: Sourced[Row], tables: Tables, style: Style
) -> Iterator[Drawing]:
    """A figure per split, its series the levels."""
    rows = [row for each in found.values() for row in each]
    for split in dict.fromkeys(row["split"] for row in rows):
        chosen = [row for row in rows if row["split"] == split]
        series = {level: [r for r in chosen if r["level"] == level] for level in LEVELS}
        series = {level: each for level, each in series.items() if _has(each, kind)}
        if len({row["class"] for row in chosen}) > FEW_CLASSES:
            series = dict(list(series.items())[:1])
        if series:
            levels = ", ".join(series)
            yield _drawing(
                (kind, name, name, split), f"{name}, by {levels}", series, list(found), tables, style
            )


def _all(tables: Tables, style: Style) -> Iterator[Drawing]:
    """The ROC curves of all classifiers in one figure per split."""
    rows = {path.parent.name: found for path, found in tables.curves.items()}
    for split in dict.fromkeys(row["split"] for found in rows.values() for row in found):
        level = next(
            level
            for level in LEVELS
            if any((r["level"], r["split"]) == (level, split) for f in rows.values() for r in f)
        )
        series = {
            name: [row for row in found if (row["level"], row["split"]) == (level, split)]
            for name, found in rows.items()
        }
        series = {name: found for name, found in series.items() if _has(found, "roc")}
        if len(series) > 1:
            of = f"all classifiers, by {level}"
            yield _drawing(("roc", "classifiers", "", split), of, series, list(tables.curves), tables, style)


def _drawing(
    place: tuple[str, str, str, str],
    of: str,
    series: Mapping[str, Sequence[Row]],
    inputs: Sequence[Path],
    tables: Tables,
    style: Style,
) -> Drawing:
    """place: kind, what the file is called after, classifier and split."""
    kind, name, model, split = place
    title, told, draw = KINDS[kind]
    entry = Entry(
        name=f"{kind}_{name}_{split}",
        kind=kind,
        model=model,
        split=split,
        title=f"{title}, {name}, {split}",
        caption=f"{title} of {of}. {SPLITS.get(split, split)}. {told.format(confidence=tables.confidence)}",
        alt=f"{title} of {of}, split {split}; the numbers are in the tables",
    )
    return Drawing(entry, inputs, partial(draw, series, style.width))


def _has(rows: Sequence[Row], kind: str) -> bool:
    """Whether there is something to draw."""
    return any(kind in (row.get("curve", "confusion"), "confusion") for row in rows)
