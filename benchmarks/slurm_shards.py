"""The same demo on this machine and on Slurm, in one shard and in four: every result must be the same.

    python benchmarks/slurm_shards.py [--steps 700] [--output FOLDER]

Needs root, slurm-wlm and munge. Writes benchmarks/results/slurm_shards.{tsv,md}, and fails when a result
table, a label map or weights differ in a bit.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from cluster import CHECKOUT, SlurmNode, changed, command, hashes, start, where
from segmake.tables import write_table, write_text

RUNS = (("this machine", 2), ("Slurm", 1), ("Slurm", 4))


def main() -> None:
    """Run the demo in each way and compare with the first."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--output", type=Path, default=CHECKOUT / "benchmarks" / "results")
    options = parser.parse_args()
    rows: list[dict[str, object]] = []
    expected: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as scratch:
        node = SlurmNode(Path(scratch) / "slurm")
        node.start()
        try:
            for number, (place, shards) in enumerate(RUNS):
                folder = Path(scratch) / f"run-{number}"
                seconds = run(folder, shards, options.steps, node if place == "Slurm" else None)
                found = hashes(folder / "results")
                expected = expected or found
                differing = changed(expected, found)
                rows.append(
                    {
                        "where": place,
                        "shards": shards,
                        "wall_s": f"{seconds:.0f}",
                        "files": len(found),
                        "differ": " ".join(differing) or "none",
                    }
                )
        finally:
            node.stop()
    write(options.output, rows)
    if any(row["differ"] != "none" for row in rows):
        sys.exit("the runs differ")


def run(folder: Path, shards: int, steps: int, node: SlurmNode | None) -> float:
    """Run the demo to its end; wall seconds."""
    words = command(folder, {"shards": shards, "train": {"steps": steps}}, slurm=node is not None)
    begun = time.perf_counter()
    if start(folder, words, node.environment if node else os.environ).wait():
        sys.exit((folder / "snakemake.log").read_text(encoding="utf-8")[-4000:])
    return time.perf_counter() - begun


def write(output: Path, rows: list[dict[str, object]]) -> None:
    """Write how each run compares with the first."""
    write_table(output / "slurm_shards.tsv", rows)
    lines = ["# The demo in other places and pieces", ""]
    lines += [
        "SHA-256 of every label map, volume, result table and weights, against those of the first run.",
        "",
    ]
    lines += [f"| {' | '.join(rows[0])} |", "|" + "---|" * len(rows[0])]
    lines += [f"| {' | '.join(map(str, row.values()))} |" for row in rows]
    lines += ["", f"{datetime.now(UTC):%Y-%m-%d}, {where()}. Written by `benchmarks/slurm_shards.py`."]
    write_text(output / "slurm_shards.md", "\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
