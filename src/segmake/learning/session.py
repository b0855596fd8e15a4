"""What `train` and `fit` do alike round the loop: processes, place, journal, what decides the weights.

A job of either has `device`, `gpus`, `threads`, `output` and the settings of learning.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import torch

from segmake.cores import use_cores
from segmake.device import choose_device, gpu_ids
from segmake.errors import ConfigError
from segmake.learning.distributed import Ranks, joined, together
from segmake.learning.journal import Journal
from segmake.learning.launching import launch
from segmake.learning.loop import Task
from segmake.learning.reproducibility import statement
from segmake.learning.run import Run
from segmake.learning.tracking import MlflowRun
from segmake.learning.weights import identify
from segmake.lease import lease
from segmake.provenance import manifest_path
from segmake.training import LearnSettings

log = logging.getLogger("segmake")
Facts = dict[str, Any]
FACTS = ("reproducibility", "training_cases")
"""What the manifest of a training says beside what every manifest does."""
IRRELEVANT = {"folds", "seeds", "device", "checkpoint_minutes", "cache_gb", "mlflow", "replay"}
"""Settings that do not decide the weights: changing one does not begin training again (what is read from
`replay` does)."""


class Job(Protocol):
    """What a training is given beside its settings."""

    @property
    def device(self) -> str:
        """Where it may run."""

    @property
    def gpus(self) -> int:
        """GPUs given to it."""

    @property
    def threads(self) -> int:
        """Processor cores that it may use."""

    @property
    def output(self) -> Path:
        """Model to write."""


def conduct(job: Job, words: Sequence[str], train: Callable[[Ranks], Facts]) -> Facts:
    """Let `train` run in every process of a training; returns what its manifest says (FACTS).

    With several GPUs, this process starts one for each (`segmake WORDS`) and waits for them.
    """
    if job.gpus and job.device != "cpu":
        _check_gpus(job.gpus)
    if job.gpus > 1 and not together():
        launch(words, job.gpus)
        written = json.loads(manifest_path(job.output).read_text(encoding="utf-8"))
        return {name: written[name] for name in FACTS}
    with joined() as ranks, _place(job.device, ranks):
        use_cores(max(1, job.threads // ranks.local_count))
        torch.use_deterministic_algorithms(True, warn_only=True)
        if not ranks.first:
            log.setLevel(logging.ERROR)  # the first one tells
        told = train(ranks)
        ranks.wait()
    if not ranks.first:
        raise SystemExit(0)  # the first process writes the manifest
    return told


def _check_gpus(count: int) -> None:
    """Where GPUs were asked for, nothing is trained without them."""
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if found < count:
        raise ConfigError(
            f"the job was given gpu: {count}, but {found} GPUs are usable here; ask for as many as there are "
            "(gpu: 0 takes one where there is one), or set device to cpu"
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


def open_journal(output: Path, fold: int, settings: LearnSettings) -> Journal:
    """Where the course of training goes: beside the model, and where the settings say."""
    state, others = state_folder(output), []
    if settings.mlflow:
        told = settings.model_dump(mode="json")
        others.append(MlflowRun(settings.mlflow, str(output.parent), state / "mlflow.txt", told))
    return Journal(f"fold {fold}", output.parent / "history.csv", state / "tensorboard", others)


def state_folder(output: Path) -> Path:
    """Folder of the rolling state of a model; no declared output, as those of a killed job are deleted."""
    return output.parent / "state"


def deciding(section: str, settings: LearnSettings, leave_out: Collection[str] = ()) -> Facts:
    """The settings that decide the weights, by name, so that a change can be told apart."""
    shown = settings.model_dump(mode="json", exclude=IRRELEVANT | set(leave_out))
    facts = {f"{section}.{name}": value for name, value in shown.items()}
    if settings.init_from is not None:
        facts[f"{section}.init_from"] = identify(settings.init_from)  # what is in it, not what it is called
    return facts


def course(rates: Sequence[float], compiled: bool) -> Facts:
    """What decides the weights of a training that repeats another."""
    return {"replayed": digest([list(rates), compiled])}


def digest(value: object) -> str:
    """SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def facts(task: Task, run: Run, cases: int) -> Facts:
    """What the manifest of a training on so many cases says."""
    clocked = task.settings.minutes is not None and not task.rates
    vouched = statement(run.hashes, task.device.type, bool(run.compiled), clocked, run.processes)
    return dict(zip(FACTS, (vouched, cases), strict=True))
