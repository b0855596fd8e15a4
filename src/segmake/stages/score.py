"""score: takes class probabilities of patches, makes calibrated ones, decisions, scores and curves.

Steps: fit a temperature and choose thresholds on out-of-fold rows, each patient's by those of others; gather
patches to lesions and patients; score each level. Beside summary.tsv: predictions.tsv, curves.tsv,
confusion.tsv, decision.json; with places of lesions what `segmake froc` takes: marks.csv (the lesions with
the probability of the positive class), nodules.csv and scans.csv.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from segmake.dataset.annotations import PLACE, UNMEASURED_MM
from segmake.dataset.places import Place, read_places, truth_places
from segmake.jobs import ScoreJob
from segmake.ledger import read_record
from segmake.metrics.classification.curves import CURVES, area_rows, curve_rows
from segmake.metrics.classification.decision import Verdict, judge
from segmake.metrics.classification.levels import Level, Patches, Task
from segmake.metrics.classification.scores import (
    CONFUSION,
    SUMMARY,
    confusion_rows,
    prediction_rows,
    scores_text,
    summary_rows,
)
from segmake.metrics.statistics import Bootstrap
from segmake.metrics.summary import rounded
from segmake.tables import Row, read_cases, read_table, write_table, write_text

log = logging.getLogger("segmake")
AXES = ("x_mm", "y_mm", "z_mm")


def run(job: ScoreJob) -> None:
    """Write the scores of a classifier, and all that stands beside them."""
    rows = sorted(
        (row for table in job.tables for row in read_table(table)),
        key=lambda row: (row["case"], int(row["patch"] or -1)),
    )
    patches = Patches.of(rows, job.positive)
    verdict = judge(patches, job)
    if not verdict.rule.patches:
        log.warning(
            "no out-of-fold patch with a class is there to learn from: probabilities are not calibrated, and "
            "decisions are made at 0.5"
        )
    folder = job.output.parent
    write_table(folder / "predictions.tsv", prediction_rows(verdict.levels))
    write_table(folder / "confusion.tsv", confusion_rows(verdict.levels), CONFUSION)
    write_text(folder / "decision.json", json.dumps(_decision(verdict, patches.task, job), indent=1) + "\n")
    if job.lesions or job.phantoms:
        _write_marks(folder, verdict, rows, _places(job))
    scores = summary_rows(verdict.levels, job.bins, Bootstrap(job.seed, job.resamples, job.confidence))
    write_table(folder / "curves.tsv", [*curve_rows(verdict.levels, job.bins), *area_rows(scores)], CURVES)
    write_table(job.output, scores, SUMMARY)
    for line in scores_text([{name: str(cell) for name, cell in row.items()} for row in scores]).splitlines():
        log.info("%s", line)


def format_scores(path: Path) -> str:
    """Render summary.tsv as aligned text: what decides, at each level."""
    return scores_text(read_table(path))


def _decision(verdict: Verdict, task: Task, job: ScoreJob) -> dict[str, object]:
    """What turns logits of new patches into probabilities and decisions, and how it was found."""
    return {
        "classes": list(task.classes),
        "positive": task.classes[task.positive],
        "sigmoid": task.sigmoid,
        "aggregate": job.aggregate,
        "aggregate_lesions": job.aggregate_lesions,
        "learned_on": "out-of-fold patches of the training cases",
        **verdict.rule.told(),
        "cross_fitted": [rule.told() for rule in verdict.parts],
    }


def _places(job: ScoreJob) -> dict[str, list[Place]]:
    """The true places of each case: those of the user's table, else the phantoms' own."""
    if job.lesions is not None:
        return read_places(job.lesions)
    found = {}
    for row in read_cases(job.phantoms):
        record = read_record(Path(row["path"]).parent, row["case"])
        found[row["case"]] = truth_places(record["details"]["lesions"])
    return found


def _write_marks(folder: Path, verdict: Verdict, rows: Sequence[Row], places: dict[str, list[Place]]) -> None:
    """Write marks.csv, nodules.csv and scans.csv, world mm with LPS axes as LUNA16 has them.

    Nodules are the places of the positive class, and those of no class; new cases are no scans.
    """
    scans = sorted({row["case"] for row in rows if row["split"] != "new"})
    middles = {(row["case"], row["lesion"]): [row[name] for name in AXES] for row in rows if row["lesion"]}
    lesions = next((each.level for each in verdict.levels if each.level.name == "lesion"), None)
    marks = list(_marks(lesions, middles)) if lesions else []
    positive = {"", verdict.levels[0].level.task.classes[verdict.levels[0].level.task.positive]}
    nodules = [
        [scan, *_lps(place.centre_mm), f"{place.diameter_mm or UNMEASURED_MM:g}"]
        for scan in scans
        for place in places.get(scan, [])
        if place.class_ in positive
    ]
    _write_csv(folder / "marks.csv", (*PLACE, "probability"), marks)
    _write_csv(folder / "nodules.csv", (*PLACE, "diameter_mm"), nodules)
    _write_csv(folder / "scans.csv", PLACE[:1], [[scan] for scan in scans])


def _marks(lesions: Level, middles: dict[tuple[str, str], list[str]]) -> Iterable[list[str]]:
    columns = lesions.columns
    chances = lesions.probability[:, lesions.task.positive].tolist()
    for case, lesion, chance in zip(columns["case"], columns["lesion"], chances, strict=True):
        if all(middles[case, lesion]):
            yield [case, *_lps([float(value) for value in middles[case, lesion]]), rounded(chance)]


def _lps(centre_mm: Sequence[float]) -> list[str]:
    x, y, z = centre_mm
    return [f"{value + 0.0:.6g}" for value in (-x, -y, z)]


def _write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    write_text(path, "".join(",".join(cells) + "\n" for cells in (columns, *rows)))
