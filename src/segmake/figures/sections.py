"""What the page says about cases, plan and training, from table rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from segmake.figures.outliers import rounded
from segmake.figures.page import Block, Cell, Link, Note, Table
from segmake.figures.passports import TIMES, Passport
from segmake.figures.records import NOTHING, STATUSES, Score, number
from segmake.plan import Normalisation, Plan

MOST_ROWS = 1000
"""Longest table the page holds; the whole is in the results folder."""
OPEN_ROWS = 30
"""Longest table that is not folded away."""
TRIPLES = ("shape", "spacing_mm", "patch", "median_shape")
"""Fields along x, y, z."""


@dataclass(frozen=True)
class Failure:
    """A case that a stage could not do, or that was left out there."""

    stage: str
    case: str
    reason: str
    excluded: bool = False
    """It cannot take part (a label without its image, say), and that is no failure."""


def failures(
    failed: Sequence[Failure],
    unscored: Mapping[str, str],
    scores: Sequence[Score],
    details: Mapping[str, str],
) -> list[Block]:
    """Cases that failed or are left out, cases without a score, labels that were missed or made up.

    details: case -> address of what is known of it.
    """

    def link(case: str) -> Cell:
        return Link(case, details[case]) if case in details else case

    blocks: list[Block] = []
    for excluded, verb, title in (
        (False, "failed", "Failed cases"),
        (True, "cannot take part", "Excluded cases"),
    ):
        chosen = [failure for failure in failed if failure.excluded == excluded]
        count = len({failure.case for failure in chosen})
        if chosen:
            told = f"{count} {'case' if count == 1 else 'cases'} {verb}: not in the scores."
            rows = [[link(f.case), f.stage, f.reason] for f in chosen]
            blocks += [Note(told, "warning"), *cut(title, ["Case", "Stage", "Reason"], rows)]
    if not failed:
        blocks.append(Note("No case failed, none was excluded."))
    if unscored:
        rows = [[link(case), reason] for case, reason in sorted(unscored.items())]
        blocks += cut("Cases without a score", ["Case", "Reason"], rows)
    wrong = {
        (s.case, s.model, s.split, s.label, s.status): None
        for s in scores
        if s.status in ("missed", "false_alarm")
    }
    if wrong:
        rows = [[link(case), m, split, label, STATUSES[status]] for case, m, split, label, status in wrong]
        title = "Labels missed (in the truth alone) or false alarms (in the prediction alone)"
        blocks += cut(title, ["Case", "Model", "Split", "Label", "What happened"], rows)
    elif scores:
        blocks.append(Note("No label was missed, and there was no false alarm."))
    return blocks


def passport(passports: Sequence[Passport]) -> list[Block]:
    """What the data are: ranges over all converted cases (each case is on the quality page)."""
    if not passports:
        return [Note("No case was converted.", "warning")]
    measures: dict[str, list[float]] = {}
    for one in passports:
        for title, values in (("Voxels", one.shape), ("Spacing (mm)", one.spacing_mm)):
            for axis, value in zip("xyz", values, strict=False):
                measures.setdefault(f"{title} along {axis}", []).append(value)
    for name in _names(one.labels_ml for one in passports):
        present = [one.labels_ml.get(name, math.nan) for one in passports]
        measures[f"Volume of {name} (ml)"] = [volume for volume in present if volume > 0]
    columns = ["Measure", "Cases", "Smallest", "Median", "Largest"]
    ranges = [[name, str(len(v)), *_spread(v, 3 if "(ml)" in name else None)] for name, v in measures.items()]
    return [Table("Ranges over the converted cases", columns, ranges, frozenset(columns[1:]))]


def every_case(passports: Sequence[Passport]) -> list[Block]:
    """A row per converted case: grid, orientation, intensities, labels."""
    if not passports:
        return [Note("No case was converted.", "warning")]
    channels = _names(one.intensities for one in passports)
    labels = _names(one.labels_ml for one in passports)
    sites = any(one.site for one in passports)
    columns = ["Case", "Split", "Patient", *(["Site"] if sites else []), "Shape", "Spacing (mm)"]
    columns += ["Source orientation", "Oblique (degrees)", *(f"{name} (0.5 to 99.5%)" for name in channels)]
    columns += [f"{name} (ml)" for name in labels]
    rows = []
    for one in passports:
        row: list[Cell] = [one.case, one.split, one.group, *([one.site] if sites else [])]
        row += [one.size, one.spacing, one.orientation]
        row.append(number(one.oblique_degrees, 1))
        row += [_range(one.intensities.get(name, ())) for name in channels]
        rows.append([*row, *(number(one.labels_ml.get(name, math.nan)) for name in labels)])
    return cut("Every converted case", columns, rows, frozenset(columns[-1 - len(channels) - len(labels) :]))


def plan_choices(plan: Plan) -> list[Block]:
    """Each choice and its reason."""
    dump = plan.model_dump(mode="json", exclude={"reasons", "folds", "normalisation"})
    rows = [
        [name, _plain(value, TIMES if name in TRIPLES else ", "), plan.reasons.get(name, "")]
        for name, value in dump.items()
    ]
    told = "; ".join(f"{channel}: {_scheme(scheme)}" for channel, scheme in plan.normalisation.items())
    rows.append(["normalisation", told, plan.reasons.get("normalisation", "")])
    sizes = {fold: list(plan.folds.values()).count(fold) for fold in sorted(set(plan.folds.values()))}
    dealt = ", ".join(f"fold {fold}: {size}" for fold, size in sizes.items())
    rows.append(["folds (cases in each)", dealt or NOTHING, plan.reasons.get("folds", "")])
    return [Table("Every choice and the reason for it", ["Choice", "Value", "Reason"], rows)]


def training_runs(histories: Mapping[tuple[str, str], Sequence[Mapping[str, float]]]) -> Table:
    """How long each run took and where it ended."""
    columns = ["Model", "Fold", "Steps", "Minutes", "Final loss", "Final validation Dice"]
    rows = []
    for (model, fold), history in histories.items():
        losses = [row["loss"] for row in history if math.isfinite(row.get("loss", math.nan))]
        dice = [row["val_dice"] for row in history if math.isfinite(row.get("val_dice", math.nan))]
        tail = losses[-max(1, len(losses) // 20) :]
        last = history[-1] if history else {}
        row = [model, fold, number(last.get("step", math.nan), 0), number(last.get("minutes", math.nan), 1)]
        row.append(number(sum(tail) / len(tail)) if tail else NOTHING)
        rows.append([*row, number(dice[-1]) if dice else NOTHING])
    if not any(row[-1] != NOTHING for row in rows):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    return Table(
        "Training runs (final loss: mean of the last 5% of the records)",
        columns,
        rows,
        frozenset(columns[1:]),
    )


def cut(
    caption: str, columns: list[str], rows: Sequence[Sequence[Cell]], numeric: frozenset[str] = frozenset()
) -> list[Block]:
    """A table, folded when long; a note when not even that holds it."""
    table = Table(f"{caption} ({len(rows)})", columns, rows[:MOST_ROWS], numeric, len(rows) > OPEN_ROWS)
    if len(rows) <= MOST_ROWS:
        return [table]
    return [
        table,
        Note(f"The first {MOST_ROWS} of {len(rows)}; all are in the tables of the results folder."),
    ]


def _spread(values: Sequence[float], digits: int | None) -> list[str]:
    """Smallest, median and largest value."""
    if not values:
        return [NOTHING] * 3
    ordered = sorted(values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    three = (ordered[0], middle, ordered[-1])
    return [f"{value:.4g}" if digits is None else number(value, digits) for value in three]


def _names(each: Iterable[Mapping[str, object]]) -> list[str]:
    """Names that occur in any, in order of appearance."""
    return list(dict.fromkeys(name for names in each for name in names))


def _scheme(normalisation: Normalisation) -> str:
    """A channel's normalisation: the scheme, and the numbers it needs if any."""
    numbers = normalisation.model_dump(exclude_defaults=True, exclude={"scheme"})
    return f"{normalisation.scheme} ({_plain(numbers)})" if numbers else normalisation.scheme


def _range(values: Sequence[float]) -> str:
    return f"{rounded(values[0])} to {rounded(values[-1])}" if values else NOTHING


def _plain(value: object, between: str = ", ") -> str:
    """A setting as people write it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_plain(item, ' + ')}" for key, item in value.items()) or NOTHING
    if isinstance(value, (list, tuple)):
        nested = any(isinstance(item, (list, tuple)) for item in value)
        return between.join(_plain(item, TIMES if nested else between) for item in value) or NOTHING
    if isinstance(value, float):
        return f"{value:.6g}"
    return NOTHING if value is None else str(value)
