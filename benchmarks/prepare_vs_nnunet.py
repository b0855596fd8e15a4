"""Time convert + plan + resample against nnU-Net's plan_and_preprocess, and compare what both made.

    python benchmarks/prepare_vs_nnunet.py --nnunet-env ENV [--root ../shared/data/hippocampus]

ENV is a virtual environment with nnunetv2 2.8.1. Both take the same MSD folder, two processes each, in turn.
A second, untimed pass resamples a few cases to 0.5 mm, so that interpolation is compared too. Writes
benchmarks/results/prepare_vs_nnunet.{tsv,md}.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import nnunet
from nnunet import Timed, bullets, timed
from segmake.dataset.load import load_dataset
from segmake.ledger import read_record
from segmake.plan import Plan
from segmake.settings import DataSettings, PhantomSettings
from segmake.tables import read_cases, write_table, write_text
from segmake.volume.store import load_array

RESULTS = Path(__file__).parent / "results"
HALF_MM = ("0.5", "0.5", "0.5")
PROCESSES = 2
FAR = 0.02
READ_PROPERTIES = """
import json, pathlib, pickle, sys
found = {}
for path in pathlib.Path(sys.argv[1]).glob("*.pkl"):
    values = pickle.loads(path.read_bytes())
    found[path.stem] = [[int(a), int(b)] for a, b in values["bbox_used_for_cropping"]]
print(json.dumps(found))
"""


def take(root: Path, target: Path, count: int | None) -> Path:
    """An MSD folder of the first `count` cases, linked, with the names that nnU-Net and segmake agree on."""
    header = json.loads((root / "dataset.json").read_text())
    header["training"] = header["training"][:count]
    for entry in header["training"]:
        for part in ("image", "label"):
            link = target / entry[part]
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to((root / entry[part]).resolve())
    (target / "dataset.json").write_text(json.dumps(header))
    return target


def ours(root: Path, folder: Path, spacing: tuple[str, ...] = ()) -> list[Timed]:
    """The three stages as the workflow calls them, from nothing."""
    program = str(Path(sys.executable).with_name("segmake"))
    data = load_dataset(DataSettings(layout="msd", root=root), PhantomSettings())
    tables = {name: str(folder / name / "shard-00.tsv") for name in ("convert", "resample")}
    plan = str(folder / "plan.json")
    two = ["--threads", str(PROCESSES)]
    commands = {
        "convert": ["--layout", "msd", "--root", str(root), "--output", tables["convert"], *two],
        "plan": [
            *("--tables", tables["convert"], "--output", plan, "--budget", "60GFLOP"),
            *("--channels", json.dumps(dict(data.channels)), "--labels", json.dumps(data.labels)),
            *(("--spacing_mm", ",".join(spacing)) if spacing else ()),
        ],
        "resample": ["--table", tables["convert"], "--plan", plan, "--output", tables["resample"], *two],
    }
    return [timed(f"segmake {stage}", [program, stage, *flags]) for stage, flags in commands.items()]


def compare(env: Path, mine: Path, theirs: Path) -> dict[str, Any]:
    """Crop, spacing, shape, intensities and labels of all cases of both."""
    planned = nnunet.plans(theirs)
    arrays = theirs / "preprocessed" / nnunet.DATASET / "nnUNetPlans_3d_fullres"
    boxes = json.loads(
        subprocess.run(
            [str(env / "bin" / "python"), "-c", READ_PROPERTIES, str(arrays)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    plan = Plan.load(mine / "plan.json")
    rows = read_cases([mine / "resample" / "shard-00.tsv"])
    same = {"crop": 0, "shape": 0}
    worst, away, far, agree = 0.0, [], [], []
    for row in rows:
        details = read_record(mine / "resample", row["case"])["details"]
        box = zip(details["crop_start"], details["crop_shape"], strict=True)
        same["crop"] += [[a, a + n] for a, n in box] == boxes[row["case"]][::-1]
        image = load_array(Path(row["path"])).astype(np.float32).transpose(0, 3, 2, 1)
        other = load_array(arrays / f"{row['case']}.b2nd")
        if image.shape != other.shape:
            continue
        same["shape"] += 1
        gap = np.abs(image - other)
        worst = max(worst, float((gap / np.maximum(1, np.abs(other))).max()))
        away.append(float(gap.mean()))
        far.append(float((gap > FAR).mean()))
        label = load_array(Path(row["label"])).transpose(2, 1, 0)
        agree.append(
            float((label == np.maximum(load_array(arrays / f"{row['case']}_seg.b2nd")[0], 0)).mean())
        )
    return {
        "cases": f"{len(rows)} of {len(boxes)}",
        "same crop box": f"{same['crop']}",
        "spacing (mm), ours / theirs": f"{list(plan.spacing_mm)} / {planned['spacing'][::-1]}",
        "same shape": f"{same['shape']}",
        "largest intensity difference, relative to max(1, value)": f"{worst:.2g}",
        "mean absolute intensity difference (standard deviations)": f"{statistics.mean(away):.2g}",
        f"voxels that differ by more than {FAR} standard deviations": f"{statistics.mean(far):.4%}",
        "voxels with the same label": f"{statistics.mean(agree):.4%}",
        "patch, ours / theirs": f"{list(plan.patch)} / {planned['patch_size'][::-1]}",
    }


def total(rows: list[dict[str, Any]], tool: str) -> tuple[float, float]:
    """Median over repeats of a tool's wall and CPU seconds, all steps together."""
    sums = [
        [
            sum(row[what] for row in rows if row["step"].startswith(tool) and row["repeat"] == repeat)
            for repeat in sorted({row["repeat"] for row in rows})
        ]
        for what in ("wall_s", "cpu_s")
    ]
    return statistics.median(sums[0]), statistics.median(sums[1])


