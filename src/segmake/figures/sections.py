"""What the page says about cases, plan and training, from table rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from segmake.figures.page import Block, Cell, Note, Table
from segmake.figures.records import (
    NOTHING,
    STATUSES,
    Score,
    number,
    to_number,
)
from segmake.plan import Normalisation, Plan
from segmake.tables import Row

MOST_ROWS = 1000
"""Longest table the page holds; the whole is in the results folder."""
OPEN_ROWS = 30
"""Longest table that is not folded away."""
TRIPLES = ("shape", "spacing_mm", "patch", "median_shape")
"""Fields along x, y, z."""
TIMES = "\N{NO-BREAK SPACE}\N{MULTIPLICATION SIGN}\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Failure:
    """A case that a stage could not do."""

    stage: str
    case: str
    reason: str


def failures(failed: Sequence[Failure], unscored: Mapping[str, str], scores: Sequence[Score]) -> list[Block]:
    """Cases that failed, cases without a score and why, and labels that were missed or made up."""
    blocks: list[Block] = []
    if failed:
        count = len({failure.case for failure in failed})
        verb = "case failed and is" if count == 1 else "cases failed and are"
        blocks.append(Note(f"{count} {verb} not in the scores.", "warning"))
        rows = [[f.case, f.stage, f.reason] for f in failed]
        blocks += _cut("Failed and excluded cases", ["Case", "Stage", "Reason"], rows)
    else:
        blocks.append(Note("No case failed."))
    if unscored:
        rows = [[case, reason] for case, reason in sorted(unscored.items())]
        blocks += _cut("Cases without a score", ["Case", "Reason"], rows)
    wrong = {
        (s.case, s.model, s.split, s.label, s.status): None
        for s in scores
        if s.status in ("missed", "false_alarm")
    }
    if wrong:
        rows = [[case, m, split, label, STATUSES[status]] for case, m, split, label, status in wrong]
        title = "Labels missed (in the truth alone) or false alarms (in the prediction alone)"
        blocks += _cut(title, ["Case", "Model", "Split", "Label", "What happened"], rows)
    elif scores:
        blocks.append(Note("No label was missed, and there was no false alarm."))
    return blocks


def passport(rows: Sequence[Row]) -> list[Block]:
    """What the data are: ranges over all converted cases, then every case."""
    if not rows:
        return [Note("No case was converted.", "warning")]
    volumes = sorted({name for row in rows for name in row if name.startswith("ml_")}, key=_order(rows))
    measures: dict[str, list[float]] = {}
    for row in rows:
        for name in ("shape", "spacing_mm"):
            for axis, text in zip("xyz", row[name].split("x"), strict=False):
                title = "Voxels" if name == "shape" else "Spacing (mm)"
                measures.setdefault(f"{title} along {axis}", []).append(to_number(text))
    for name in volumes:
        present = [to_number(row.get(name, "")) for row in rows]
        measures[f"Volume of {name.removeprefix('ml_')} (ml)"] = [v for v in present if v > 0]
    columns = ["Measure", "Cases", "Smallest", "Median", "Largest"]
    ranges = [[name, str(len(v)), *_spread(v, 3 if "(ml)" in name else None)] for name, v in measures.items()]
    blocks: list[Block] = [Table("Ranges over the converted cases", columns, ranges, frozenset(columns[1:]))]
    columns = ["Case", "Split", "Patient", "Site", "Shape", "Spacing (mm)", "Source orientation"]
    columns = [*columns, *(f"{name.removeprefix('ml_')} (ml)" for name in volumes)]
    keys = ["case", "split", "group", "site", "shape", "spacing_mm", "orientation"]
    if not any(row.get("site") for row in rows):
        columns.remove("Site")
        keys.remove("site")
    table = [
        [
            *(_triple(row.get(key, "")) if key in TRIPLES else row.get(key, "") for key in keys),
            *(number(to_number(row.get(name, ""))) for name in volumes),
        ]
        for row in rows
    ]
    return blocks + _cut("Every case", columns, table, frozenset(columns[len(keys) :]))


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


def _cut(
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


def _order(rows: Sequence[Row]) -> Callable[[str], int]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return names.index


def _scheme(normalisation: Normalisation) -> str:
    """A channel's normalisation: the scheme, and the numbers it needs if any."""
    numbers = normalisation.model_dump(exclude_defaults=True, exclude={"scheme"})
    return f"{normalisation.scheme} ({_plain(numbers)})" if numbers else normalisation.scheme


def _triple(text: str) -> str:
    """A shape or spacing such as 1x1x2.50001 as people write it."""
    return TIMES.join(f"{to_number(part):.4g}" for part in text.split("x")) if text else NOTHING


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
