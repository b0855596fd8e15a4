"""The summary in words: what was done, how good it is, how sure that is, what failed."""

from __future__ import annotations

import math
from collections.abc import Sequence

from segmake.figures import classified, tallies
from segmake.figures.material import Material
from segmake.figures.page import Block, Facts, Note
from segmake.figures.records import MEAN, Summary, number
from segmake.tables import Row

FEW_PATIENTS = 30
"""Patients below which an interval is too vague for a claim about other patients."""
SPLIT_WORDS = {"train": "in cross-validation", "test": "on the test cases", "new": "on the new cases"}


def summary(material: Material, confidence: str) -> list[Block]:
    """The first chapter."""
    blocks: list[Block] = [Note(text, "verdict") for text in _sentences(material, confidence)]
    blocks += [Note(text, "warning") for text in doubts(material)]
    blocks.append(facts(material))
    if material.summaries or material.plan:
        blocks += tallies.headline(material.summaries, confidence)
    return [*blocks, *classified.headline(material.branch.classifiers, confidence)]


def _sentences(material: Material, confidence: str) -> list[str]:
    told = []
    for split in tallies.splits(material.summaries):
        means = [s for s in _mean_dice(material.summaries) if s.split == split]
        if means:
            best = max(means, key=lambda s: s.mean if math.isfinite(s.mean) else -1)
            among = f", the best of {len(means)} models," if len(means) > 1 else ""
            told.append(
                f"{best.model}{among} reaches a mean Dice of {number(best.mean)} "
                f"{SPLIT_WORDS.get(split, split)} ({_interval(best.low, best.high, confidence)}; "
                f"{_count(best.patients, 'patient')}, {_count(best.cases, 'case')})."
            )
    several = len(material.branch.classifiers)
    for name, row in classified.areas(material.branch.classifiers):
        among = f", the best of {several} classifiers," if several > 1 else ""
        told.append(_area(name + among, row, confidence))
    lost = [f for f in material.failed if not f.excluded]
    if lost:
        cases, stages = {f.case for f in lost}, dict.fromkeys(f.stage for f in lost)
        told.append(f"{_count(len(cases), 'case')} failed ({', '.join(stages)}) and is not in the scores.")
        if len(cases) > 1:
            told[-1] = told[-1].replace("and is not", "and are not")
    elif material.cases or material.branch.sliced:
        told.append("No case failed.")
    return told


def doubts(material: Material) -> list[str]:
    """What forbids to take the scores at their word."""
    told = []
    means = _mean_dice(material.summaries)
    counts = {s: max(m.patients for m in means if m.split == s) for s in tallies.splits(means)}
    few = {split: count for split, count in counts.items() if count < FEW_PATIENTS}
    if few:
        each = " and ".join(f"{_count(n, 'patient')} {SPLIT_WORDS.get(s, s)}" for s, n in few.items())
        told.append(
            f"{each}: the intervals say how these patients vary; with fewer than {FEW_PATIENTS} they are no "
            "claim about others."
        )
    if material.summaries and "test" not in {s.split for s in material.summaries}:
        told.append("No case was kept for a test: choices made by these scores are not checked by others.")
    rivals = max(len({s.model for s in means}), len(material.branch.classifiers))
    if rivals > 1:
        told.append(
            f"The best of {rivals} is named above by these very scores, which makes its own a little too "
            "good."
        )
    if material.plan and material.histories:
        made = {fold for _, fold in material.histories}
        planned = len(set(material.plan.folds.values()))
        if len(made) < planned:
            told.append(
                f"{len(made)} of {planned} folds were trained: the cross-validation covers part of the cases."
            )
    stopping = [row["guard"] for row in material.branch.guards if row.get("status") != "ok"]
    if stopping:
        told.append(
            f"Guards of the 2D images warn ({', '.join(stopping)}): scores of classifiers may be too good; "
            "see the chapter on classification."
        )
    return told


def facts(material: Material) -> Facts:
    """How many cases came how far."""
    lost = {failure.case for failure in material.failed}
    rows = [*material.cases, *material.branch.sliced]
    found = {
        "Cases": str(len({row["case"] for row in rows} | lost)),
        "Patients": str(len({row.get("group") or row["case"] for row in rows})),
        "Failed": str(len({failure.case for failure in material.failed if not failure.excluded})),
        "Excluded": str(len({failure.case for failure in material.failed if failure.excluded})),
    }
    if material.plan or material.scores:
        found["Scored"] = str(len({score.case for score in material.scores}))
    if material.branch.sliced:
        patches = sum(int(row.get("patches") or 0) for row in material.branch.sliced)
        found["Patches"] = str(patches)
    return Facts(found)


def _mean_dice(summaries: Sequence[Summary]) -> list[Summary]:
    return [s for s in summaries if s.metric == "dice" and s.label == MEAN]


def _area(name: str, row: Row, confidence: str) -> str:
    low, high = (float(row[end]) if row[end] else math.nan for end in ("low", "high"))
    told = _interval(low, high, confidence)
    which = "" if row["class"] in ("", "macro") else f" for {row['class']}"
    return (
        f"{name} reaches an area under the ROC curve of {number(float(row['value']))}{which} per "
        f"{row['level']} {SPLIT_WORDS.get(row['split'], row['split'])} ({told}; "
        f"{_count(int(row['patients']), 'patient')})."
    )


def _interval(low: float, high: float, confidence: str) -> str:
    if not math.isfinite(low):
        return "no interval: too few patients"
    return f"{confidence} interval {number(low)} to {number(high)}"


def _count(number_of: int, word: str) -> str:
    return f"{number_of} {word}{'' if number_of == 1 else 's'}"
