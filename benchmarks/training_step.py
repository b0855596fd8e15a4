"""Time a training step: what each lever gives, and what loading and augmentation cost.

    python benchmarks/training_step.py [config/hippocampus.yaml] [--threads 2] [--steps 12] [--rounds 3]

The network, patch and batch are those of the configuration's plan, the patches those of its prepared cases
(the workflow makes what is missing up to resample). The ways to compute a step take turns, so that a busy
moment of the machine hits all of them; ratios are of the fastest steps. Compiling starts without caches.
Writes benchmarks/results/training_step.{tsv,md}.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch
import torch._inductor.config
import yaml
from torch import Tensor

from segmake.device import autocast, choose_device, uses_bf16
from segmake.learning import compiling, loop
from segmake.learning.distributed import ALONE
from segmake.learning.loading import Loader
from segmake.learning.losses import Loss
from segmake.learning.run import Run, average
from segmake.learning.sampling import Case
from segmake.learning.segmenting import Segmentation
from segmake.plan import Plan
from segmake.provenance import package_versions, processor_name
from segmake.settings import TrainSettings
from segmake.tables import read_cases, write_table, write_text
from segmake.volume.store import load_array

CHECKOUT = Path(__file__).resolve().parents[1]
RESULTS = CHECKOUT / "benchmarks" / "results"
NO_STATE = Path("no-state")
"""Nothing is there: training begins."""


@dataclass
class Way:
    """One way to compute a step, and the seconds it took."""

    name: str
    precision: str = "fp32"
    compiled: bool = False
    channels_last: bool = False
    run: Run | None = None
    compile_s: float = 0.0
    seconds: list[float] | None = None

    def task(self, plan: Plan, cases: list[Case]) -> loop.Task:
        """What the loop would be given."""
        settings = TrainSettings(precision=self.precision, compile="always" if self.compiled else "never")
        return loop.Task(Segmentation(plan, settings, cases, cases[:1]), {})


def main() -> None:
    """Prepare, take turns, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configfile", type=Path, nargs="?", default=CHECKOUT / "config" / "hippocampus.yaml")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=12, help="steps in a row before the next way")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch._inductor.config.force_disable_caches = True
    plan, cases = prepared(options.configfile, options.threads)
    ways = [
        Way("eager fp32"),
        Way("eager bf16", "bf16"),
        Way("compiled fp32", compiled=True),
        Way("compiled bf16", "bf16", compiled=True),
        Way("eager fp32, channels_last_3d", channels_last=True),
        Way("eager bf16, channels_last_3d", "bf16", channels_last=True),
    ]
    parts = loading(ways[1].task(plan, cases), options.steps * options.rounds)
    for way in ways:
        start(way, plan, cases)
    for _ in range(options.rounds):
        for way in ways:
            take_steps(way, plan, cases, options.steps)
    write(plan, ways, parts, options.threads)


def prepared(configfile: Path, threads: int) -> tuple[Plan, list[Case]]:
    """Plan and training-ready cases of a configuration."""
    command = [sys.executable, "-m", "snakemake", "--cores", str(threads), "--quiet", "--until", "resample"]
    subprocess.run([*command, "--configfile", str(configfile.resolve())], cwd=CHECKOUT, check=True)
    workdir = CHECKOUT / yaml.safe_load(configfile.read_text(encoding="utf-8"))["workdir"]
    rows = read_cases(sorted((workdir / "resample").glob("shard-*.tsv")))
    columns = ("path", "label", "foreground")
    cases = [Case(row["case"], *(load_array(Path(row[name])) for name in columns)) for row in rows]
    return Plan.load(workdir / "plan" / "plan.json"), cases