def summary(rows: list[dict[str, Any]], found: list[dict[str, Any]], facts: dict[str, str]) -> str:
    """The Markdown page."""
    lines = ["| step | wall s (median) | wall s (all) | CPU s (median) |", "|---|---|---|---|"]
    for step in dict.fromkeys(row["step"] for row in rows):
        walls = [row["wall_s"] for row in rows if row["step"] == step]
        cpus = [row["cpu_s"] for row in rows if row["step"] == step]
        each = ", ".join(f"{wall:.1f}" for wall in walls)
        lines.append(f"| {step} | {statistics.median(walls):.1f} | {each} | {statistics.median(cpus):.1f} |")
    (us, us_cpu), (them, them_cpu) = (total(rows, tool) for tool in ("segmake", "nnU-Net"))
    head = (
        f"segmake prepares the cases in **{us:.1f} s** (CPU {us_cpu:.1f} s), nnU-Net in **{them:.1f} s** "
        f"(CPU {them_cpu:.1f} s): **{them / us:.1f} times faster** in wall time, "
        f"{them_cpu / us_cpu:.1f} times in processor time. Medians of the sums of each "
        "repeat; both started from nothing, in turn."
    )
    return "\n".join(
        [
            *("# Preparation: segmake against nnU-Net", "", head, "", *lines, ""),
            *("## The same arrays?", "", "All cases on the grid both choose:", "", bullets(found[0]), ""),
            *("A few cases resampled to 0.5 mm by both:", "", bullets(found[1]), ""),
            "Intensities are stored in float16 here (relative rounding 4.9e-4) and float32 there; nnU-Net",
            "clips what a cubic spline overshoots to the range of the case, segmake keeps it. Patches may",
            "differ: ours is fitted to a CPU budget (60GFLOP).",
            *("", "## Where", "", bullets(facts), ""),
        ]
    )


def main() -> None:
    """Measure, compare, write."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--nnunet-env", type=Path, required=True, help="virtual environment with nnunetv2")
    parser.add_argument(
        "--root", type=Path, default=here.parent / "shared/data/hippocampus", help="MSD folder"
    )
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each")
    parser.add_argument("--cases", type=int, default=None, help="use the first cases only")
    job = parser.parse_args()
    facts = nnunet.machine(job.nnunet_env) | {"processes": f"{PROCESSES} each"}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        root = take(job.root, base / "data", job.cases)
        few = take(job.root, base / "few", 10)
        mine, theirs = base / "ours", base / "peer"
        found = []
        ours(few, mine, HALF_MM)  # also warms both up: first imports after an install are slow
        nnunet.preprocess(job.nnunet_env, few, theirs, PROCESSES, HALF_MM)
        found.append(compare(job.nnunet_env, mine, theirs))
        for repeat in range(job.repeats):
            for folder in (mine, theirs):
                shutil.rmtree(folder)
            done = [*ours(root, mine), *nnunet.preprocess(job.nnunet_env, root, theirs, PROCESSES)]
            rows += [{"repeat": repeat, "step": t.step, "wall_s": t.wall_s, "cpu_s": t.cpu_s} for t in done]
            print("; ".join(f"{t.step} {t.wall_s:.1f} s (CPU {t.cpu_s:.1f})" for t in done), flush=True)
        found.insert(0, compare(job.nnunet_env, mine, theirs))
    rounded = [row | {"wall_s": f"{row['wall_s']:.2f}", "cpu_s": f"{row['cpu_s']:.2f}"} for row in rows]
    page = summary(rows, found, facts)
    print(page)
    write_table(RESULTS / "prepare_vs_nnunet.tsv", rounded)
    write_text(RESULTS / "prepare_vs_nnunet.md", page)


if __name__ == "__main__":
    main()
