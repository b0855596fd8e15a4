"""One of several processes that train together, started by the tests: `rank_cases.py FOLDER`.

Trains the cases below one after the other; the first process writes what came out. The tests train the same
cases in one process.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import torch
from disc_cases import fit_task
from learning_cases import ball
from loop_cases import digest, task
from plan_cases import small_plan

from segmake.learning import loop
from segmake.learning.distributed import joined
from segmake.learning.interruption import Stopped
from segmake.learning.loop import train

STRONG_VIEWS = {"preset": "strong", "noise": 1.0, "quarter": 0.5}
STRONG = {"preset": "strong", "noise": 1.0, "elastic": 0.5, "bias": 0.5}


def small(**changes):
    return small_plan(**({"patch": (8, 8, 8)} | changes))


CASES = {
    "uneven": ({"batch": 3}, {"lr": 1e-3}),
    "augmented": ({"batch": 4}, {"augment": STRONG}),
    "patches": ({"batch": 4}, {"batch_dice": False, "accumulate": 2}),
    "regions": ({"batch": 5, "regions": {"whole": [1, 2], "core": [1]}}, {"accumulate": 2}),
    "ignore": ({"batch": 3, "ignore": 9}, {"optimizer": "sgd", "lr": 0.01}),
}


VIT = {"hidden_size": 12, "mlp_dim": 8, "num_layers": 1, "num_heads": 2}
CLASSIFIER = {"network": "vit", "options": VIT, "augment": STRONG_VIEWS, "balance": "weights", "batch": 5}
"""A classifier that does not normalise over the batch, which processes without GPUs cannot share."""
ALL = (*CASES, "classifier")


def make(name, ranks=None, steps=5):
    """Task of a case; each of its steps makes a row of the history, with a look at validation."""
    if name == "classifier":
        made = fit_task(steps=steps, **CLASSIFIER)
        return replace(made, ranks=ranks) if ranks else made
    plan, settings = CASES[name]
    looked_at = [ball(9), ball(10), ball(11)]
    made = task(plan=small(**plan), training=patients(name), validation=looked_at, steps=steps, **settings)
    return replace(made, ranks=ranks) if ranks else made


def patients(name):
    """Four cases; where some voxels are judged by nobody, a different number in each."""
    cases = [ball(i, (12, 12, 12)) for i in range(4)]
    if name == "ignore":
        for number, case in enumerate(cases):
            case.label[: 2 * number] = 255
    return cases


def every_step(monkeypatch=None):
    """Let each step make a row, and the last one a Dice."""
    for name, value in (("ROW_STEPS", 1), ("VALIDATION_STEPS", 5)):
        monkeypatch.setattr(loop, name, value) if monkeypatch else setattr(loop, name, value)


def course(run):
    return {
        "losses": [row["loss"] for row in run.history.rows],
        "figure": run.history.last(run.history.figure),
        "weights": [p.detach().double().flatten().tolist() for p in run.averaged.parameters()],
        "digest": digest(run),
        "processes": run.processes,
    }


def stopped(folder, ranks):
    """A signal to the second process stops both after the step; then they go on."""
    average = loop.average

    def interrupt(run, decay):
        average(run, decay)
        if ranks.rank == 1 and run.step + 1 == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    loop.average = interrupt
    try:
        train(make("uneven", ranks), folder / "stopped.pt")
    except Stopped as error:
        said = str(error)
    loop.average = average
    if ranks.first:
        shutil.copy(folder / "stopped.pt", folder / "part.pt")
    ranks.wait()
    return course(train(make("uneven", ranks), folder / "stopped.pt")) | {"said": said}


def main(folder):
    torch.set_num_threads(1)
    every_step()
    with joined() as ranks:
        found = {name: course(train(make(name, ranks), folder / f"{name}.pt")) for name in ALL}
        found["again"] = course(train(make("uneven", ranks), folder / "again.pt"))
        found["stopped"] = stopped(folder, ranks)
        (folder / f"{ranks.rank}.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
