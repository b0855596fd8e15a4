"""Peak memory of the stages over the size of a case: what the rules' `mem_mb` is made of.

    python benchmarks/stage_memory.py

Synthetic CTs of two sizes with a label of two balls, four each, one worker; the slope between the sizes is
what a worker needs per million voxels. Writes benchmarks/results/stage_memory.{tsv,md}.
"""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import nibabel as nib
import numpy as np

from peak import run_measured
from segmake.provenance import package_versions, processor_name
from segmake.tables import write_table, write_text

RESULTS = Path(__file__).resolve().parent / "results"
SHAPES = ((128, 128, 64), (320, 320, 192))
CASES = 4
Row = dict[str, object]


def main() -> None:
    """Measure each stage at each size."""
    rows: list[Row] = []
    for shape in SHAPES:
        with tempfile.TemporaryDirectory() as scratch:
            for stage, words in commands(Path(scratch), shape):
                command = [sys.executable, "-m", "segmake.cli", "--log", f"{scratch}/log", *words]
                peak = run_measured(command).peak_mb
                rows.append({"stage": stage, "megavoxels": np.prod(shape) / 1e6, "peak_mb": round(peak)})
    write(rows)


def commands(folder: Path, shape: tuple[int, int, int]) -> list[tuple[str, list[str]]]:
    """Command lines of the stages, one after the other, on cases of this shape."""
    with ProcessPoolExecutor(1) as pool:  # what this process once held would count as the stages'
        sheet = pool.submit(make_cases, folder, shape).result()
    data = ["--channels", '{"ct": "ct"}', "--labels", '{"a": 1, "b": 2}']
    table, plan = str(folder / "convert/t.tsv"), str(folder / "plan.json")
    scored = ["--truth", str(folder / "truth"), "--prediction", str(folder / "prediction")]
    return [
        ("convert", ["convert", "--cases", str(sheet), *data, "--output", table]),
        ("plan", ["plan", "--tables", table, "--output", plan, "--folds", "2", *data]),
        ("resample", ["resample", "--table", table, "--plan", plan, "--output", str(folder / "r/t.tsv")]),
        ("evaluate", ["evaluate", *scored, *data[2:], "--output", str(folder / "scores.tsv")]),
    ]


def make_cases(folder: Path, shape: tuple[int, int, int]) -> Path:
    """Noise with two balls that a label names; returns the case sheet."""
    grid = np.indices(shape, dtype=np.float32)
    middle = np.array(shape, dtype=np.float32)[:, None, None, None]
    label = np.zeros(shape, np.uint8)
    for value, place in ((1, 0.35), (2, 0.65)):
        label[((grid - place * middle) ** 2).sum(0) < (min(shape) / 6) ** 2] = value
    lines = ["case\tct\tlabel\n"]
    for case in range(CASES):
        noise = np.random.default_rng(case).normal(-800, 80, shape) + 200 * label
        truth = np.roll(label, case, axis=1)  # no two are the same, or the plan would stop
        made = {"image": noise.astype(np.int16), "truth": truth, "prediction": np.roll(truth, 3, axis=0)}
        for name, array in made.items():
            (folder / name).mkdir(exist_ok=True)
            image = nib.Nifti1Image(array, np.diag([0.8, 0.8, 1.5, 1]))
            nib.save(image, folder / name / f"case-{case}.nii.gz")
        lines.append(f"case-{case}\timage/case-{case}.nii.gz\ttruth/case-{case}.nii.gz\n")
    (folder / "cases.tsv").write_text("".join(lines), encoding="utf-8")
    return folder / "cases.tsv"


def write(rows: list[Row]) -> None:
    """The measurements, and the slope of each stage."""
    write_table(RESULTS / "stage_memory.tsv", rows, list(rows[0]))
    stages = list(dict.fromkeys(str(row["stage"]) for row in rows))
    lines = ["| stage | MB at the smaller | MB at the larger | MB per million voxels |", "|---|---|---|---|"]
    for stage in stages:
        (small, low), (large, high) = [
            (float(str(row["megavoxels"])), float(str(row["peak_mb"])))
            for row in rows
            if row["stage"] == stage
        ]
        lines.append(f"| {stage} | {low:.0f} | {high:.0f} | {(high - low) / (large - small):.1f} |")
    sizes = " and ".join("x".join(map(str, shape)) for shape in SHAPES)
    head = f"Peak memory of one worker on cases of {sizes} voxels, one channel, with a label.\n\n"
    versions = ", ".join(f"{name} {version}" for name, version in package_versions().items())
    made = f"\n\n{datetime.now(UTC):%Y-%m-%d}, {processor_name()}, {versions}\n"
    write_text(RESULTS / "stage_memory.md", head + "\n".join(lines) + made)


if __name__ == "__main__":
    main()
