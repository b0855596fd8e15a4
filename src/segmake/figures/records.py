"""Typed rows of the score tables, and how their numbers are written."""

from __future__ import annotations

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from segmake.errors import InputError
from segmake.tables import Row

NOTHING = "\N{EN DASH}"
"""What stands where there is no number."""

MEAN = "mean"
"""Label of the rows that average over labels."""

Better = Literal["higher", "lower", "zero"]

METRICS: dict[str, tuple[str, Better]] = {
    "dice": ("Dice", "higher"),
    "iou": ("IoU", "higher"),
    "nsd": ("NSD", "higher"),
    "hd95": ("HD95", "lower"),
    "volume_error_ml": ("Volume error", "zero"),
    "relative_volume_error": ("Rel. volume error", "zero"),
    "hd": ("HD", "lower"),
    "assd": ("ASSD", "lower"),
    "precision": ("Precision", "higher"),
    "recall": ("Recall", "higher"),
    "lesion_wise_dice": ("Lesion-wise Dice", "higher"),
    "lesion_wise_hd95": ("Lesion-wise HD95", "lower"),
    "lesion_f1": ("Lesion F1", "higher"),
    "lesion_sensitivity": ("Lesion sensitivity", "higher"),
    "lesion_false_positives": ("False positives", "lower"),
    "panoptic_quality": ("Panoptic quality", "higher"),
}
"""Metric -> name in figures and tables, and which way is better."""

ARROWS: dict[Better, str] = {"higher": " ↑", "lower": " ↓", "zero": " → 0"}
"""What stands behind the name of a metric in figures."""

SIZES = {
    "truth_ml": "True volume",
    "prediction_ml": "Predicted volume",
    "scored_lesions": "Scored lesions",
}
"""What says how large something is, not how good -> name in tables."""

UNITLESS = ("", "1", "ratio")
"""Units that are not written out."""

SPLITS = {
    "train": "Cross-validation (each case scored by the model that did not see it)",
    "test": "Test cases (never used for training)",
    "new": "New cases",
}
STATUSES = {"missed": "missed", "false_alarm": "false alarm", "both_empty": "rightly empty", "ok": "found"}
"""What happened to a label in a case: in truth alone, in prediction alone, in neither, in both."""


@dataclass(frozen=True)
class Score:
    """One number: a metric of a label of a case, from one model."""

    model: str
    split: str
    fold: str
    case: str
    label: str
    metric: str
    value: float
    unit: str
    status: str


@dataclass(frozen=True)
class Summary:
    """A metric of a label over the cases of a split, with the interval of its mean over patients."""

    model: str
    split: str
    label: str
    metric: str
    unit: str
    cases: int
    patients: int
    mean: float
    median: float
    sd: float
    low: float
    high: float
    missed: int
    false_alarms: int


def read_scores(rows: Iterable[Row], model: str) -> list[Score]:
    """Rows of metrics.tsv as scores of a model.

    Raises:
        InputError: a column is missing or a value is no number.
    """
    texts = ("split", "fold", "case", "label", "metric", "unit", "status")
    try:
        return [
            Score(model=model, value=to_number(row["value"]), **{name: row[name] for name in texts})
            for row in rows
        ]
    except (KeyError, ValueError) as error:
        raise InputError(
            f"metrics of {model} are not as evaluate writes them ({error}); run evaluate"
        ) from error


def read_summary(rows: Iterable[Row], model: str) -> list[Summary]:
    """Rows of summary.tsv of a model.

    Raises:
        InputError: a column is missing or a value is no number.
    """
    try:
        return [
            Summary(
                model=model,
                split=row["split"],
                label=row["label"],
                metric=row["metric"],
                unit=row["unit"],
                cases=int(row["cases"]),
                patients=int(row["patients"]),
                mean=to_number(row["mean"]),
                median=to_number(row["median"]),
                sd=to_number(row["sd"]),
                low=to_number(row["ci_low"]),
                high=to_number(row["ci_high"]),
                missed=int(row["missed"]),
                false_alarms=int(row["false_alarm"]),
            )
            for row in rows
        ]
    except (KeyError, ValueError) as error:
        raise InputError(
            f"summary of {model} is not as evaluate writes it ({error}); run evaluate"
        ) from error


def rank_cases(
    scores: Sequence[Score], labels: Container[str], metric: str = "dice"
) -> list[tuple[str, float]]:
    """Cases and their mean over the given labels (as evaluate takes it), worst first; equal ones by name."""
    values: dict[str, list[float]] = {}
    for score in scores:
        if score.metric == metric and score.label in labels and math.isfinite(score.value):
            values.setdefault(score.case, []).append(score.value)
    means = [(case, sum(found) / len(found)) for case, found in values.items()]
    return sorted(means, key=lambda item: (item[1], item[0]))


def read_history(rows: Iterable[Mapping[str, str]]) -> list[dict[str, float]]:
    """Rows of history.csv as numbers; an empty cell is NaN.

    Raises:
        InputError: a value is no number, or there is no column `step`.
    """
    try:
        found = [{name: to_number(text) for name, text in row.items()} for row in rows]
    except (TypeError, ValueError) as error:
        raise InputError(f"a history is not as train writes it ({error}); run train again") from error
    if any("step" not in row for row in found):
        raise InputError("a history has no column `step`; run train again")
    return found


def metric_title(metric: str, unit: str = "") -> str:
    """Name of a metric for people, with its unit."""
    plain = SIZES.get(metric, metric.replace("_", " "))
    name, _ = METRICS.get(metric, (plain, "higher"))
    return f"{name} ({unit})" if unit not in UNITLESS else name


def to_number(text: str) -> float:
    """A table's number; an empty cell is NaN."""
    return float(text) if text else math.nan


def number(value: float, digits: int = 3) -> str:
    """A number as it is printed everywhere: fixed decimals, no negative zero, a dash for none."""
    if not math.isfinite(value):
        return "∞" if value == math.inf else NOTHING
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text
