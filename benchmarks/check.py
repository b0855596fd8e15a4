"""Time `segmake index --check`: how long it takes to open and check every case of a folder.

    python benchmarks/check.py [--cases 1000] [--size 24] [--threads 2]

The cases are phantoms of four channels and a label map (five files each), made first and not timed. Writes
benchmarks/results/check.{tsv,md}.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from segmake.dataset.phantom import CHANNELS, LABELS
from segmake.provenance import package_versions, processor_name
from segmake.tables import write_table, write_text

RESULTS = Path(__file__).resolve().parent / "results"
SEGMAKE = (sys.executable, "-m", "segmake.cli")


def main() -> None:
    """Make the phantoms, time the check, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--size", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        sheet = Path(scratch) / "phantom" / "shard-00.tsv"
        words = [
            "--count",
            str(options.cases),
            "--size",
            str(options.size),
            "--threads",
            str(options.threads),
        ]
        subprocess.run([*SEGMAKE, "phantom", "--output", str(sheet), *words], check=True, capture_output=True)
        wall_s, told = check(sheet, options.threads)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    write(
        {
            "cases": options.cases,
            "files": options.cases * (len(CHANNELS["brats"]) + 1),
            "voxels_largest_axis": options.size,
            "processes": options.threads,
            "wall_s": f"{wall_s:.1f}",
            "ms_per_case": f"{1000 * wall_s / options.cases:.1f}",
            "peak_mb_per_process": f"{peak:.0f}",
            "result": told,
        }
    )


def check(sheet: Path, threads: int) -> tuple[float, str]:
    """Wall seconds of one check, start of the interpreter included, and the line it ends with."""
    flags = ["--channels", json.dumps(CHANNELS["brats"]), "--labels", json.dumps(LABELS["brats"])]
    command = [*SEGMAKE, "index", "sheet", str(sheet), "--check", "--threads", str(threads), *flags]
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wall_s = time.perf_counter() - started
    if done.returncode not in (0, 2):
        raise RuntimeError(f"the check failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return wall_s, done.stdout.splitlines()[-1]


def write(row: dict[str, object]) -> None:
    """Write the row as TSV and as Markdown with versions and machine."""
    write_table(RESULTS / "check.tsv", [row])
    versions = package_versions()
    lines = [
        "# Cost of checking a folder",
        "",
        "| " + " | ".join(row) + " |",
        "|" + "---|" * len(row),
        "| " + " | ".join(map(str, row.values())) + " |",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {processor_name()}, Python {sys.version.split()[0]}, "
        f"numpy {versions['numpy']}, segmake {versions['segmake']}. Written by `benchmarks/check.py`.",
    ]
    write_text(RESULTS / "check.md", "\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
