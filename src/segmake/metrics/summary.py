"""From scores of cases to a row per split, label and metric, and to a table that fits a terminal.

Rows are dictionaries of strings, as tables hold them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan

from segmake.metrics.policy import Status
from segmake.metrics.statistics import Bootstrap, summarize

Row = Mapping[str, str]

DIGITS = 6
"""Significant digits in tables: more than any score deserves, few enough to read."""
MEAN = "mean"
"""Pseudo-label of the Dice averaged over a case's labels."""
CI_METHOD = "bca"
"""How intervals are made: bias-corrected and accelerated bootstrap of the mean over patients."""
SHOWN = {"dice": "Dice", "hd95": "HD95 mm", "nsd": "NSD"}
"""Metrics of the terminal's table and their headings."""


def rounded(value: float) -> str:
    """Format a value for a table: six significant digits, no negative zero, nothing where undefined."""
    return "" if isnan(value) else f"{value + 0.0:.{DIGITS}g}"


@dataclass
class Cell:
    """What is gathered of one split, label and metric."""

    unit: str
    values: list[float] = field(default_factory=list)
    patients: list[str] = field(default_factory=list)
    fates: dict[str, int] = field(default_factory=lambda: {str(status): 0 for status in Status})


def summary_rows(
    scores: Iterable[Row], cases: Sequence[Row], bootstrap: Bootstrap, failed: Iterable[str] = ()
) -> list[dict[str, object]]:
    """Summarize every split, label and metric over patients.

    Args:
        scores: long rows with case, split, label, metric, value, unit, status.
        cases: a row per case with case, group, split, dice_mean and the number of its labels per status.
        bootstrap: how intervals are made.
        failed: split of each case that has no score because a stage failed on it or left it out; where the
            split is not known ("") the case counts in every split, as it may belong there.

    Returns:
        A row per split, label and metric, splits in alphabetical order, labels and metrics as they come;
        the label `mean` stands last and counts the fates of all its labels.
    """
    groups = {case["case"]: case["group"] for case in cases}
    cells: dict[tuple[str, str, str], Cell] = {}
    for row in scores:
        cell = cells.setdefault((row["split"], row["label"], row["metric"]), Cell(row["unit"]))
        cell.values.append(float(row["value"]))
        cell.patients.append(groups[row["case"]])
        cell.fates[row["status"]] += 1
    for case in cases:
        cell = cells.setdefault((case["split"], MEAN, "dice"), Cell("ratio"))
        cell.values.append(float(case["dice_mean"]))
        cell.patients.append(case["group"])
        for fate in cell.fates:
            cell.fates[fate] += int(case[fate])
    lost = list(failed)
    return [
        _row(key, cells[key], bootstrap) | {"failed": lost.count(key[0]) + lost.count("")}
        for key in sorted(cells, key=lambda key: key[0])
    ]


def _row(key: tuple[str, str, str], cell: Cell, bootstrap: Bootstrap) -> dict[str, object]:
    rng = bootstrap.rng("summarize", *key)
    found = summarize(cell.values, cell.patients, rng, bootstrap.resamples, bootstrap.confidence)
    split, label, metric = key
    return {
        "split": split,
        "label": label,
        "metric": metric,
        "unit": cell.unit,
        "cases": len(cell.values),
        "patients": found.patients,
        "mean": rounded(found.mean),
        "median": rounded(found.median),
        "sd": rounded(found.sd),
        "ci_low": rounded(found.ci_low),
        "ci_high": rounded(found.ci_high),
        "ci_method": "" if isnan(found.ci_low) else CI_METHOD,
        **cell.fates,
    }


def summary_text(rows: Sequence[Row]) -> str:
    """Lay the summary out for people: mean [interval] of Dice, HD95 and NSD per split and label."""
    cells = {(row["split"], row["label"], row["metric"]): row for row in rows}
    lines = [
        [
            "split",
            "label",
            "cases",
            *(f"{name} [CI]" for name in SHOWN.values()),
            "missed",
            "false alarms",
            "failed",
        ]
    ]
    for split, label in dict.fromkeys((split, label) for split, label, _ in cells):
        dice = cells[split, label, "dice"]
        shown = [_interval(cells.get((split, label, metric))) for metric in SHOWN]
        counts = (dice[Status.MISSED], dice[Status.FALSE_ALARM], dice["failed"])
        lines.append([split, label, dice["cases"], *shown, *counts])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _interval(row: Row | None) -> str:
    if row is None:
        return ""
    digits = 2 if row["unit"] == "mm" else 3
    mean = f"{float(row['mean']):.{digits}f}"
    if not row["ci_low"]:
        return mean
    return f"{mean} [{float(row['ci_low']):.{digits}f}, {float(row['ci_high']):.{digits}f}]"
