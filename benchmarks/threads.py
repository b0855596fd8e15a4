"""Jobs beside each other on one machine: libraries told how many threads to use, and left to themselves.

    python benchmarks/threads.py [--cases 16] [--size 96] [--jobs 2] [--repeats 3]

Each job resamples the same phantoms (matrix products, compression) into a folder of its own, as Snakemake
would start it: with its share of the cores as `--threads`. Left to itself, each worker process takes as many
threads as the environment variables say that Snakemake sets (`snakemake`), or as there are cores (`bare`).
Writes benchmarks/results/threads.{tsv,md}.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from segmake.provenance import package_versions, processor_name
from segmake.tables import write_table, write_text

RESULTS = Path(__file__).resolve().parent / "results"
UNTOLD = """
import sys
from contextlib import nullcontext
import segmake.ledger
segmake.ledger.limited = lambda count: nullcontext()
from segmake.cli import main
sys.exit(main())
"""
VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
"""What Snakemake sets for a shell command."""


def main() -> None:
    """Prepare the cases once, time every way, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=16)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    threads = max(1, cores // options.jobs) + 1  # one more, so that there is a pool on two cores as well
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        prepare(folder, options.cases, options.size)
        found: dict[str, list[tuple[float, float, int]]] = {}
        for repeat in range(options.repeats):
            for way in ("told", "snakemake", "bare"):
                cost = together(folder / f"{way}{repeat}", folder, way, options.jobs, threads)
                found.setdefault(way, []).append(cost)
    rows = [
        {
            "libraries": way,
            "jobs": options.jobs,
            "threads": threads,
            "cores": cores,
            "wall_s_median": f"{statistics.median(cost[0] for cost in costs):.2f}",
            "cpu_s_median": f"{statistics.median(cost[1] for cost in costs):.2f}",
            "threads_at_most": max(cost[2] for cost in costs),
        }
        for way, costs in found.items()
    ]
    write(rows)


def prepare(folder: Path, cases: int, size: int) -> None:
    """Phantoms, converted and planned."""
    table = ["--output", str(folder / "phantom/shard-00.tsv")]
    segmake("phantom", "--count", str(cases), "--size", str(size), "--test", "0", *table)
    meaning = ["--channels", '{"t1":"mr","t1ce":"mr","t2":"mr","flair":"mr"}']
    meaning += ["--labels", '{"necrosis":1,"edema":2,"enhancing":4}']
    output = ["--output", str(folder / "convert/shard-00.tsv")]
    segmake("convert", "--cases", table[1], *meaning, *output, "--threads", "2")
    pins = ["--folds", "2", "--spacing_mm", "[0.8,0.8,0.8]"]
    segmake("plan", "--tables", output[1], *meaning, *pins, "--output", str(folder / "plan.json"))


def segmake(*words: str) -> None:
    """Run a sub-command to its end."""
    subprocess.run([sys.executable, "-m", "segmake.cli", *words], check=True, capture_output=True)


def together(place: Path, folder: Path, way: str, jobs: int, threads: int) -> tuple[float, float, int]:
    """Wall and processor seconds of several jobs at a time, and the most threads that they had together."""
    head = [sys.executable, "-m", "segmake.cli"] if way == "told" else [sys.executable, "-c", UNTOLD]
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    if way != "bare":
        environment |= dict.fromkeys(VARIABLES, str(threads))
    words = ["resample", "--table", str(folder / "convert/shard-00.tsv"), "--plan", str(folder / "plan.json")]
    words += ["--threads", str(threads)]
    before, started = os.times(), time.perf_counter()
    running = [
        subprocess.Popen(
            [*head, *words, "--output", str(place / f"{number}/shard-00.tsv")],
            env=environment,
            stderr=subprocess.DEVNULL,
        )
        for number in range(jobs)
    ]
    most, stop = [0], threading.Event()
    watcher = threading.Thread(target=watch, args=([job.pid for job in running], most, stop))
    watcher.start()
    codes = [job.wait() for job in running]
    wall, after = time.perf_counter() - started, os.times()
    stop.set()
    watcher.join()
    assert codes == [0] * jobs
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, most[0]


def watch(pids: list[int], most: list[int], stop: threading.Event) -> None:
    """Keep the largest number of threads that these processes and their children have at a time."""
    while not stop.wait(0.02):
        count = 0
        for pid in pids:
            with suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                count += sum(len(list(Path(f"/proc/{each}/task").iterdir())) for each in (pid, *children))
        most[0] = max(most[0], count)


def write(rows: list[dict[str, object]]) -> None:
    """Write the table as TSV and as Markdown with versions and machine."""
    write_table(RESULTS / "threads.tsv", rows)
    head = list(rows[0])
    lines = ["# Jobs beside each other", "", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(row[name]) for name in head) + " |" for row in rows]
    lines += [
        "",
        "`told`: as segmake runs; `snakemake`: libraries go by the variables that Snakemake sets; `bare`: by "
        f"the number of cores. {datetime.now(UTC):%Y-%m-%d}, {processor_name()}, Python "
        f"{sys.version.split()[0]}, segmake {package_versions()['segmake']}. "
        "Written by `benchmarks/threads.py`.",
    ]
    write_text(RESULTS / "threads.md", "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
