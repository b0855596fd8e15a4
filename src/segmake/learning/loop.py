"""The training loop of both branches, in reading order.

sample -> augment -> forward -> loss -> backward -> clip -> step -> average -> record -> checkpoint
What is learned comes as a lesson (`segmenting`, `classifying`).
"""

from __future__ import annotations

import logging
import math
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from segmake.device import autocast, choose_device
from segmake.errors import InputError
from segmake.learning import compiling
from segmake.learning.distributed import ALONE, Ranks, Share
from segmake.learning.divergence import damping, fall_back
from segmake.learning.history import History
from segmake.learning.interruption import Stopped, StopRequest
from segmake.learning.journal import Journal
from segmake.learning.lesson import Lesson, Loss, Measure
from segmake.learning.loading import Loader
from segmake.learning.networks import logits
from segmake.learning.optimizers import make_optimizer, set_rate
from segmake.learning.reproducibility import MARKS, weights_sha256
from segmake.learning.run import Run, Setback, average, mark_good, restore, save
from segmake.learning.sampling import CHANCE, generator
from segmake.learning.schedule import Schedule
from segmake.training import LearnSettings

log = logging.getLogger("segmake")
ROW_STEPS = 20
VALIDATION_STEPS = 100


@dataclass(frozen=True)
class Task:
    """What to train on what. `identity` is everything that decides the result, for the rolling state.

    rates: learning rates of an earlier run to repeat step by step; compiled: whether that run compiled;
    ranks: the processes that train together.
    """

    lesson: Lesson
    identity: dict[str, Any]
    rates: Sequence[float] = ()
    compiled: bool | None = None
    ranks: Ranks = ALONE

    @property
    def settings(self) -> LearnSettings:
        """How it is learned."""
        return self.lesson.settings

    @cached_property
    def share(self) -> Share:
        """What this process computes of every batch."""
        return Share.of(self.lesson.batch, self.settings.accumulate, self.ranks)

    @property
    def device(self) -> torch.device:
        """Where to train."""
        return choose_device(self.settings.device)


def train(task: Task, state: Path, journal: Journal | None = None) -> Run:
    """Train within the budget, or go on where the state file says; `averaged` holds the weights to publish.

    Raises Stopped after a signal (the state is saved), SegmakeError when training diverges again and again.
    """
    settings, lesson, ranks = task.settings, task.lesson, task.ranks
    run = _start(task, state)
    schedule = Schedule.of(settings, task.rates)
    loss, measure = lesson.loss(ranks), lesson.measure(task.device, ranks)
    saved = time.perf_counter()
    if run.compiled:
        _compile(run, task)
    with (
        StopRequest() as stop,
        Loader(lesson.source(task.share.rows)) as loader,
        journal or Journal() as told,
    ):
        told.start(run, schedule.progress(run.step, run.seconds), lesson.batch)
        while schedule.progress(run.step, run.seconds) < 1 and not _waited_enough(run, lesson):
            begun = time.perf_counter()
            mark_good(run)
            chance = int(generator(settings.seed, CHANCE, run.step).integers(2**62))
            torch.manual_seed(chance + ranks.rank)  # dropout
            images, truth = lesson.view(loader.take(run.step), run.step, task.device, task.share.rows)
            rate = schedule.rate(run.step, run.seconds) * damping(run)
            value, norm = _learn(run.network, images, truth, loss, task)
            if math.isfinite(value) and math.isfinite(norm):
                _advance(run, rate, settings.ema)
                _record(run, value, rate, measure, lesson.patience)
            else:
                fall_back(run, Setback(run.step + 1, rate, value, norm, loader.source.names(run.step)))
                told.start(run, schedule.progress(run.step, run.seconds), lesson.batch)
            run.seconds += time.perf_counter() - begun
            stopped = _agree(run, stop, ranks)
            told.show(run, schedule.progress(run.step, run.seconds))
            decided = _decide(run, task, schedule)
            if stopped or decided or time.perf_counter() - saved > 60 * settings.checkpoint_minutes:
                _save(run, task, state)
                saved = time.perf_counter()
            if stopped:
                ranks.wait()  # until the first of them has saved
                raise Stopped(
                    f"training was stopped by {stopped} after step {run.step}; run it again to go on"
                )
        _finish(run, task, state, measure)
        told.finish(run)
    return run


