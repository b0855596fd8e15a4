"""Dice on cases that were not seen, after the same minutes of training: segmake against nnU-Net.

    python benchmarks/train_vs_nnunet.py --nnunet-env ENV [--minutes 5 15 40] [--extra 1 2 3] [--resume]

ENV is a virtual environment with nnunetv2 2.8. Both train on fold 0 of segmake's plan of the same MSD folder,
on the CPU with the same number of threads, one after the other, each budget from nothing. segmake runs a
shipped configuration (its train.minutes replaced); nnU-Net runs its defaults, its
polynomial schedule squeezed into the budget (see nnunet_trainer.py). Budgets cover training alone: preparing
the data and predicting the validation cases, as each does it by default, come on top and are stated. Scores
are of segmake's evaluator on the native grid for both. --extra are more budgets for segmake alone, to see
when it reaches 0.85. What is done is written after every budget to results/train_vs_nnunet.{tsv,md} beside
this file and kept in --work, so that an interrupted benchmark goes on with --resume.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

import nnunet
from nnunet import bullets, timed
from segmake.configuration import flags, load_settings, model_settings
from segmake.dataset.load import load_dataset
from segmake.plan import Plan
from segmake.settings import DataSettings, PhantomSettings, Settings
from segmake.tables import Row, read_table, write_table, write_text

CHECKOUT = Path(__file__).resolve().parents[1]
RESULTS = CHECKOUT / "benchmarks" / "results"
SEGMAKE = str(Path(sys.executable).with_name("segmake"))
GOAL = 0.85
TOOLS = ("segmake", "nnU-Net")


@dataclass(frozen=True)
class Bench:
    """What is compared, and where the work lies."""

    env: Path
    root: Path
    settings: Settings
    work: Path
    threads: int

    def run(self, stage: str, *words: str) -> float:
        """Run a stage of segmake; its wall seconds."""
        return timed(stage, [SEGMAKE, stage, *words]).wall_s

    @property
    def plan(self) -> Plan:
        """Plan that both follow as far as the folds go."""
        return Plan.load(self.work / "plan.json")

    def cases(self, validation: bool) -> list[str]:
        """Cases of fold 0, or of all other folds."""
        return sorted(case for case, fold in self.plan.folds.items() if (fold == 0) == validation)


def prepare(bench: Bench) -> None:
    """Convert, plan and resample; plan and preprocess by nnU-Net; give it the same fold."""
    settings, work = bench.settings, bench.work
    data = load_dataset(DataSettings(layout="msd", root=bench.root), PhantomSettings())
    labels = settings.data.labels or data.labels
    channels = json.dumps(settings.data.channels or dict(data.channels))
    meaning = ["--channels", channels, "--labels", json.dumps(labels)]
    two = ["--threads", str(bench.threads)]
    convert, resample = (str(work / stage / "shard-00.tsv") for stage in ("convert", "resample"))
    place = ["--layout", "msd", "--root", str(bench.root)]
    seconds = bench.run("convert", *place, *meaning, *flags(settings.convert), *two, "--output", convert)
    plan = str(work / "plan.json")
    seconds += bench.run("plan", "--tables", convert, *meaning, *flags(settings.plan), "--output", plan)
    words = ["--table", convert, "--plan", plan, *flags(settings.resample), *two]
    seconds += bench.run("resample", *words, "--output", resample)
    theirs = sum(
        step.wall_s for step in nnunet.preprocess(bench.env, bench.root, work / "nnunet", bench.threads)
    )
    nnunet.split(work / "nnunet", bench.cases(False), bench.cases(True))
    write_text(work / "prepared.json", json.dumps({"segmake": seconds, "nnU-Net": theirs}))


def segmake(bench: Bench, minutes: float) -> Row:
    """Train, predict the validation cases, score."""
    work, folder = bench.work, bench.work / "segmake" / f"{minutes:g}"
    model = folder / "model.pt"
    chosen = model_settings(bench.settings, next(iter(bench.settings.models)))
    chosen = chosen.model_copy(update={"minutes": minutes})
    words = [*flags(chosen, leave_out=("folds", "seeds", "cases")), "--threads", str(bench.threads)]
    files = ["--tables", str(work / "resample/shard-00.tsv"), "--plan", str(work / "plan.json")]
    bench.run("train", *files, *words, "--fold", "0", "--output", str(model))
    words = [*flags(bench.settings.predict), "--threads", str(bench.threads), "--model", str(model)]
    predicted = folder / "predict" / "shard-00.tsv"
    table = str(work / "convert/shard-00.tsv")
    spent = bench.run("predict", "--table", table, *words, "--output", str(predicted))
    with (folder / "history.csv").open(encoding="utf-8", newline="") as stream:
        last = list(csv.DictReader(stream))[-1]
    course = {"steps": last["step"], "train_s": f"{60 * float(last['minutes']):.1f}"}
    return course | {"predict_s": f"{spent:.1f}"} | score(bench, predicted.parent, folder)


def peer(bench: Bench, minutes: float) -> Row:
    """Train by nnU-Net, which then predicts the validation cases, and score."""
    orders = {"seconds": 60 * minutes, "threads": bench.threads, "validate": True}
    done = nnunet.train(bench.env, bench.work / "nnunet", orders)
    course = {"steps": str(done["steps"]), "train_s": f"{done['seconds']:.1f}"}
    course["predict_s"] = f"{done['predict_s']:.1f}"
    return course | score(bench, done["predictions"], bench.work / "nnunet" / f"{minutes:g}")


def score(bench: Bench, predictions: Path, folder: Path) -> Row:
    """Mean Dice per label, and over labels, by segmake's evaluator on the native grid."""
    sides = {"prediction": folder / "predicted", "truth": folder / "truth"}
    for side in sides.values():
        shutil.rmtree(side, ignore_errors=True)
        side.mkdir(parents=True)
    for case in bench.cases(True):
        (sides["prediction"] / f"{case}.nii.gz").symlink_to((predictions / f"{case}.nii.gz").resolve())
        (sides["truth"] / f"{case}.nii.gz").symlink_to((bench.root / "labelsTr" / f"{case}.nii.gz").resolve())
    labels = bench.plan.labels
    table = folder / "scores.tsv"
    places = [word for name, side in sides.items() for word in (f"--{name}", str(side))]
    bench.run("evaluate", *places, "--labels", json.dumps(labels), "--output", str(table))
    rows = [row for row in read_table(table) if row["metric"] == "dice"]
    means = {
        name: statistics.mean(float(row["value"]) for row in rows if row["label"] == name) for name in labels
    }
    found = {f"dice_{name}": f"{mean:.4f}" for name, mean in means.items()}
    return {"cases": str(len(rows) // len(labels)), **found, "dice": f"{statistics.mean(means.values()):.4f}"}


def reached(rows: list[Row], tool: str) -> str:
    """When a tool reached the goal, as far as its budgets tell."""
    mine = sorted((float(row["minutes"]), float(row["dice"])) for row in rows if row["tool"] == tool)
    good = [minutes for minutes, dice in mine if dice >= GOAL]
    if good:
        return f"{tool} reaches {GOAL} within {good[0]:g} minutes"
    return f"{tool} does not reach {GOAL} within {mine[-1][0]:g} minutes" if mine else f"{tool} was not run"


def page(rows: list[Row], bench: Bench, facts: dict[str, str]) -> str:
    """The Markdown page."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(row.get(name, "") for name in columns) + " |" for row in rows]
    counts = [len(bench.cases(validation)) for validation in (False, True)]
    prepared = json.loads((bench.work / "prepared.json").read_text())
    facts = facts | {
        "preparing all cases, not in the budget": ", ".join(f"{k} {v:.0f} s" for k, v in prepared.items()),
        "training and validation cases": f"{counts[0]} and {counts[1]}, fold 0 of segmake's plan",
    }
    what = (
        "Mean Dice over the validation cases on their native grid, after so many minutes of training on the "
        "same training cases with the same processor cores, one after the other; `dice` is the mean over the "
        "labels. Preparing and predicting come on top; both mirror at test time as configured or by default. "
        "nnU-Net's schedule ends with the budget, and its validation passes within training are left out."
    )
    told = "; ".join(reached(rows, tool) for tool in TOOLS) + " (of the budgets that were run)."
    head = ["# Training: segmake against nnU-Net", "", what, "", f"**{told}**", ""]
    end = ["", "## Where", "", bullets(facts), "", "Written by `benchmarks/train_vs_nnunet.py`.", ""]
    return "\n".join([*head, *lines, *end])


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--nnunet-env", type=Path, required=True, help="virtual environment with nnunetv2")
    parser.add_argument("--minutes", type=float, nargs="+", default=[5.0, 15.0, 40.0], help="for both")
    parser.add_argument("--extra", type=float, nargs="*", default=[], help="for segmake alone")
    parser.add_argument("--root", type=Path, default=CHECKOUT.parent / "shared/data/hippocampus")
    parser.add_argument("--configfile", type=Path, default=CHECKOUT / "config/hippocampus.yaml")
    parser.add_argument("--threads", type=int, default=2, help="of torch, for each")
    parser.add_argument("--work", type=Path, default=CHECKOUT / "results/train_vs_nnunet")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the table and the page")
    parser.add_argument("--resume", action="store_true", help="keep what was done before")
    return parser.parse_args()


def main() -> None:
    """Prepare once, run every budget of both, write after each."""
    chosen = options()
    settings = load_settings(yaml.safe_load(chosen.configfile.read_text(encoding="utf-8")))
    work = chosen.work.resolve()
    bench = Bench(chosen.nnunet_env, chosen.root.resolve(), settings, work, chosen.threads)
    if not chosen.resume:
        shutil.rmtree(work, ignore_errors=True)
    facts = nnunet.machine(bench.env) | {"threads": str(bench.threads)}
    if not (work / "prepared.json").exists():
        shutil.rmtree(work, ignore_errors=True)
        prepare(bench)
    kept = work / "rows.tsv"
    rows = read_table(kept) if kept.exists() else []
    plan = [(tool, m) for m in sorted(chosen.minutes) for tool in TOOLS]
    for tool, minutes in [*(("segmake", m) for m in sorted(chosen.extra)), *plan]:
        if any(row["tool"] == tool and float(row["minutes"]) == minutes for row in rows):
            continue
        done = (segmake if tool == "segmake" else peer)(bench, minutes)
        rows.append({"tool": tool, "minutes": f"{minutes:g}"} | done)
        rows.sort(key=lambda row: (float(row["minutes"]), TOOLS.index(row["tool"])))
        write_table(kept, rows)
        write_table(chosen.results / "train_vs_nnunet.tsv", rows)
        write_text(chosen.results / "train_vs_nnunet.md", page(rows, bench, facts))
        print(rows[-1], flush=True)


if __name__ == "__main__":
    main()
