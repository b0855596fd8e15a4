"""train: takes training-ready arrays, the plan and a fold, makes model.pt and history.csv.

Steps: leave the fold's cases out, train within the budget on the others (going on where a stopped run of the
same job was), publish the averaged weights with the plan. The rolling state stays in `state/` beside them.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch

from segmake.configuration import flags
from segmake.errors import ConfigError, InputError
from segmake.jobs import TrainJob
from segmake.learning import session
from segmake.learning.checkpoint import TrainedModel, load_model, save_model, versions
from segmake.learning.distributed import Ranks
from segmake.learning.journal import Journal
from segmake.learning.loop import Task, train
from segmake.learning.run import Run
from segmake.learning.sampling import Case
from segmake.learning.segmenting import Segmentation
from segmake.learning.subset import choose_cases
from segmake.plan import Plan
from segmake.settings import TrainSettings
from segmake.tables import Row, read_cases
from segmake.volume.store import load_array, open_array

log = logging.getLogger("segmake")
VERSION = 2


def run(job: TrainJob) -> dict[str, Any]:
    """Train one network on one fold and publish it; returns how far its manifest vouches for it.

    With several GPUs, this process starts one for each and waits for them.
    """
    words = ["train", *flags(job, leave_out=("tables",)), "--tables", *map(str, job.tables)]
    return session.conduct(job, words, lambda ranks: _train(job, ranks))


def _train(job: TrainJob, ranks: Ranks) -> dict[str, Any]:
    """Train as one of `ranks`, of which the first publishes the model."""
    plan = Plan.load(job.plan)
    rows = read_cases(job.tables)
    training, validation = _split(rows, plan, job.fold)
    settings = TrainSettings(**{name: getattr(job, name) for name in TrainSettings.model_fields})
    training = _fewer(training, settings)
    replayed = _replayed(settings)
    rates = replayed.rates[: job.replay_steps] if replayed else []
    in_memory = _gigabytes(rows) * ranks.local_count <= settings.cache_gb
    lesson = Segmentation(
        plan,
        settings,
        training=[_case(row, in_memory) for row in training],
        validation=[_case(row, False) for row in validation],
    )
    identity = _identity(job, settings, plan, training)
    if replayed:
        identity |= session.course(rates, replayed.compiled)
    task = Task(lesson, identity, rates, replayed.compiled if replayed else None, ranks)
    log.info("training on %d cases, %d kept for validation", len(training), len(validation))
    journal = session.open_journal(job.output, job.fold, settings) if ranks.first else Journal("")
    result = train(task, session.state_folder(job.output) / "state.pt", journal)
    if ranks.first:
        save_model(job.output, _model(lesson, job.fold, result))
    return session.facts(task, result, len(training))


def _model(lesson: Segmentation, fold: int, result: Run) -> TrainedModel:
    """What is published of a training."""
    return TrainedModel(
        result.averaged,
        lesson.plan,
        fold,
        lesson.settings,
        lesson.settings.seed,
        validation=[case.name for case in lesson.validation],
        history=result.history.summary(),
        versions=versions(),
        rates=result.rates,
        compiled=bool(result.compiled),
        training=[case.name for case in lesson.training],
        hashes=result.hashes,
        start=result.start,
    )


def _replayed(settings: TrainSettings) -> TrainedModel | None:
    """The training to repeat, made of the network that the settings name."""
    if settings.replay is None:
        return None
    return load_model(settings.replay, torch.device("cpu"), settings.network)


def _split(rows: list[Row], plan: Plan, fold: int) -> tuple[list[Row], list[Row]]:
    """Rows to train on and rows kept for validation."""
    if fold not in plan.folds.values():
        known = sorted(set(plan.folds.values()))
        raise InputError(f"train.folds must name folds of the plan {known}, got {fold}; see plan.folds")
    unknown = [row["case"] for row in rows if row["case"] not in plan.folds]
    if unknown:
        raise InputError(f"case {unknown[0]} has no fold in the plan; run `segmake plan` again")
    validation = [row for row in rows if plan.folds[row["case"]] == fold]
    training = [row for row in rows if plan.folds[row["case"]] != fold]
    if not training:
        raise InputError(f"no case is left to train on without fold {fold}; add cases or use fewer folds")
    return training, validation


def _fewer(rows: list[Row], settings: TrainSettings) -> list[Row]:
    """Rows of as many cases as the training is to learn from."""
    if len(settings.cases) > 1:
        raise ConfigError(
            f"one training takes one of train.cases, got {settings.cases}; give one (a configuration makes a "
            "model of each)"
        )
    count = settings.cases[0]
    if count == "all":
        return rows
    groups = [row.get("group") or row["case"] for row in rows]
    return [rows[index] for index in choose_cases(groups, count, settings.seed)]


def _case(row: Row, in_memory: bool) -> Case:
    """Read a case's arrays, or open them to be read patch by patch."""
    read = load_array if in_memory else open_array
    return Case(row["case"], *(read(Path(row[column])) for column in ("path", "label", "foreground")))


def _gigabytes(rows: list[Row]) -> float:
    """Size of all arrays once decompressed."""
    paths = [Path(row[column]) for row in rows for column in ("path", "label", "foreground")]
    return sum(float(open_array(path).nbytes) for path in paths) / 1e9


def _identity(job: TrainJob, settings: TrainSettings, plan: Plan, rows: list[Row]) -> dict[str, Any]:
    """Everything that decides the weights, by name, so that a change can be told apart."""
    cases = [[row["case"], row.get("key", ""), row.get("sha256", "")] for row in rows]
    planned = plan.model_dump(mode="json", exclude={"reasons", "folds"})
    return session.deciding("train", settings) | {
        "version": VERSION,
        "fold": job.fold,
        "plan": session.digest(planned),
        "training cases": session.digest(cases),
    }
