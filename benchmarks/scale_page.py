"""The page of scale.py: its table, straight lines through it, curves, what they say of a million cases."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
import numpy as np

from segmake.provenance import package_versions, processor_name
from segmake.tables import write_text

MILLION = 1_000_000
LONGEST_COMMAND = 2_097_152
"""Bytes of all words of a command and of the environment on Linux, with the usual stack (ARG_MAX)."""
BARS = {
    ("planning from nothing", 10_000): 10.0,
    ("nothing to do", 10_000): 15.0,
    ("one more case, planned", 10_000): 20.0,
    ("planning from nothing", 100_000): 60.0,
}
"""Seconds that the wall clock may show."""
Rows = Sequence[Mapping[str, str]]
Points = dict[str, list[tuple[int, float]]]


def write_page(rows: Rows, table: Path) -> None:
    """Write the page and the curves beside the table."""
    plan = [row for row in rows if row["kind"] == "plan"]
    real = [row for row in rows if row["kind"] == "real"]
    versions, cores = package_versions(), len(os.sched_getaffinity(0))
    lines = [
        "# What the number of cases costs",
        "",
        "## Planning (no job runs; a hundred cases a shard)",
        "",
        *_markdown(plan, ("cases", "measure", "wall_s", "cpu_s", "memory_mb", "jobs", "bytes")),
        "",
        "## Tiny scans through the whole pipeline",
        "",
        *_markdown(real, ("cases", "measure", "wall_s", "cpu_s", "memory_mb", "jobs", "ms_per_case")),
        "",
        "## Bars",
        "",
        *(_bars(plan) or ["None of the sizes was measured."]),
        "",
        "## Fits: start + slope x cases, and what they say of a million cases in ten thousand shards",
        "",
        *_fits(plan),
        "",
        *_limit(plan),
        "",
        "The same for the tiny scans: the start is that of processes, the slope what a case costs.",
        "",
        *_fits(real),
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {processor_name()}, cores used: {cores}, "
        f"Python {sys.version.split()[0]}, snakemake {versions['snakemake']}, "
        f"segmake {versions['segmake']}. Written by `benchmarks/scale.py`; the "
        "fastest of several runs each; memory is the peak of the largest process.",
    ]
    write_text(table.with_suffix(".md"), "\n".join(lines) + "\n")
    _draw(_points(plan, "wall_s"), _points(plan, "memory_mb"), table.with_suffix(".svg"))


def _markdown(rows: Rows, columns: Sequence[str]) -> list[str]:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    return lines + ["| " + " | ".join(row.get(name, "") or "" for name in columns) + " |" for row in rows]


def _points(rows: Rows, column: str) -> Points:
    """Numbers of each measure by cases."""
    found: Points = {}
    for row in rows:
        if row.get(column):
            found.setdefault(row["measure"], []).append((int(row["cases"]), float(row[column])))
    return {name: sorted(points) for name, points in found.items()}


def _bars(rows: Rows) -> list[str]:
    walls = _points(rows, "wall_s")
    lines = []
    for (measure, cases), limit in BARS.items():
        wall = dict(walls.get(measure, [])).get(cases)
        if wall is not None:
            met = "met" if wall < limit else "MISSED"
            lines.append(f"- {measure}, {cases:,} cases: {wall:.1f} s, bar {limit:g} s: {met}")
    memory = dict(_points(rows, "memory_mb").get("planning from nothing", [])).get(100_000)
    if memory is not None:
        lines.append(
            f"- planning from nothing, 100,000 cases: {memory:.0f} MB, bar 2000 MB: "
            f"{'met' if memory < 2000 else 'MISSED'}"
        )
    return lines


def line_through(points: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """Start and slope that fit best relative to the size of each point, neither below zero."""
    cases, values = np.array(points, float).T
    terms = np.stack([np.ones_like(cases), cases]) / values
    start, slope = np.linalg.lstsq(terms.T, np.ones_like(values), rcond=None)[0]
    if start < 0 or slope < 0:
        return (0.0, float((values / cases).mean())) if start < 0 else (float(values.mean()), 0.0)
    return float(start), float(slope)


def _fits(rows: Rows) -> list[str]:
    lines = ["| measure | unit | start | per 1,000 cases | a million |", "|---|---|---|---|---|"]
    for column, unit in (("wall_s", "s"), ("memory_mb", "MB")):
        for name, points in _points(rows, column).items():
            if len(points) > 1:
                start, slope = line_through(points)
                total = start + MILLION * slope
                lines.append(f"| {name} | {unit} | {start:.2f} | {1000 * slope:.3f} | {total:,.0f} |")
    return lines


def _limit(rows: Rows) -> list[str]:
    """Where the longest command meets what the system allows."""
    sizes = [(int(row["shards"]), int(row["bytes"])) for row in rows if row.get("bytes")]
    if len(sizes) < 2:
        return []
    start, slope = line_through(sizes)
    return [
        f"The longest command has {start:.0f} + {slope:.0f} x shards bytes. Linux allows {LONGEST_COMMAND:,},"
        f" so about {int((LONGEST_COMMAND - start) / slope):,} shards with one model; of a million "
        f"cases {MILLION * slope / (LONGEST_COMMAND - start):,.0f} then stand in a shard."
    ]


def _draw(walls: Points, memory: Points, path: Path) -> None:
    """Curves of time and memory over the number of cases, with their lines."""
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "segmake", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, points, label in zip(axes, (walls, memory), ("wall time (s)", "peak memory (MB)"), strict=True):
        for name, found in points.items():
            cases, values = zip(*found, strict=True)
            (drawn,) = axis.plot(cases, values, "o", label=name)
            if len(found) > 1:
                start, slope = line_through(found)
                along = np.geomspace(min(cases), MILLION, 50)
                axis.plot(along, start + slope * along, "--", color=drawn.get_color(), linewidth=0.8)
        axis.set(xscale="log", yscale="log", xlabel="cases", ylabel=label)
        axis.grid(visible=True, which="major", linewidth=0.3)
    axes[0].legend(fontsize=7)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
