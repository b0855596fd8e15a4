"""Evaluate: label maps and truth -> scores per case, label and region.

In the workflow
takes  the tables of convert (the truth) and of predict, and the plan (labels and regions)
makes  a table row per case, and beside it `<case>.tsv` with a row per label and metric

By itself
takes  two folders of label maps with the same file names
makes  one table: case, label, metric, value, unit, status
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from segmake.cores import limited
from segmake.dataset.folders import Pairing, pair_folders
from segmake.errors import CasesFailed, ConfigError, GeometryError, InputError, SegmakeError
from segmake.jobs import EvaluateJob
from segmake.ledger import Item, Outcome, Shard
from segmake.metrics.lesions import RULES, LesionRule
from segmake.metrics.policy import Status
from segmake.metrics.rows import COLUMNS, complete, long_rows
from segmake.metrics.score import Score, Tolerance, label_values, score_case
from segmake.metrics.summary import rounded
from segmake.plan import Plan
from segmake.progress import tell, track
from segmake.tables import Row, check_table_format, read_cases, write_scores, write_table
from segmake.volume.geometry import grid_distance_mm, to_canonical
from segmake.volume.labels import as_labels
from segmake.volume.read import read_volume
from segmake.volume.volume import Volume

log = logging.getLogger("segmake")
Scored = tuple[str, list[Row], str]
"""Case, its rows, and why there are none."""

VERSION = 2
GRID_TOLERANCE_MM = 1e-2
"""Largest distance between corresponding corners of truth and prediction that counts as one grid."""


@dataclass(frozen=True)
class Pair:
    """A prediction and its truth, and what their scores are filed under."""

    prediction: Path
    truth: Path
    group: str = ""
    filed: Mapping[str, str] = field(default_factory=dict)
    """Further columns of every row: split and fold."""


@dataclass(frozen=True)
class Targets:
    """What is scored: labels, and regions made of them; every value that occurs when there are neither."""

    labels: dict[str, list[int]]
    regions: dict[str, list[int]]
    tolerance_mm: Tolerance
    lesion: str
    ignore: int | None = None

    @property
    def rule(self) -> LesionRule | None:
        """What a lesion is; None when lesions are not scored."""
        return RULES.get(self.lesion)

    def of(self, *maps: Volume) -> dict[str, list[int]]:
        """Name -> values, for these label maps."""
        named = self.labels | self.regions
        return named or {str(value): [value] for value in label_values(*(found.data for found in maps))}


def run(job: EvaluateJob) -> None:
    """Score every case that has a prediction and a truth."""
    if job.prediction and job.truth:
        _score_folders(job, pair_folders(job.prediction, job.truth))
    elif job.table and job.predictions and job.plan:
        plan = Plan.load(job.plan)
        targets = _targets(job, plan.labels, plan.regions, plan.ignore)
        shard = Shard(
            stage="evaluate",
            version=VERSION,
            table=job.output,
            settings=asdict(targets),
            threads=job.threads,
            on_error=job.on_error,
        )
        shard.run(_items(job.table, job.predictions), partial(score_item, targets=targets))


def score_item(item: Item, scratch: Path, targets: Targets) -> Outcome:
    """Score one case and write its rows; the work the ledger does."""
    pair: Pair = item.payload
    scores = _score(item.case, pair, targets)
    name = f"{item.case}.tsv"
    write_table(scratch / name, long_rows(item.case, scores, pair.filed))
    return Outcome(name, _columns(pair, scores, targets))


def score_files(entry: tuple[str, tuple[Path, Path]], targets: Targets) -> Scored:
    """Score (case, (prediction, truth)): its rows, or the reason why there are none."""
    case, files = entry
    try:
        return case, long_rows(case, _score(case, Pair(*files), targets), {}), ""
    except Exception as error:
        log.debug("evaluate %s", case, exc_info=True)
        return case, [], str(error) if isinstance(error, SegmakeError) else f"{type(error).__name__}: {error}"


def _score_folders(job: EvaluateJob, pairing: Pairing) -> None:
    """Score all pairs and write one table; what could not be scored has a row there and is named."""
    check_table_format(job.output)
    targets = _targets(job, job.labels, job.regions, job.ignore)
    found: dict[str, list[Row]] = {}
    lost = dict.fromkeys(pairing.no_prediction, "it has no prediction")
    for case, rows, reason in _each(pairing, partial(score_files, targets=targets), job.threads):
        if reason:
            lost[case] = reason
            log.error("evaluate %s failed: %s", case, reason)
        else:
            found[case] = rows
    for case in pairing.no_truth:
        log.warning("evaluate leaves out %s: it has no truth", case)
    if not targets.labels and not targets.regions:
        found = complete(found, targets.tolerance_mm, targets.rule)
    fates = dict.fromkeys(lost, "failed") | dict.fromkeys(pairing.no_prediction, "no_prediction")
    fates |= dict.fromkeys(pairing.no_truth, "no_truth")
    empty = {case: [dict.fromkeys(COLUMNS, "") | {"case": case, "status": fates[case]}] for case in fates}
    every = found | empty
    write_scores(job.output, [row for case in sorted(every) for row in every[case]], COLUMNS)
    tell("evaluate wrote %d cases to %s", len(found), job.output)
    if lost and job.on_error == "stop":
        reasons = "; ".join(f"{case}: {lost[case]}" for case in sorted(lost)[:5])
        raise CasesFailed(
            f"evaluate: {len(lost)} of {len(found) + len(lost)} cases have no score ({reasons}); the scores "
            f"of the rest are in {job.output}. Mend them and run again, or set on_error: exclude"
        )


def _each(
    pairing: Pairing, work: Callable[[tuple[str, tuple[Path, Path]]], Scored], threads: int
) -> Iterator[Scored]:
    """Do all pairs, in a pool of processes when there are several threads."""
    entries = list(pairing.pairs.items())
    if threads == 1 or len(entries) == 1:
        yield from track(map(work, entries), len(entries), "evaluate")
        return
    try:
        with limited(1), ProcessPoolExecutor(threads, get_context("fork")) as pool:
            done = pool.map(work, entries, chunksize=max(1, min(16, len(entries) // (4 * threads))))
            yield from track(done, len(entries), "evaluate")
    except BrokenProcessPool as error:
        raise InputError(
            "a process of evaluate was killed, perhaps for lack of memory; give it more, or fewer --threads"
        ) from error


def _score(case: str, pair: Pair, targets: Targets) -> list[Score]:
    prediction, truth = _judged(*_on_one_grid(case, pair), targets.ignore)
    return score_case(
        prediction.data[0],
        truth.data[0],
        truth.spacing_mm,
        targets.of(prediction, truth),
        targets.tolerance_mm,
        targets.rule,
    )


def _judged(prediction: Volume, truth: Volume, ignore: int | None) -> tuple[Volume, Volume]:
    """Both as background where nobody judged."""
    if ignore is None:
        return prediction, truth
    unjudged = truth.data == ignore
    maps = [np.where(unjudged, 0, found.data) for found in (prediction, truth)]
    return Volume(maps[0], prediction.affine), Volume(maps[1], truth.affine)


def _targets(
    job: EvaluateJob, labels: Mapping[str, int], regions: Mapping[str, list[int]], ignore: int | None
) -> Targets:
    targets = Targets(
        labels={name: [value] for name, value in labels.items()},
        regions=dict(regions),
        tolerance_mm=job.nsd_tolerance_mm,
        lesion=job.lesion,
        ignore=ignore,
    )
    known = [*targets.labels, *targets.regions]
    named = job.nsd_tolerance_mm if isinstance(job.nsd_tolerance_mm, dict) else {}
    if known and named and set(known) != set(named):
        raise ConfigError(
            f"nsd_tolerance_mm is one number, or names all of {', '.join(known)}; got {', '.join(named)}"
        )
    return targets


def _items(table: Path, predictions: Path) -> list[Item]:
    """Pair the rows of both tables by case; cases that lack a side are named in the log."""
    predicted = {row["case"]: row for row in read_cases([predictions])}
    items = []
    for row in read_cases([table]):
        prediction = predicted.get(row["case"])
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
        filed={"split": truth["split"], "fold": prediction.get("fold", "")},
    )
    return Item(truth["case"], (pair.prediction, pair.truth, pair.group, *pair.filed.values()), pair)


def _on_one_grid(case: str, pair: Pair) -> tuple[Volume, Volume]:
    """Prediction and truth; turned to one orientation where they are stored in two."""
    prediction, truth = (as_labels(read_volume(path), str(path)) for path in (pair.prediction, pair.truth))
    if grid_distance_mm(truth, prediction) > GRID_TOLERANCE_MM:
        prediction, truth = to_canonical(prediction), to_canonical(truth)
    apart = grid_distance_mm(truth, prediction)
    if apart > GRID_TOLERANCE_MM:
        raise GeometryError(
            f"prediction and truth of {case} must lie on one grid, got {prediction.shape} and "
            f"{truth.shape} voxels, corners up to {apart:.3g} mm apart; predict it again from its image, "
            "or resample it"
        )
    return prediction, truth


def _columns(pair: Pair, scores: list[Score], targets: Targets) -> dict[str, object]:
    """Columns of the case's table row: mean Dice over the labels, and how many of them met which fate."""
    dice = [score for score in scores if score.metric == "dice" and score.label in targets.labels]
    fates = [score.status for score in dice]
    columns: dict[str, object] = {"group": pair.group, **pair.filed}
    columns["dice_mean"] = rounded(sum(score.value for score in dice) / len(dice))
    return columns | {str(status): fates.count(status) for status in Status}
