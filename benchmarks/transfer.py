"""Few labelled cases: a pretrained start against the same training from scratch.

    python benchmarks/transfer.py --root DIR [--steps 300] [--pretrain-steps 1200] [--seeds 0 1 2]

On MSD Task04 (hippocampus). Pretraining sees --pretrain cases with one label, the whole hippocampus. Ten
other cases with the task's two labels are then learned, within the same few steps: from scratch, from the
pretrained weights, and from them with a frozen encoder. Each is scored by Dice on the native grid of --test
cases that neither training saw. A seed changes weights, patches and augmentation; the cases stay.
Writes benchmarks/results/transfer.{tsv,md}; what is done in --work is not repeated.
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import platform
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from segmake.cli import main as segmake
from segmake.learning.checkpoint import TrainedModel, save_model, versions
from segmake.learning.loop import Task, train
from segmake.learning.sampling import Case, generator
from segmake.learning.segmenting import Segmentation
from segmake.plan import Plan
from segmake.settings import TrainSettings
from segmake.tables import Row, read_cases, read_table, write_table, write_text
from segmake.volume.store import load_array

RESULTS = Path(__file__).resolve().parent / "results"
MEANING = ["--channels", '{"t1":"mr"}', "--labels", '{"anterior":1,"posterior":2}']
ARMS = ("scratch", "pretrained", "frozen encoder")
COLUMNS = ("arm", "seed", "case", "anterior", "posterior", "mean")


@dataclass(frozen=True)
class Bench:
    """Budgets, and where the work lies."""

    work: Path
    root: Path
    threads: int
    counts: tuple[int, int, int]
    """Cases to pretrain on, to learn from, to test on."""
    steps: int
    pretrain_steps: int

    @functools.cached_property
    def plan(self) -> Plan:
        """Plan of the two-label task."""
        return Plan.load(self.work / "plan.json")

    @functools.cached_property
    def rows(self) -> tuple[list[Row], list[Row], list[Row]]:
        """Rows to pretrain on, to learn from, to test on: a fixed draw."""
        rows = read_cases([self.work / "resample" / "shard-00.tsv"])
        order = generator(4, len(rows)).permutation(len(rows))
        ends = np.cumsum(self.counts)
        if ends[-1] > len(rows):
            raise SystemExit(f"{sum(self.counts)} cases are wanted, {self.root} has {len(rows)}")
        parts = np.split(order[: ends[-1]], ends[:-1])
        first, second, third = ([rows[int(i)] for i in part] for part in parts)
        return first, second, third


def main() -> None:
    """Prepare, pretrain, learn, score, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, required=True, help="folder of MSD Task04")
    parser.add_argument("--work", type=Path, default=Path("results/transfer"))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pretrain", type=int, default=100, help="cases")
    parser.add_argument("--cases", type=int, default=10, help="cases to learn from")
    parser.add_argument("--test", type=int, default=40, help="cases")
    parser.add_argument("--pretrain-steps", type=int, default=1200)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(options.threads)
    counts = (options.pretrain, options.cases, options.test)
    bench = Bench(options.work, options.root, options.threads, counts, options.steps, options.pretrain_steps)
    prepare(bench)
    start = pretrain(bench)
    scores = [row for seed in options.seeds for arm in ARMS for row in learn(bench, arm, seed, start)]
    write_table(RESULTS / "transfer.tsv", scores, COLUMNS)
    text = page(bench, scores)
    write_text(RESULTS / "transfer.md", text)
    sys.stdout.write(text)


def prepare(bench: Bench) -> None:
    """Convert, plan and resample; each does nothing where it is done."""
    work, threads = bench.work, ["--threads", str(bench.threads)]
    convert, resample = (str(work / stage / "shard-00.tsv") for stage in ("convert", "resample"))
    plan = str(work / "plan.json")
    do("convert", "--layout", "msd", "--root", str(bench.root), *MEANING, *threads, "--output", convert)
    do("plan", "--tables", convert, *MEANING, "--budget", "60GFLOP", "--batch", "2", "--output", plan)
    do("resample", "--table", convert, "--plan", plan, *threads, "--output", resample)
    tested = {row["case"] for row in bench.rows[2]}
    rows = [row for row in read_table(work / "convert" / "shard-00.tsv") if row["case"] in tested]
    write_table(work / "convert" / "test.tsv", rows)


def do(*words: str) -> None:
    """Run a stage."""
    if segmake(words) != 0:
        raise SystemExit(f"segmake {words[0]} failed")


def pretrain(bench: Bench) -> Path:
    """Learn the whole hippocampus as one label on cases that the comparison does not use."""
    plan = bench.plan.model_copy(update={"labels": {"hippocampus": 1}})
    cases = [whole(read(row)) for row in bench.rows[0]]
    settings = TrainSettings(steps=bench.pretrain_steps, compile="never", seed=100)
    return fit(bench, "pretrained", Segmentation(plan, settings, cases, []))


