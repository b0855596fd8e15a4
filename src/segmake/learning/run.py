"""A training run: what changes from step to step, and how that is kept.

The same content serves twice: written to disk as the rolling state, and held in memory as the state to go
back to when training diverges. It holds weights, averaged weights, optimiser, step, history and the course
so far. Random numbers and the sampler's position need no place: both follow from the step (`sampling`).
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from segmake.errors import InputError
from segmake.learning import checkpoint
from segmake.learning.history import History
from segmake.learning.patience import Best

log = logging.getLogger("segmake")
GOOD_STEPS = 100
"""Steps between the states kept to go back to; counted in steps, so that an interruption changes nothing."""
Content = dict[str, Any]


@dataclass(frozen=True)
class Setback:
    """Where training diverged: the loss or gradient norm was no finite number."""

    step: int
    rate: float
    loss: float
    norm: float
    cases: list[str]

    @property
    def description(self) -> str:
        """What was seen."""
        cases = ", ".join(dict.fromkeys(self.cases))
        return (
            f"the loss became {self.loss:.4g} with a gradient norm of {self.norm:.4g} at step {self.step} "
            f"(learning rate {self.rate:.3g}, patches of {cases})"
        )


@dataclass
class Run:
    """What changes from step to step.

    averaged: the weights to publish; rates: learning rate of each step taken; compiled: None until decided;
    hashes: SHA-256 of the weights after some steps, by step; start: what came from `train.init_from`;
    processes: numbers of processes that it was trained in; best: kept where training may stop early;
    averages_buffers: whether buffers are averaged with the weights, or copied.
    """

    network: nn.Module
    averaged: nn.Module
    optimizer: Optimizer
    step: int = 0
    seconds: float = 0.0
    finished: bool = False
    compiled: bool | None = None
    rates: list[float] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    start: dict[str, Any] = field(default_factory=dict)
    setbacks: list[Setback] = field(default_factory=list)
    history: History = field(default_factory=History)
    good: Content = field(default_factory=dict)
    processes: list[int] = field(default_factory=list)
    best: Best = field(default_factory=Best)
    averages_buffers: bool = False


FIGURES = ("step", "seconds", "finished", "compiled", "hashes")


def content(run: Run) -> Content:
    """Everything a run is, as tensors and text; the tensors may still be those of the run."""
    about = {name: getattr(run, name) for name in FIGURES}
    about |= {"rows": run.history.rows, "recent": run.history.recent, "processes": run.processes}
    about |= {"setbacks": [vars(setback) for setback in run.setbacks]}
    if run.best.weights:
        about["best"] = run.best.about()
    kept = {
        "about": json.dumps(about),
        "network": checkpoint.tensors(run.network),
        "averaged": checkpoint.tensors(run.averaged),
        "optimizer": run.optimizer.state_dict(),
        "rates": torch.tensor(run.rates, dtype=torch.float64),
    }
    return kept | ({"best": run.best.weights} if run.best.weights else {})


def become(run: Run, kept: Mapping[str, Any]) -> None:
    """Make a run what was kept of it; what was kept stays as it is."""
    run.network.load_state_dict(kept["network"])
    run.averaged.load_state_dict(kept["averaged"])
    run.optimizer.load_state_dict(copy.deepcopy(kept["optimizer"]))  # else it would go on working in these
    run.rates = kept["rates"].tolist()
    about = json.loads(kept["about"])
    run.history = History(about["rows"], about["recent"], run.history.figure)
    run.best = Best(**about["best"], weights=kept["best"]) if "best" in about else Best()
    run.setbacks = [Setback(**setback) for setback in about["setbacks"]]
    for name in FIGURES:
        setattr(run, name, about[name])


def mark_good(run: Run) -> None:
    """Remember this state every so many steps, and the first one."""
    if run.step % GOOD_STEPS == 0 or not run.good:
        run.good = copy.deepcopy(content(run))


def save(run: Run, identity: Mapping[str, Any], path: Path) -> None:
    """Write the rolling state, and with it the one to go back to."""
    kept = content(run) | {"identity": json.dumps(identity)}
    checkpoint.write(kept if run.finished else kept | {"good": run.good}, path)


def restore(run: Run, identity: Mapping[str, Any], path: Path, device: torch.device) -> None:
    """Go on from a state file when it belongs to this very task.

    Raises:
        InputError: the file is no usable state.
    """
    if not path.exists():
        return
    try:
        kept = checkpoint.read(path, device)
        before = json.loads(kept["identity"])
        changed = [name for name in {**identity, **before} if before.get(name) != identity.get(name)]
        if changed:
            log.info("state of another task found (%s changed); starting clean", ", ".join(changed))
            return
        become(run, kept)
    except (InputError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a usable state ({error}); delete it to start clean") from error
    run.good = kept.get("good", {})
    run.processes = json.loads(kept["about"]).get("processes", [1])  # states of earlier versions have none
    log.info("going on after step %d (%.1f minutes)", run.step, run.seconds / 60)


@torch.no_grad()
def average(run: Run, decay: float) -> None:
    """Move the published weights towards the trained ones (exponential moving average, warmed up).

    The average follows closely at first: its decay is (1 + step) / (10 + step) until that exceeds `decay`.
    """
    share = 1 - min(decay, (1 + run.step) / (10 + run.step))
    torch._foreach_lerp_(list(run.averaged.parameters()), list(run.network.parameters()), share)
    for target, source in zip(run.averaged.buffers(), run.network.buffers(), strict=True):
        if run.averages_buffers and source.is_floating_point():
            target.lerp_(source, share)
        else:
            target.copy_(source)
