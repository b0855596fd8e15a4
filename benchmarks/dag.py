"""Time what Snakemake needs to plan a large sheet: a fresh DAG, and a run with nothing to do.

    python benchmarks/dag.py [--cases 10000] [--shards 100] [--repeats 3]

Every declared output is made as an empty file and marked as done by `snakemake --touch`, so no scan is
needed. Writes benchmarks/results/dag.{tsv,md}.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from segmake.provenance import package_versions, processor_name
from segmake.tables import write_table, write_text

CHECKOUT = Path(__file__).resolve().parents[1]
RESULTS = CHECKOUT / "benchmarks" / "results"


def main() -> None:
    """Make the sheet, time both runs, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--shards", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        command = prepare(Path(scratch), options.cases, options.shards)
        fresh = [seconds(command, "-n", "--quiet") for _ in range(options.repeats)]
        jobs = mark_as_done(command, Path(scratch) / "results")
        idle = [seconds(command) for _ in range(options.repeats)]
    rows = [
        {
            "run": name,
            "cases": options.cases,
            "shards": options.shards,
            "jobs": count,
            "wall_s_median": round(statistics.median(times), 2),
            "wall_s": " ".join(f"{t:.2f}" for t in times),
        }
        for name, count, times in (
            ("dry run of a fresh DAG", jobs, fresh),
            ("run with nothing to do", 0, idle),
        )
    ]
    write(rows)


def prepare(folder: Path, cases: int, shards: int) -> list[str]:
    """Write a sheet of cases whose files exist, and give the command that works on it."""
    (folder / "scan.nii.gz").touch()
    lines = ["case\tgroup\tsplit\tt1\tlabel"]
    lines += [f"case-{i:06d}\tpatient-{i // 2:06d}\ttrain\tscan.nii.gz\tscan.nii.gz" for i in range(cases)]
    (folder / "cases.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "my.yaml").write_text(
        f"workdir: {folder}/results\nshards: {shards}\n"
        f"data: {{cases: {folder}/cases.tsv, channels: {{t1: mr}}, labels: {{tumour: 1}}}}\n",
        encoding="utf-8",
    )
    base = [sys.executable, "-m", "snakemake", "--cores", "1", "-s", str(CHECKOUT / "Snakefile")]
    return [*base, "--configfile", str(folder / "my.yaml")]


def mark_as_done(command: list[str], results: Path) -> int:
    """Make every declared output as an empty file and let Snakemake record it; the number of jobs."""
    listed = subprocess.run([*command, "--summary"], capture_output=True, text=True, check=True).stdout
    outputs = [line.split("\t")[0] for line in listed.splitlines()[1:] if "\t" in line]
    for name in outputs:
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).touch()
    done = subprocess.run([*command, "--touch", "--forceall"], capture_output=True, text=True, check=True)
    found = re.search(r"^total +(\d+)$", done.stdout + done.stderr, re.MULTILINE)
    return int(found.group(1)) if found else 0


def seconds(command: list[str], *words: str) -> float:
    """Wall seconds of one run, which must succeed and, unless it is a dry run, have nothing to do."""
    started = time.perf_counter()
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=True)
    elapsed = time.perf_counter() - started
    if not words and "Nothing to be done" not in done.stdout + done.stderr:
        raise RuntimeError(f"something was to be done:\n{done.stdout}\n{done.stderr}")
    return elapsed


def write(rows: list[dict[str, object]]) -> None:
    """Write the table as TSV and as Markdown with versions and machine."""
    write_table(RESULTS / "dag.tsv", rows)
    head = list(rows[0])
    lines = ["# Cost of the DAG", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(row[name]) for name in head) + " |" for row in rows]
    versions = package_versions()
    lines += [
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {processor_name()}, Python {sys.version.split()[0]}, "
        f"snakemake {versions['snakemake']}, segmake {versions['segmake']}. Written by `benchmarks/dag.py`.",
    ]
    write_text(RESULTS / "dag.md", "\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
