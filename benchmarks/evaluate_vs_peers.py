"""Time the scores of a case against MONAI, surface-distance and SimpleITK, and those of a folder of cases.

    python benchmarks/evaluate_vs_peers.py [--root ../shared/data/hippocampus] [--repeats 7]

Two scenes of 240 x 240 x 155 voxels with three overlapping regions: one large tumour, and 34 lesions all over
the image. Every tool computes Dice, HD95 and NSD (1 mm) of every region, on one thread, in turn; peers are
given their masks, segmake makes its own from the label maps and computes its other nine metrics as well.
Then 1,000 cases of two folders, made of the hippocampus labels and moved by a voxel, go through the command
line with two processes. Peers that are not installed are left out. Results go to
benchmarks/results/evaluate_vs_peers.{tsv,md}.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from scoring_peers import SPACING_MM, TOLERANCE_MM, Masks, Values, monai, simpleitk, surface_distance
from segmake.metrics.score import score_case
from segmake.tables import write_table, write_text
from segmake.volume.nifti import write_nifti
from segmake.volume.read import read_volume
from segmake.volume.volume import Volume

RESULTS = Path(__file__).parent / "results"
SHAPE = (240, 240, 155)
REGIONS = {"whole": [1, 2, 3], "core": [1, 3], "enhancing": [3]}
METRICS = ("dice", "hd95", "nsd")
GOALS = {"MONAI": 4.0, "surface-distance": 15.0, "SimpleITK": 5.0}
CASES = 1000
PROCESSES = 2
MEMORY = """
import pathlib, re, sys
import numpy as np
from segmake.metrics.lesions import RULES
from segmake.metrics.score import score_case
def kilobytes(key):
    return int(re.search(key + r":\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1])
prediction, truth = np.load(sys.argv[1]), np.load(sys.argv[2])
rule = RULES.get(sys.argv[3])
regions = {"whole": [1, 2, 3], "core": [1, 3], "enhancing": [3]}
score_case(prediction[::12, ::12, ::12], truth[::12, ::12, ::12], (1, 1, 1), regions, 1.0, rule)
before = kilobytes("VmRSS")
score_case(prediction, truth, (1, 1, 1), regions, 1.0, rule)
print((kilobytes("VmHWM") - before) * 1024 / (truth.size * 8))
"""


def scene(kind: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Label maps (prediction, truth): nested ellipsoids, and the same a little moved and resized."""
    rng = np.random.default_rng(seed)
    count, low, high = (34, 3.0, 9.0) if kind == "scattered" else (1, 22.0, 30.0)
    lesions = [
        ([rng.uniform(0.2 * n, 0.8 * n) for n in SHAPE], rng.uniform(low, high, 3)) for _ in range(count)
    ]
    maps = []
    for change in (1.0, 0.0):
        labels = np.zeros(SHAPE, dtype=np.int16)
        for centre, radii in lesions:
            at = centre + change * rng.uniform(-2, 2, 3)
            size = radii * (1 + change * rng.uniform(-0.1, 0.1, 3))
            for value, part in ((2, 1.0), (1, 0.7), (3, 0.45)):
                draw(labels, at, size * part, value)
        maps.append(labels)
    return maps[0], maps[1]


def draw(labels: np.ndarray, centre: Any, radii: Any, value: int) -> None:
    """Fill an ellipsoid."""
    box = tuple(slice(int(c - r), int(c + r) + 2) for c, r in zip(centre, radii, strict=True))
    axes = np.ogrid[box]
    apart = sum(((axis - c) / r) ** 2 for axis, c, r in zip(axes, centre, radii, strict=True))
    labels[box][apart <= 1] = value


def ours(prediction: np.ndarray, truth: np.ndarray, _: Masks) -> Values:
    """All twelve metrics of segmake."""
    found = score_case(prediction, truth, SPACING_MM, REGIONS, TOLERANCE_MM)
    values = {(score.label, score.metric): score.value for score in found}
    return {region: tuple(values[region, metric] for metric in METRICS) for region in REGIONS}  # type: ignore[misc]


def contenders() -> dict[str, Callable[..., Values]]:
    """Whoever is installed, by name; ours first."""
    found: dict[str, Callable[..., Values]] = {"segmake": ours}
    peers = {
        "MONAI": lambda: monai(subvoxels=False),
        "MONAI, sub-voxel surfaces": lambda: monai(subvoxels=True),
        "surface-distance": surface_distance,
        "SimpleITK": simpleitk,
    }
    for name, make in peers.items():
        try:
            found[name] = make()
        except ImportError as error:
            print(f"{name} is left out: {error}")
    return found


def race(kind: str, repeats: int) -> tuple[list[dict[str, Any]], dict[str, Values]]:
    """Seconds of every tool in every repeat, tools in turn, and what they found."""
    prediction, truth = scene(kind)
    masks = {r: (np.isin(prediction, values), np.isin(truth, values)) for r, values in REGIONS.items()}
    tools = contenders()
    values = {name: tool(prediction, truth, masks) for name, tool in tools.items()}  # also warms up
    rows = []
    for repeat in range(repeats):
        for name, tool in tools.items():
            started = time.perf_counter()
            tool(prediction, truth, masks)
            rows.append({"scene": kind, "repeat": repeat, "tool": name, "s": time.perf_counter() - started})
        print(kind, "; ".join(f"{row['tool']} {row['s']:.3f} s" for row in rows[-len(tools) :]), flush=True)
    return rows, values


def memory(kind: str, rule: str) -> float:
    """Growth of the process while a case is scored, in bytes per voxel over 8."""
    with tempfile.TemporaryDirectory() as scratch:
        paths = [Path(scratch) / "prediction.npy", Path(scratch) / "truth.npy"]
        for path, labels in zip(paths, scene(kind), strict=True):
            np.save(path, labels)
        command = [sys.executable, "-c", MEMORY, *map(str, paths), rule]
        return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def folders(root: Path, repeats: int) -> list[dict[str, Any]]:
    """Seconds of `segmake evaluate` on 1,000 pairs of files."""
    sources = sorted((root / "labelsTr").glob("[!.]*.nii.gz"))
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        for number in range(CASES):
            labels = read_volume(sources[number % len(sources)])
            moved = np.roll(labels.data, 1 + number // len(sources) % 2, axis=1 + number % 3)
            write_nifti(base / "truth" / f"{number:04d}.nii.gz", labels)
            write_nifti(base / "prediction" / f"{number:04d}.nii.gz", Volume(moved, labels.affine))
        for lesion in ("none", "overlap"):
            command = [str(Path(sys.executable).with_name("segmake")), "evaluate", "--lesion", lesion]
            command += ["--prediction", str(base / "prediction"), "--truth", str(base / "truth")]
            command += ["--output", str(base / "scores.tsv"), "--threads", str(PROCESSES)]
            for repeat in range(repeats):
                started = time.perf_counter()
                subprocess.run(command, capture_output=True, check=True)
                seconds = time.perf_counter() - started
                rows.append({"scene": f"{CASES} cases", "repeat": repeat, "tool": lesion, "s": seconds})
                print(f"{CASES} cases, lesion {lesion}: {seconds:.1f} s", flush=True)
    return rows


def ratio(rows: list[dict[str, Any]], tool: str) -> float:
    """Median over repeats of a tool's seconds over ours in the same repeat."""
    seconds = {(row["repeat"], row["tool"]): row["s"] for row in rows}
    repeats = {row["repeat"] for row in rows}
    return statistics.median(seconds[r, tool] / seconds[r, "segmake"] for r in repeats)


def table(rows: list[dict[str, Any]], values: dict[str, Values]) -> list[str]:
    """Markdown table of one scene."""
    lines = ["| tool | seconds (median) | times ours | goal | Dice | HD95 (mm) | NSD |", "|---" * 7 + "|"]
    for tool, found in values.items():
        median = statistics.median(row["s"] for row in rows if row["tool"] == tool)
        goal = next((f">= {goal:.0f}" for name, goal in GOALS.items() if tool.startswith(name)), "")
        dice, hd95, nsd = found["whole"]
        times = f"{ratio(rows, tool):.1f}" if tool != "segmake" else "1"
        lines.append(f"| {tool} | {median:.3f} | {times} | {goal} | {dice:.6f} | {hd95:.4f} | {nsd:.6f} |")
    return lines


def machine() -> list[str]:
    """What it ran on and with."""
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    packages = []
    for name in ("segmake", "numpy", "scipy", "edt", "monai", "torch", "surface-distance", "SimpleITK"):
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return [
        f"- date: {datetime.now(UTC):%Y-%m-%d}",
        f"- processor: {model}, {os.cpu_count()} cores",
        f"- load before the start: {os.getloadavg()[0]:.1f}",
        f"- Python {platform.python_version()}, {', '.join(packages)}",
    ]


def main() -> None:
    """Measure and write."""
    here = Path(__file__).resolve().parents[1]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])  # type: ignore[union-attr]
    parser.add_argument(
        "--root", type=Path, default=here.parent / "shared/data/hippocampus", help="MSD folder"
    )
    parser.add_argument("--repeats", type=int, default=7, help="timed runs of each tool")
    job = parser.parse_args()
    warnings.simplefilter("ignore")  # of the peers: names of SciPy and torch that are going away
    where = machine()
    page = [
        "# Scores of a case: segmake against its peers",
        "",
        (__doc__ or "").split("\n\n", 2)[2].strip(),
        "",
    ]
    every = []
    for kind in ("tumour", "scattered"):
        rows, values = race(kind, job.repeats)
        every += rows
        page += [
            f"## {kind}: {' x '.join(map(str, SHAPE))}, {len(REGIONS)} regions",
            "",
            *table(rows, values),
        ]
        page += ["", "Dice, HD95 and NSD are those of the whole region.", ""]
    page += [
        "## Memory",
        "",
        "Growth of the process while a case is scored, in label maps of 8 bytes a voxel (goal: < 3):",
        "",
    ]
    for kind, rule in (("tumour", "none"), ("scattered", "none"), ("scattered", "brats2023")):
        page.append(f"- {kind}, lesion {rule}: {memory(kind, rule):.2f}")
    if (job.root / "labelsTr").is_dir():
        rows = folders(job.root, max(1, job.repeats // 2))
        every += rows
        page += ["", f"## {CASES} cases of two folders, {PROCESSES} processes (goal: < 30 s)", ""]
        for lesion in ("none", "overlap"):
            seconds = [row["s"] for row in rows if row["tool"] == lesion]
            page.append(f"- lesion {lesion}: {statistics.median(seconds):.1f} s (median of {len(seconds)})")
    page += ["", "## Where", "", *where, ""]
    print("\n".join(page))
    write_table(RESULTS / "evaluate_vs_peers.tsv", [row | {"s": f"{row['s']:.4f}"} for row in every])
    write_text(RESULTS / "evaluate_vs_peers.md", "\n".join(page))


if __name__ == "__main__":
    main()