def learn(bench: Bench, arm: str, seed: int, start: Path) -> list[Row]:
    """Train one arm on the few cases and score it."""
    settings = TrainSettings(
        steps=bench.steps,
        compile="never",
        seed=seed,
        init_from=None if arm == "scratch" else start,
        freeze="encoder" if arm == "frozen encoder" else "none",
    )
    cases = [read(row) for row in bench.rows[1]]
    name = f"{arm.replace(' ', '-')}-{seed}"
    scores = score(bench, name, fit(bench, name, Segmentation(bench.plan, settings, cases, [])))
    return [{"arm": arm, "seed": str(seed)} | row for row in scores]


def identity(lesson: Segmentation) -> dict[str, object]:
    """What a finished state must agree with to be kept."""
    facts = lesson.settings.model_dump(mode="json") | {"plan": lesson.plan.model_dump(mode="json")}
    return facts | {"names": [case.name for case in lesson.training]}


def fit(bench: Bench, name: str, lesson: Segmentation) -> Path:
    """Train, or go on where the state is, and publish."""
    logging.info("training %s", name)
    folder = bench.work / "train" / name
    run = train(Task(lesson, identity(lesson)), folder / "state.pt")
    unseen = [row["case"] for row in bench.rows[2]]
    facts = (unseen, run.history.summary(), versions())
    model = TrainedModel(run.averaged, lesson.plan, 0, lesson.settings, lesson.settings.seed, *facts)
    save_model(folder / "model.pt", model)
    return folder / "model.pt"


def read(row: Row) -> Case:
    """Arrays of a case."""
    return Case(row["case"], *(load_array(Path(row[name])) for name in ("path", "label", "foreground")))


def whole(case: Case) -> Case:
    """The same case with both labels as one."""
    foreground = case.foreground.copy()
    foreground[:, 0] = 1
    return Case(case.name, case.image, (case.label > 0).astype(np.uint8), foreground)


def score(bench: Bench, name: str, model: Path) -> list[Row]:
    """Dice of both labels on the native grid of every test case."""
    table, plan = str(bench.work / "convert" / "test.tsv"), str(bench.work / "plan.json")
    predicted, scored = (bench.work / stage / name / "shard-00.tsv" for stage in ("predict", "evaluate"))
    threads = ["--threads", str(bench.threads)]
    do("predict", "--table", table, "--model", str(model), "--output", str(predicted), *threads)
    truth = ["--table", table, "--predictions", str(predicted), "--plan", plan]
    do("evaluate", *truth, "--output", str(scored), *threads)
    rows = []
    for row in read_cases([scored]):
        found = {
            entry["label"]: float(entry["value"])
            for entry in read_table(scored.parent / f"{row['case']}.tsv")
            if entry["metric"] == "dice"
        }
        values = (found["anterior"], found["posterior"])
        cells = [f"{value:.4f}" for value in (*values, statistics.mean(values))]
        rows.append({"case": row["case"]} | dict(zip(COLUMNS[3:], cells, strict=True)))
    if len(rows) != bench.counts[2]:
        raise SystemExit(f"{len(rows)} cases were scored, not {bench.counts[2]}")
    return rows


def page(bench: Bench, scores: list[Row]) -> str:
    """Mean Dice per arm and seed, and the gain over scratch with the same seed."""
    seeds = sorted({int(row["seed"]) for row in scores})
    means = {
        (arm, seed): statistics.mean(
            float(row["mean"]) for row in scores if (row["arm"], row["seed"]) == (arm, str(seed))
        )
        for arm in ARMS
        for seed in seeds
    }
    first, few, test = bench.counts
    lines = [
        "# A pretrained start on few cases",
        "",
        f"MSD Task04: {few} cases with two labels, {bench.steps} steps, Dice on {test} other cases (mean of "
        f"both labels, native grid). Pretraining: {first} further cases with one label (the whole "
        f"hippocampus), {bench.pretrain_steps} steps.",
        "",
        "| start | "
        + " | ".join(f"seed {seed}" for seed in seeds)
        + " | mean | gain over scratch, each seed |",
        "|---|" + "---|" * (len(seeds) + 2),
    ]
    for arm in ARMS:
        found = [means[arm, seed] for seed in seeds]
        gains = [f"{means[arm, seed] - means['scratch', seed]:+.3f}" for seed in seeds]
        cells = [*(f"{value:.3f}" for value in found), f"{statistics.mean(found):.3f}", " ".join(gains)]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    made = ", ".join(f"{name} {number}" for name, number in versions().items())
    facts = json.dumps(
        {"patch": bench.plan.patch, "batch": bench.plan.batch, "features": bench.plan.features}
    )
    lines += ["", f"Plan: {facts}. {platform.machine()}, {bench.threads} threads, {made}.", ""]
    return "\n".join([*lines, "Written by `benchmarks/transfer.py`."]) + "\n"


if __name__ == "__main__":
    main()
