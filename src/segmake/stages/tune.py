"""tune: takes out-of-fold label maps and truth, makes the recipe of the post-processing that helps."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from segmake.cores import limited
from segmake.jobs import TuneJob
from segmake.metrics.tuning import Floats, candidate_dice, candidate_steps, choose, taken
from segmake.plan import Plan
from segmake.postprocessing import Evidence, Recipe, Step
from segmake.progress import track
from segmake.tables import is_training, read_cases, write_text
from segmake.volume.geometry import to_canonical
from segmake.volume.labels import as_labels
from segmake.volume.read import read_volume
from segmake.volume.volume import Array

log = logging.getLogger("segmake")


@dataclass(frozen=True)
class _Case:
    """A training case that was predicted by the fold that did not see it."""

    prediction: Path
    truth: Path
    patient: str
    fold: str


def run(job: TuneJob) -> None:
    """Measure every candidate on every case, choose on all and on all but each fold."""
    plan = Plan.load(job.plan)
    steps = {label: candidate_steps(job, label) for label in plan.labels}
    cases = _cases(job)
    work = partial(_measure, plan=plan, steps=steps)
    dice = list(track(_each(job.threads, work, cases), len(cases), "tune"))
    everything = np.ones(len(cases), dtype=bool)
    folds = np.array([case.fold for case in cases])
    patients = [case.patient for case in cases]

    def evidence(where: Array) -> list[Evidence]:
        found = []
        for number, label in enumerate(plan.labels):
            table = np.array([rows[number] for rows, use in zip(dice, where, strict=True) if use])
            chosen = [patient for patient, use in zip(patients, where, strict=True) if use]
            table = table.reshape(len(chosen), 1 + len(steps[label]))
            found += choose(table, steps[label], chosen, job, job.seed)
        return found

    full = evidence(everything)
    crossed = {str(fold): taken(evidence(folds != fold)) for fold in sorted(set(folds.tolist()))}
    recipe = Recipe(steps=taken(full), folds=crossed, evidence=full)
    write_text(job.output, recipe.model_dump_json(indent=1) + "\n")
    told = ", ".join(f"{step.label} {step.kind}" for step in recipe.steps) or "nothing helps"
    log.info("post-processing by %d cases: %s", len(cases), told)


def _cases(job: TuneJob) -> list[_Case]:
    truths = {row["case"]: row for row in read_cases(job.tables) if is_training(row)}
    return [
        _Case(Path(row["path"]), Path(truth["label"]), truth["group"], row["fold"])
        for row in read_cases(job.predictions)
        if row.get("fold") and (truth := truths.get(row["case"]))
    ]


def _each(threads: int, work: partial[list[Floats]], cases: list[_Case]) -> Iterator[list[Floats]]:
    if threads == 1 or len(cases) < 2:
        yield from map(work, cases)
        return
    with limited(1), ProcessPoolExecutor(threads, get_context("fork")) as pool:
        yield from pool.map(work, cases)


def _measure(case: _Case, plan: Plan, steps: dict[str, list[Step]]) -> list[Floats]:
    """Dice of every candidate, label by label."""
    maps = [to_canonical(as_labels(read_volume(path), str(path))) for path in (case.prediction, case.truth)]
    prediction, truth = (found.data[0] for found in maps)
    if plan.ignore is not None:
        judged = truth != plan.ignore
        prediction, truth = prediction * judged, truth * judged
    voxel_ml = float(np.prod(maps[1].spacing_mm)) / 1000
    return [
        candidate_dice(prediction, truth, value, steps[name], voxel_ml) for name, value in plan.labels.items()
    ]
