"""The training loop, in reading order.

sample -> augment -> forward -> loss -> backward -> clip -> step -> average -> record -> checkpoint
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segmake.device import autocast, choose_device
from segmake.errors import InputError, SegmakeError
from segmake.learning import augmentation, checkpoint
from segmake.learning.history import Display, History
from segmake.learning.interruption import Stopped, StopRequest
from segmake.learning.losses import Loss
from segmake.learning.networks import build, check, logits
from segmake.learning.sampling import Batch, Case, Sampler, generator
from segmake.learning.schedule import Budget, learning_rate
from segmake.learning.validation import Validation
from segmake.plan import Plan
from segmake.settings import TrainSettings

log = logging.getLogger("segmake")
AUGMENT, CHANCE = 3, 4
ROW_STEPS = 20
VALIDATION_STEPS = 100
AXES = ("x", "y", "z")


@dataclass(frozen=True)
class Task:
    """What to train on what. `identity` is everything that decides the result, for the rolling state."""

    plan: Plan
    settings: TrainSettings
    seed: int
    training: Sequence[Case]
    validation: Sequence[Case]
    identity: dict[str, Any]


@dataclass
class Run:
    """What changes from step to step."""

    network: nn.Module
    averaged: nn.Module
    optimizer: torch.optim.AdamW
    step: int = 0
    seconds: float = 0.0
    finished: bool = False
    history: History = field(default_factory=History)


def train(task: Task, state: Path, title: str = "train") -> Run:
    """Train within the budget, or go on where the state file says; `averaged` holds the weights to publish.

    Raises Stopped after a signal (the state is saved), SegmakeError when the loss is no longer finite.
    """
    settings, plan = task.settings, task.plan
    device = choose_device(settings.device)
    run = _start(task, device)
    _restore(run, task, state, device)
    loss = Loss.of(plan, settings.batch_dice)
    budget = Budget(settings.steps, settings.minutes)
    validation = Validation(task.validation, plan, device, settings.precision)
    saved = time.perf_counter()
    display = Display(title, budget.progress(run.step, run.seconds))
    with StopRequest() as stop, _batches(task, run.step) as batches, display:
        while (progress := budget.progress(run.step, run.seconds)) < 1:
            begun = time.perf_counter()
            torch.manual_seed(int(generator(task.seed, CHANCE, run.step).integers(2**62)))  # dropout
            images, labels = _augment(next(batches), task, run.step, device)
            lr = learning_rate(progress, settings.lr, settings.warmup)
            for group in run.optimizer.param_groups:
                group["lr"] = lr
            with autocast(device, settings.precision):
                outputs = logits(run.network, images)
            value = loss(outputs, labels)
            run.optimizer.zero_grad()
            value.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(run.network.parameters(), settings.clip)
            run.optimizer.step()
            _average(run, settings.ema)
            run.step += 1
            _record(run, value.item(), lr, validation)
            run.seconds += time.perf_counter() - begun
            display.show(budget.progress(run.step, run.seconds), run.step, run.seconds, run.history)
            if stop.name or time.perf_counter() - saved > 60 * settings.checkpoint_minutes:
                _save(run, task, state)
                saved = time.perf_counter()
            if stop.name:
                raise Stopped(
                    f"training was stopped by {stop.name} after step {run.step}; run it again to go on"
                )
    _finish(run, task, state, validation)
    return run


def _start(task: Task, device: torch.device) -> Run:
    """Make the network and its average with the same weights."""
    name, settings = task.settings.network, task.settings
    made = [
        build(name, settings.options, task.plan, settings.deep_supervision, task.seed).to(device)
        for _ in range(2)
    ]
    check(made[0], name, task.plan)
    optimizer = torch.optim.AdamW(
        made[0].parameters(), lr=settings.lr, weight_decay=settings.weight_decay, fused=True
    )
    return Run(made[0].train(), made[1].eval().requires_grad_(False), optimizer)


def _batches(task: Task, start: int) -> contextlib.closing[Generator[Batch, None, None]]:
    settings, plan = task.settings, task.plan
    border = augmentation.Grid(plan.patch, plan.spacing_mm).border()
    sampler = Sampler(task.training, plan.patch, border, plan.batch, settings.oversample, task.seed)
    return contextlib.closing(sampler.batches(start))


def _augment(batch: Batch, task: Task, step: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Move a batch to the device and change it there; the step alone decides how."""
    images = torch.from_numpy(batch.images).to(device, non_blocking=True)
    labels = torch.from_numpy(batch.labels).to(device, non_blocking=True)
    grid = augmentation.Grid(task.plan.patch, task.plan.spacing_mm)
    recipe = augmentation.Recipe(flip=tuple(AXES.index(axis) for axis in task.settings.flip))
    random = generator(task.seed, AUGMENT, step)
    shape = (images.shape[0], images.shape[1])
    return augmentation.apply(images, labels, grid, augmentation.draw(recipe, grid, shape, random))


