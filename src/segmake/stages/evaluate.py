"""Evaluate: label maps and truth -> scores per case, label and region.

takes  the tables of convert (the truth) and of predict, and the plan (labels and regions)
makes  a table row per case, and beside it `<case>.tsv` with a row per label and metric
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from segmake.errors import GeometryError
from segmake.jobs import EvaluateJob
from segmake.ledger import Item, Outcome, Shard
from segmake.metrics.policy import Status
from segmake.metrics.score import Score, score_case
from segmake.metrics.summary import rounded
from segmake.plan import Plan
from segmake.tables import Row, read_cases, write_table
from segmake.volume.geometry import grid_distance_mm, to_canonical
from segmake.volume.labels import as_labels
from segmake.volume.read import read_volume
from segmake.volume.volume import Volume

log = logging.getLogger("segmake")

VERSION = 1
GRID_TOLERANCE_MM = 1e-2
"""Largest distance between corresponding corners of truth and prediction that counts as one grid."""


@dataclass(frozen=True)
class Pair:
    """A prediction and its truth, and what their scores are filed under."""

    prediction: Path
    truth: Path
    group: str
    split: str
    fold: str


@dataclass(frozen=True)
class Targets:
    """What is scored: the labels, and the regions made of them."""

    labels: dict[str, list[int]]
    regions: dict[str, list[int]]
    tolerance_mm: float


def run(job: EvaluateJob) -> None:
    """Score every case that has a prediction and a truth."""
    plan = Plan.load(job.plan)
    targets = Targets(
        labels={name: [value] for name, value in plan.labels.items()},
        regions=dict(plan.regions),
        tolerance_mm=job.nsd_tolerance_mm,
    )
    shard = Shard(
        stage="evaluate",
        version=VERSION,
        table=job.output,
        settings=asdict(targets),
        threads=job.threads,
        on_error=job.on_error,
    )
    shard.run(_items(job), partial(score_pair, targets=targets))


def score_pair(item: Item, scratch: Path, targets: Targets) -> Outcome:
    """Score one case and write its rows; the work the ledger does."""
    pair: Pair = item.payload
    truth = _canonical_labels(pair.truth)
    prediction = _canonical_labels(pair.prediction)
    apart = grid_distance_mm(truth, prediction)
    if apart > GRID_TOLERANCE_MM:
        raise GeometryError(
            f"prediction and truth of {item.case} must lie on one grid, got {prediction.shape} and "
            f"{truth.shape} voxels, corners up to {apart:.3g} mm apart; predict it again from its image"
        )
    scores = score_case(
        prediction.data[0],
        truth.data[0],
        truth.spacing_mm,
        targets.labels | targets.regions,
        targets.tolerance_mm,
    )
    name = f"{item.case}.tsv"
    write_table(scratch / name, [_long_row(item.case, pair, score) for score in scores])
    return Outcome(name, _columns(pair, scores, targets))


def _items(job: EvaluateJob) -> list[Item]:
    """Pair the rows of both tables by case; cases that lack a side are named in the log."""
    predictions = {row["case"]: row for row in read_cases([job.predictions])}
    items = []
    for row in read_cases([job.table]):
        prediction = predictions.get(row["case"])
        if not row.get("label"):
            log.info("evaluate leaves out %s: it has no truth", row["case"])
        elif prediction is None:
            log.warning("evaluate leaves out %s: it has no prediction", row["case"])
        else:
            items.append(_item(row, prediction))
    return items


def _item(truth: Row, prediction: Row) -> Item:
    pair = Pair(
        prediction=Path(prediction["path"]),
        truth=Path(truth["label"]),
        group=truth["group"],
        split=truth["split"],
        fold=prediction.get("fold", ""),
    )
    return Item(truth["case"], (pair.prediction, pair.truth, pair.group, pair.split, pair.fold), pair)


def _canonical_labels(path: Path) -> Volume:
    return to_canonical(as_labels(read_volume(path), str(path)))


def _long_row(case: str, pair: Pair, score: Score) -> dict[str, object]:
    return {
        "case": case,
        "split": pair.split,
        "fold": pair.fold,
        "label": score.label,
        "metric": score.metric,
        "value": rounded(score.value),
        "unit": score.unit,
        "status": str(score.status),
    }


def _columns(pair: Pair, scores: list[Score], targets: Targets) -> dict[str, object]:
    """Columns of the case's table row: mean Dice over the labels, and how many of them met which fate."""
    dice = [score for score in scores if score.metric == "dice" and score.label in targets.labels]
    fates = [score.status for score in dice]
    columns: dict[str, object] = {"group": pair.group, "split": pair.split, "fold": pair.fold}
    columns["dice_mean"] = rounded(sum(score.value for score in dice) / len(dice))
    return columns | {str(status): fates.count(status) for status in Status}
