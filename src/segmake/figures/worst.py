"""Failure analysis: every scored case, the worst first, with its picture and the way to the viewer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from segmake.figures.material import Drawn, Material
from segmake.figures.page import Block, Cell, Link, Note, Table
from segmake.figures.records import NOTHING, Score, number, rank_cases
from segmake.figures.sections import MOST_ROWS
from segmake.tables import Row

OPEN_ROWS = 15
"""Worst cases that are not folded away."""
MOST_LABELS = 6
"""Labels with a column of their own."""


def worst_cases(material: Material) -> list[Block]:
    """A table of cases and the pictures of a few, for each model."""
    models = list(dict.fromkeys(score.model for score in material.scores))
    if not models:
        return [Note("No case has been scored yet.")]
    blocks: list[Block] = []
    if material.looks:
        told = (
            "The links in the column Viewer open image, truth and prediction of a case. The viewer needs the "
            "small server that the command segmake view starts; opened from disk it says how."
        )
        blocks.append(Note(told))
    for model in models:
        blocks += _model(material, model)
        shown = [drawn for drawn in material.figures("examples") if drawn.entry.model == model]
        blocks += [_example(material, drawn) for drawn in shown]
    return blocks


def _model(material: Material, model: str) -> list[Block]:
    """The table of a model, cut where few rows are enough."""
    scores = [score for score in material.scores if score.model == model]
    labels = list(material.plan.labels) if material.plan else []
    rows = _rows(material, model, scores, labels)
    columns = ["Case", "Split", "Mean Dice"]
    columns += labels[:MOST_LABELS] if len(labels) > 1 else []
    columns += ["Missed", "False alarms", "True volume (ml)", "Site"]
    if any(key[0] == model for key in material.looks):
        columns.append("Viewer")
    numeric = frozenset(columns) - {"Case", "Split", "Site", "Viewer"}
    worst = Table(f"Worst cases of {model} by mean Dice over labels", columns, rows[:OPEN_ROWS], numeric)
    if len(rows) <= OPEN_ROWS:
        return [worst]
    title = f"Every case of {model} ({len(rows)})"
    every: list[Block] = [worst, Table(title, columns, rows[:MOST_ROWS], numeric, folded=True)]
    if len(rows) > MOST_ROWS:
        every.append(Note(f"The worst {MOST_ROWS} of {len(rows)}; all are in evaluate/{model}/metrics.tsv."))
    return every


def _rows(material: Material, model: str, scores: Sequence[Score], labels: Sequence[str]) -> list[list[Cell]]:
    dice = {(s.case, s.label): s for s in scores if s.metric == "dice"}
    volumes: dict[str, float] = {}
    for score in scores:
        if score.metric == "truth_ml" and score.label in labels and math.isfinite(score.value):
            volumes[score.case] = volumes.get(score.case, 0.0) + score.value
    cases = {row["case"]: row for row in material.cases}
    statuses: dict[str, list[str]] = {}
    for (case, label), score in dice.items():
        if label in labels:
            statuses.setdefault(case, []).append(score.status)
    filed = {score.case: score for score in scores}
    rows = []
    for case, mean in rank_cases(scores, labels):
        row: list[Cell] = [material.case_link(case), _where(filed[case]), number(mean)]
        if len(labels) > 1:
            row += [_dice(dice.get((case, label))) for label in labels[:MOST_LABELS]]
        row += [str(statuses[case].count(kind)) for kind in ("missed", "false_alarm")]
        row += [number(volumes.get(case, math.nan), 1), _site(cases.get(case))]
        if look := material.looks.get((model, case)):
            row.append(Link("View", look, f"View {case} of {model}"))
        elif any(key[0] == model for key in material.looks):
            row.append(NOTHING)
        rows.append(row)
    return rows


def _example(material: Material, drawn: Drawn) -> Block:
    """The overlay of a case, with links to what is known of it."""
    model, case = drawn.entry.model, drawn.entry.case
    links = []
    if look := material.looks.get((model, case)):
        links.append(Link("Open in the viewer", look, f"Open {case} of {model} in the viewer"))
    if case in material.details:
        links.append(Link("All of this case", material.details[case], f"All that is known of {case}"))
    return drawn.picture(*links)


def _dice(score: Score | None) -> str:
    return NOTHING if score is None or not math.isfinite(score.value) else number(score.value)


def _where(score: Score) -> str:
    return f"fold {score.fold}" if score.fold else score.split


def _site(row: Row | None) -> str:
    return (row or {}).get("site") or NOTHING