@torch.no_grad()
def _average(run: Run, decay: float) -> None:
    """Move the published weights towards the trained ones (exponential moving average, warmed up).

    The average follows closely at first: its decay is (1 + step) / (10 + step) until that exceeds `decay`.
    """
    share = 1 - min(decay, (1 + run.step) / (10 + run.step))
    torch._foreach_lerp_(list(run.averaged.parameters()), list(run.network.parameters()), share)
    for target, source in zip(run.averaged.buffers(), run.network.buffers(), strict=True):
        target.copy_(source)


def _record(run: Run, loss: float, lr: float, validation: Validation) -> None:
    """Note the loss; close a row of the history every few steps, with a validation Dice every few rows."""
    if not math.isfinite(loss):
        raise SegmakeError(
            f"the loss became {loss} at step {run.step} (learning rate {lr:.3g}); lower train.lr, "
            "or set train.precision to fp32"
        )
    run.history.recent.append(loss)
    if run.step % ROW_STEPS == 0:
        measured = run.step % VALIDATION_STEPS == 0
        dice = validation.dice(run.averaged) if measured else math.nan
        run.history.close_row(run.step, run.seconds, lr, dice)


def _finish(run: Run, task: Task, state: Path, validation: Validation) -> None:
    """Close the history and keep the finished state, so that the same job only publishes again."""
    if not run.finished:
        lr = run.optimizer.param_groups[0]["lr"]
        run.history.close_row(run.step, run.seconds, lr, validation.dice(run.averaged))
        run.finished = True
        _save(run, task, state)


def _save(run: Run, task: Task, state: Path) -> None:
    """Write the rolling state."""
    about = {name: getattr(run, name) for name in ("step", "seconds", "finished")}
    about |= {"rows": run.history.rows, "recent": run.history.recent}
    content = {
        "about": json.dumps(about),
        "identity": json.dumps(task.identity),
        "network": checkpoint.tensors(run.network),
        "averaged": checkpoint.tensors(run.averaged),
        "optimizer": run.optimizer.state_dict(),
    }
    checkpoint.write(content, state)


def _restore(run: Run, task: Task, state: Path, device: torch.device) -> None:
    """Go on from the state file when it belongs to this very task."""
    if not state.exists():
        return
    try:
        content = checkpoint.read(state, device)
        before = json.loads(content["identity"])
        changed = [name for name in task.identity if before.get(name) != task.identity[name]]
        if changed:
            log.info("state of another task found (%s changed); starting clean", ", ".join(changed))
            return
        run.network.load_state_dict(content["network"])
        run.averaged.load_state_dict(content["averaged"])
        run.optimizer.load_state_dict(content["optimizer"])
        about = json.loads(content["about"])
    except (InputError, KeyError, RuntimeError, ValueError) as error:
        raise InputError(f"{state} is not a usable state ({error}); delete it to start clean") from error
    run.history = History(about.pop("rows"), about.pop("recent"))
    run.step, run.seconds, run.finished = about["step"], about["seconds"], about["finished"]
    log.info("going on after step %d (%.1f minutes)", run.step, run.seconds / 60)