def loading(task: loop.Task, steps: int) -> dict[str, float]:
    """Median seconds to read a batch, to augment it, and to wait for it while a step is computed."""
    rows = task.share.rows
    with Loader(task.lesson.source(rows)) as loader:
        read, augment, wait, step = [], [], [], []
        run = loop._start(task, NO_STATE)
        loss = task.lesson.loss(ALONE)
        for number in range(steps):
            begun = time.perf_counter()
            loader.source.read(number)
            read.append(time.perf_counter() - begun)
        for number in range(steps):
            waited, begun = loader.waited, time.perf_counter()
            batch = loader.take(number)
            wait.append(loader.waited - waited)
            between = time.perf_counter()
            images, labels = task.lesson.view(batch, number, task.device, rows)
            augment.append(time.perf_counter() - between)
            learn(run, images, labels, loss, task)
            step.append(time.perf_counter() - begun)
    parts = {"read": read, "wait": wait, "augment": augment, "step": step}
    return {name: statistics.median(values) for name, values in parts.items()}


def start(way: Way, plan: Plan, cases: list[Case]) -> None:
    """Make the network of a way, compiled where it says so, and warm it up."""
    task = way.task(plan, cases)
    way.run, way.seconds = loop._start(task, NO_STATE), []
    if way.channels_last:
        way.run.network.to(memory_format=torch.channels_last_3d)
    if way.compiled:
        images = torch.zeros(plan.batch, len(plan.channels), *plan.patch, device=task.device)
        begun = time.perf_counter()
        with autocast(task.device, way.precision):
            if not compiling.compile_network(way.run.network, images):
                sys.exit("the network cannot be compiled here")
        way.compile_s = time.perf_counter() - begun
    take_steps(way, plan, cases, 2)
    way.seconds.clear()


def take_steps(way: Way, plan: Plan, cases: list[Case], steps: int) -> None:
    """Take steps as the loop does, without loading and augmentation, and note what each took."""
    task, loss = way.task(plan, cases), Loss.of(plan)
    images = torch.randn(plan.batch, len(plan.channels), *plan.patch, device=task.device)
    labels = torch.randint(0, len(plan.label_values), (plan.batch, *plan.patch), device=task.device)
    if way.channels_last:
        images = images.to(memory_format=torch.channels_last_3d)
    for _ in range(steps):
        begun = time.perf_counter()
        learn(way.run, images, labels, loss, task)
        way.seconds.append(time.perf_counter() - begun)


def learn(run: Run, images: Tensor, labels: Tensor, loss: Loss, task: loop.Task) -> None:
    """One step of the loop."""
    loop._learn(run.network, images, labels, loss, task)
    run.optimizer.step()
    average(run, task.settings.ema)


def write(plan: Plan, ways: list[Way], parts: dict[str, float], threads: int) -> None:
    """Write the table, and what the rule of `learning/compiling.py` needs."""
    fastest = [min(way.seconds) for way in ways]
    rows = [
        {
            "step": way.name,
            "fastest_s": f"{fast:.3f}",
            "median_s": f"{statistics.median(way.seconds):.3f}",
            "speedup": f"{fastest[0] / fast:.2f}",
            "compile_s": f"{way.compile_s:.0f}" if way.compiled else "",
        }
        for way, fast in zip(ways, fastest, strict=True)
    ]
    write_table(RESULTS / "training_step.tsv", rows)
    head = list(rows[0])
    lines = ["# A training step", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(row.values()) + " |" for row in rows]
    shares = {name: f"{100 * parts[name] / parts['step']:.1f}%" for name in ("wait", "augment")}
    saved = 1 - fastest[3] / fastest[1]
    lines += [
        "",
        f"Patch {plan.patch}, batch {plan.batch}, features {plan.features}, {threads} threads; this machine "
        f"{'has' if uses_bf16(choose_device('auto'), 'auto') else 'lacks'} bf16 in hardware.",
        f"With data (bf16, {parts['step']:.3f} s a step): waiting for batches {shares['wait']} of a step, "
        f"augmentation {shares['augment']}; one thread reads a batch in {parts['read']:.4f} s.",
        f"Compiling saves {100 * saved:.0f}% of a bf16 step and is earned back after "
        f"{ways[3].compile_s / saved / 60:.1f} minutes of uncompiled steps."
        if saved > 0
        else "Compiling saves nothing here.",
        "",
    ]
    made = ", ".join(f"{name} {package_versions()[name]}" for name in ("segmake", "torch", "monai"))
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    lines += [f"{date}, {processor_name()}, {made}. Written by `benchmarks/training_step.py`."]
    write_text(RESULTS / "training_step.md", "\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
