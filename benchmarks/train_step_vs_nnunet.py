"""Time a training step of the same network, patch and batch: segmake with each lever against nnU-Net.

    python benchmarks/train_step_vs_nnunet.py --nnunet-env ENV [--steps 6] [--threads 2]

ENV is a virtual environment with nnunetv2 2.8. Patch, batch, features, kernels and strides are nnU-Net's plan
of the MSD folder; nnU-Net takes its own train_step on its own batches (before and after ours, so that a busy
moment of the machine shows), segmake the step of its loop in plain fp32 and with bf16, torch.compile or both.
The last row adds reading the batch and augmenting it, which nnU-Net leaves to its workers. Prepared data are
taken from --work when benchmarks/train_vs_nnunet.py has left them there. Writes
results/train_step_vs_nnunet.{tsv,md} beside this file.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import torch
import yaml

import nnunet
from nnunet import bullets
from segmake.configuration import load_settings
from segmake.device import choose_device, uses_bf16
from segmake.learning.sampling import Case
from segmake.plan import Plan
from segmake.tables import Row, read_cases, write_table, write_text
from segmake.volume.store import load_array
from train_vs_nnunet import CHECKOUT, RESULTS, Bench, prepare
from training_step import Way, loading, start, take_steps


def same_plan(plan: Plan, theirs: dict[str, Any]) -> Plan:
    """Our plan with the network, patch and batch of nnU-Net's, whose axes run the other way."""
    shape = theirs["architecture"]["arch_kwargs"]
    changed = {
        "patch": theirs["patch_size"][::-1],
        "batch": theirs["batch_size"],
        "features": shape["features_per_stage"],
        "kernels": [kernel[::-1] for kernel in shape["kernel_sizes"]],
        "strides": [stride[::-1] for stride in shape["strides"]],
    }
    return Plan.model_validate(plan.model_dump() | changed)


def read_arrays(bench: Bench) -> list[Case]:
    """Prepared training cases."""
    columns = ("path", "label", "foreground")
    rows = read_cases([bench.work / "resample" / "shard-00.tsv"])
    wanted = set(bench.cases(False))
    return [
        Case(row["case"], *(load_array(Path(row[name])) for name in columns))
        for row in rows
        if row["case"] in wanted
    ]


def time_peer(bench: Bench, steps: int) -> dict[str, Any]:
    """Steps of nnU-Net, the first one left out."""
    orders = {"steps": steps + 1, "threads": bench.threads, "validate": False}
    done = nnunet.train(bench.env, bench.work / "nnunet", orders)
    return done | {"lengths": done["lengths"][1:], "waits": done["waits"][1:]}


def row(name: str, seconds: list[float], base: float, parameters: int) -> Row:
    """A line of the table."""
    median = statistics.median(seconds)
    return {
        "step": name,
        "median_s": f"{median:.3f}",
        "fastest_s": f"{min(seconds):.3f}",
        "times_faster": f"{base / median:.2f}",
        "parameters": str(parameters),
    }


def page(rows: list[Row], plan: Plan, facts: dict[str, str]) -> str:
    """The Markdown page."""
    columns = list(rows[0])
    what = (
        f"One step of the same U-Net: patch {list(plan.patch)}, batch {plan.batch}, features {plan.features} "
        "as nnU-Net plans them, deeply supervised: forward, loss, backward, clipping, the optimiser's step; "
        "data only where it is said."
    )
    best = max(rows[1:5], key=lambda line: float(line["times_faster"]))
    told = f"**{best['step']} is {best['times_faster']} times faster than nnU-Net's train_step.**"
    lines = ["# A training step: segmake against nnU-Net", "", what, "", told, ""]
    lines += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(line.values()) + " |" for line in rows]
    return "\n".join(
        [
            *lines,
            "",
            "## Where",
            "",
            bullets(facts),
            "",
            "Written by `benchmarks/train_step_vs_nnunet.py`.",
            "",
        ]
    )


def main() -> None:
    """Prepare what is missing, time the peer, ours and the peer again, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--nnunet-env", type=Path, required=True, help="virtual environment with nnunetv2")
    parser.add_argument("--root", type=Path, default=CHECKOUT.parent / "shared/data/hippocampus")
    parser.add_argument("--configfile", type=Path, default=CHECKOUT / "config/hippocampus.yaml")
    parser.add_argument("--work", type=Path, default=CHECKOUT / "results/train_vs_nnunet")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the table and the page")
    parser.add_argument("--threads", type=int, default=2, help="of torch, for each")
    parser.add_argument("--steps", type=int, default=6, help="timed steps of each, twice for nnU-Net")
    chosen = parser.parse_args()
    settings = load_settings(yaml.safe_load(chosen.configfile.read_text(encoding="utf-8")))
    bench = Bench(chosen.nnunet_env, chosen.root.resolve(), settings, chosen.work.resolve(), chosen.threads)
    facts = nnunet.machine(bench.env) | {"threads": str(bench.threads)}
    if not (bench.work / "prepared.json").exists():
        prepare(bench)
    torch.set_num_threads(bench.threads)
    plan, cases = same_plan(bench.plan, nnunet.plans(bench.work / "nnunet")), read_arrays(bench)
    peers = [time_peer(bench, chosen.steps)]
    ways = [
        Way("segmake fp32"),
        Way("segmake bf16", "bf16"),
        Way("segmake fp32, compiled", compiled=True),
        Way("segmake bf16, compiled", "bf16", compiled=True),
    ]
    for way in ways:
        start(way, plan, cases)
        take_steps(way, plan, cases, chosen.steps)
    whole = loading(ways[1].task(plan, cases), chosen.steps)
    peers.append(time_peer(bench, chosen.steps))
    lengths = [seconds for peer in peers for seconds in peer["lengths"]]
    base = statistics.median(lengths)
    rows = [row("nnU-Net train_step (fp32 on a CPU)", lengths, base, peers[0]["parameters"])]
    for way in ways:
        count = sum(value.numel() for value in way.run.network.parameters())
        rows.append(row(way.name, way.seconds, base, count))
    rows.append(row("segmake bf16, with reading and augmenting", [whole["step"]], base, count))
    medians = [f"{statistics.median(peer['lengths']):.2f}" for peer in peers]
    facts |= {
        "nnU-Net before and after": " s, ".join(medians) + " s",
        "segmake's augmentation": f"{100 * whole['augment'] / whole['step']:.1f}% of a bf16 step",
        "seconds to compile": ", ".join(f"{way.compile_s:.0f}" for way in ways if way.compiled),
        "bf16 in hardware": "yes" if uses_bf16(choose_device("cpu"), "auto") else "no",
    }
    write_table(chosen.results / "train_step_vs_nnunet.tsv", rows)
    write_text(chosen.results / "train_step_vs_nnunet.md", page(rows, plan, facts))
    print(page(rows, plan, facts))


if __name__ == "__main__":
    main()
