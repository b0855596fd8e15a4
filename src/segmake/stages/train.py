"""train: takes training-ready arrays, the plan and a fold, makes model.pt and history.csv.

Steps: leave the fold's cases out, train within the budget on the others (going on where a stopped run of the
same job was), publish the averaged weights with the plan. The rolling state stays in `state/` beside them.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch

from segmake.configuration import flags
from segmake.device import choose_device, gpu_ids
from segmake.errors import ConfigError, InputError
from segmake.jobs import TrainJob
from segmake.learning.checkpoint import TrainedModel, load_model, save_model, versions
from segmake.learning.distributed import Ranks, joined, together
from segmake.learning.journal import Journal
from segmake.learning.launching import launch
from segmake.learning.loop import Task, train
from segmake.learning.reproducibility import statement
from segmake.learning.run import Run
from segmake.learning.sampling import Case
from segmake.learning.subset import choose_cases
from segmake.learning.tracking import MlflowRun
from segmake.learning.weights import identify
from segmake.lease import lease
from segmake.plan import Plan
from segmake.provenance import manifest_path
from segmake.settings import TrainSettings
from segmake.tables import Row, read_cases
from segmake.volume.store import load_array, open_array

log = logging.getLogger("segmake")
VERSION = 2
FACTS = ("reproducibility", "training_cases")
"""What the manifest of a training says beside what every manifest does."""
IRRELEVANT = {"folds", "seeds", "device", "checkpoint_minutes", "cache_gb", "mlflow", "replay"}
"""Settings that do not decide the weights: changing one does not begin training again (what is read from
`replay` does)."""


def run(job: TrainJob) -> dict[str, Any]:
    """Train one network on one fold and publish it; returns how far its manifest vouches for it.

    With several GPUs, this process starts one for each and waits for them.
    """
    if job.gpus and job.device != "cpu":
        _check_gpus(job.gpus)
    if job.gpus > 1 and not together():
        tables = ["--tables", *map(str, job.tables)]
        launch(["train", *flags(job, leave_out=("tables",)), *tables], job.gpus)
        written = json.loads(manifest_path(job.output).read_text(encoding="utf-8"))
        return {name: written[name] for name in FACTS}
    with joined() as ranks, _place(job.device, ranks):
        facts = _train(job, ranks)
        ranks.wait()
    if not ranks.first:
        raise SystemExit(0)  # the first process writes the manifest
    return facts


def _check_gpus(count: int) -> None:
    """Where GPUs were asked for, nothing is trained without them."""
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if found < count:
        raise ConfigError(
            f"the job was given gpu: {count}, but {found} GPUs are usable here; ask for as many as there are "
            "(gpu: 0 takes one where there is one), or set train.device to cpu"
        )


@contextmanager
def _place(device: str, ranks: Ranks) -> Iterator[None]:
    """Hold a GPU of this machine for each process, where GPUs are used; no other training shares it."""
    if choose_device(device).type == "cpu":
        log.info("training on the CPU")
        yield
        return
    with ExitStack() as held:
        numbers = held.enter_context(lease(gpu_ids(), ranks.local_count)) if ranks.local == 0 else []
        torch.cuda.set_device(ranks.from_local_first(numbers)[ranks.local])
        log.info("training on %s", torch.cuda.get_device_name())
        yield


def _train(job: TrainJob, ranks: Ranks) -> dict[str, Any]:
    """Train as one of `ranks`, of which the first publishes the model."""
    torch.set_num_threads(max(1, job.threads // ranks.local_count))
    torch.use_deterministic_algorithms(True, warn_only=True)
    if not ranks.first:
        log.setLevel(logging.ERROR)  # the first one tells
    plan = Plan.load(job.plan)
    rows = read_cases(job.tables)
    training, validation = _split(rows, plan, job.fold)
    settings = TrainSettings(**{name: getattr(job, name) for name in TrainSettings.model_fields})
    training = _fewer(training, settings)
    replayed = _replayed(settings)
    rates = replayed.rates[: job.replay_steps] if replayed else []
    in_memory = _gigabytes(rows) * ranks.local_count <= settings.cache_gb
    task = Task(
        plan,
        settings,
        job.seed,
        training=[_case(row, in_memory) for row in training],
        validation=[_case(row, False) for row in validation],
        identity=_identity(job, settings, plan, training) | _course(replayed, rates),
        rates=rates,
        compiled=replayed.compiled if replayed else None,
        ranks=ranks,
    )
    log.info("training on %d cases, %d kept for validation", len(training), len(validation))
    state = job.output.parent / "state"
    journal = _journal(job, settings, state) if ranks.first else Journal("")
    result = train(task, state / "state.pt", journal)
    if ranks.first:
        save_model(job.output, _model(task, job.fold, result))
    clocked = settings.minutes is not None and not rates
    vouched = statement(result.hashes, task.device.type, bool(result.compiled), clocked, result.processes)
    return dict(zip(FACTS, (vouched, len(training)), strict=True))


def _model(task: Task, fold: int, result: Run) -> TrainedModel:
    """What is published of a training."""
    return TrainedModel(
        result.averaged,
        task.plan,
        fold,
        task.settings,
        task.seed,
        validation=[case.name for case in task.validation],
        history=result.history.summary(),
        versions=versions(),
        rates=result.rates,
        compiled=bool(result.compiled),
        training=[case.name for case in task.training],
        hashes=result.hashes,
        start=result.start,
    )


def _journal(job: TrainJob, settings: TrainSettings, state: Path) -> Journal:
    """Where the course of training goes: beside the model, and where the settings say."""
    others = []
    if settings.mlflow:
        name = str(job.output.parent)
        others.append(
            MlflowRun(settings.mlflow, name, state / "mlflow.txt", settings.model_dump(mode="json"))
        )
    return Journal(f"fold {job.fold}", job.output.parent / "history.csv", state / "tensorboard", others)


def _replayed(settings: TrainSettings) -> TrainedModel | None:
    """The training to repeat, made of the network that the settings name."""
    if settings.replay is None:
        return None
    return load_model(settings.replay, torch.device("cpu"), settings.network)


def _course(replayed: TrainedModel | None, rates: list[float]) -> dict[str, Any]:
    """What decides the weights of a training that repeats another."""
    return {"replayed": _hash([rates, replayed.compiled])} if replayed else {}


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
    facts = {f"train.{name}": value for name, value in settings.model_dump(mode="json").items()}
    for name in IRRELEVANT:
        del facts[f"train.{name}"]
    if settings.init_from is not None:
        facts["train.init_from"] = identify(settings.init_from)  # what is in it, not what it is called
    cases = [[row["case"], row.get("key", ""), row.get("sha256", "")] for row in rows]
    planned = plan.model_dump(mode="json", exclude={"reasons", "folds"})
    return facts | {
        "version": VERSION,
        "fold": job.fold,
        "plan": _hash(planned),
        "training cases": _hash(cases),
    }


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