def _start(task: Task, state: Path) -> Run:
    """Make the network and its average with the same weights, or those of the state."""
    lesson = task.lesson
    made = [lesson.build().to(task.device) for _ in range(2)]
    lesson.check(made[0].train())
    taken = lesson.start(made[0])
    made[1].load_state_dict(made[0].state_dict())
    made[0] = task.ranks.whole(made[0])
    optimizer = make_optimizer(lesson.parameters(made[0]), task.settings)
    run = Run(
        made[0],
        made[1].eval().requires_grad_(False),
        optimizer,
        start=taken.about() if taken else {},
        history=History(figure=lesson.figure),
        averages_buffers=lesson.averages_buffers,
    )
    restore(run, task.identity, state, task.device)
    if not task.ranks.agree(run.step):
        raise InputError(f"{state} is not the same everywhere; train in a folder that all machines share")
    if not run.finished and task.ranks.count not in run.processes:
        run.processes = [*run.processes, task.ranks.count]
    return run


def _learn(network: nn.Module, images: Tensor, truth: Tensor, loss: Loss, task: Task) -> tuple[float, float]:
    """Find the gradient of a batch, clipped; returns the loss and the norm before clipping.

    The batch may be computed in parts; its loss is the mean over them, weighted by their patches. It is the
    loss of the whole batch in every process, the gradient of each is that of its own patches until summed.
    """
    values = []
    network.zero_grad()
    split = [torch.split(batch, task.share.sizes) for batch in (images, truth)]
    for some, answers, weight in zip(*split, task.share.weights, strict=True):
        with autocast(task.device, task.settings.precision):
            outputs = logits(network, some)
        value = loss(outputs, answers) * weight
        value.backward()
        values.append(value.detach())
    task.ranks.sum_gradients(network)
    norm = nn.utils.clip_grad_norm_(network.parameters(), task.settings.clip)
    found = torch.stack([torch.stack(values).sum(), norm]).tolist()  # one wait for the device
    return found[0], found[1]


def _advance(run: Run, rate: float, ema: float) -> None:
    """Take the step."""
    set_rate(run.optimizer, rate)
    run.optimizer.step()
    average(run, ema)
    run.rates.append(rate)
    run.step += 1
    if run.step in MARKS:
        run.hashes[str(run.step)] = weights_sha256(run.network)


def _record(run: Run, loss: float, rate: float, measure: Measure, patience: int) -> None:
    """Note the loss; close a row of the history every few steps, with a look at validation every few rows."""
    run.history.recent.append(loss)
    if run.step % ROW_STEPS == 0:
        looks = run.step % VALIDATION_STEPS == 0
        figure = measure(run.averaged) if looks else math.nan
        run.history.close_row(run.step, run.seconds, rate, figure)
        if looks and patience:
            run.best.look(figure, run.step, run.averaged)


def _waited_enough(run: Run, lesson: Lesson) -> bool:
    """Whether validation has not improved for so long that training ends."""
    return bool(lesson.patience) and run.best.looks >= lesson.patience


def _agree(run: Run, stop: StopRequest, ranks: Ranks) -> str:
    """Count the same time in all processes; name of the signal that stops all of them, or nothing.

    Whatever a process is told after this counts at the next step: alone it would wait for the others in vain.
    """
    asked = signal.SIGTERM if ranks.orphaned else stop.number
    run.seconds, number = ranks.largest(run.seconds, asked)
    return signal.Signals(int(number)).name if number else ""


def _save(run: Run, task: Task, state: Path) -> None:
    """Keep the state, once for all processes."""
    if task.ranks.first:
        save(run, task.identity, state)


def _decide(run: Run, task: Task, schedule: Schedule) -> bool:
    """Decide once, after the first steps, whether to compile; returns whether it was decided now."""
    if run.compiled is not None or run.step < compiling.FIRST_STEPS:
        return False
    wanted = compiling.wanted(task.settings.compile, schedule.seconds_left(run.step, run.seconds))
    run.compiled = wanted if task.compiled is None else task.compiled
    if run.compiled:
        begun = time.perf_counter()
        run.compiled = _compile(run, task)
        run.seconds += task.ranks.largest(time.perf_counter() - begun)[0]
    return True


def _compile(run: Run, task: Task) -> bool:
    """Compile the network for the parts that batches come in."""
    images = task.lesson.example(max(task.share.sizes), task.device)
    with autocast(task.device, task.settings.precision):
        failed = not compiling.compile_network(run.network, images)
    if task.ranks.largest(failed)[0]:  # in any process
        compiling.undo(run.network)
        return False
    log.info("the network is compiled")
    return True


def _finish(run: Run, task: Task, state: Path, measure: Measure) -> None:
    """Close the history and keep the finished state, so that the same job only publishes again."""
    if not run.finished:
        rate = run.rates[-1]
        run.hashes[str(run.step)] = weights_sha256(run.network)
        figure = measure(run.averaged)
        run.history.close_row(run.step, run.seconds, rate, figure)
        if task.lesson.patience:
            run.best.look(figure, run.step, run.averaged)
            run.best.publish(run.averaged)
        run.finished = True
        _save(run, task, state)
