"""Short trainings for the tests of the loop."""

from __future__ import annotations

import hashlib
import os
import signal

from learning_cases import ball
from plan_cases import small_plan

from segmake.learning import loop
from segmake.learning.checkpoint import tensors
from segmake.learning.loop import Task
from segmake.learning.segmenting import Segmentation
from segmake.settings import TrainSettings


def task(seed=0, training=None, plan=None, replay=None, validation=None, **changes):
    """A task of ten short steps; replay: `rates` and `compiled` of an earlier run."""
    settings = TrainSettings(**({"steps": 10, "precision": "fp32", "seed": seed} | changes))
    cases = training or [ball(i) for i in range(4)]
    identity = settings.model_dump(mode="json", exclude={"checkpoint_minutes"})
    lesson = Segmentation(plan or small_plan(), settings, cases, validation or [ball(9)])
    return Task(lesson, identity, **(replay or {}))


def digest(run):
    content = hashlib.sha256()
    for network in (run.network, run.averaged):
        for name, value in tensors(network).items():
            content.update(name.encode() + value.numpy().tobytes())
    return content.hexdigest()


def losses(run):
    return [(row["step"], row["lr"], row["loss"], row.get("val_dice")) for row in run.history.rows]


def stop_after(monkeypatch, steps):
    """Send SIGTERM to this process while step number `steps` is being worked on."""
    original = loop.average

    def average(run, decay):
        if run.step + 1 == steps:
            os.kill(os.getpid(), signal.SIGTERM)
        original(run, decay)

    monkeypatch.setattr(loop, "average", average)
