"""What the number of cases costs: planning, a run with nothing to do, one more case, one changed setting.

    python benchmarks/scale.py [--sizes 100 1000 10000 100000] [--real 100 1000] [--repeats 3] [--again]

`--sizes`: sheets of so many cases whose outputs are empty files that Snakemake takes for done; nothing runs.
`--real`: so many tiny scans (16 voxels a side) through the whole pipeline with a tiny network, which shows
what each stage costs a case beside its work. What is in benchmarks/results/scale.tsv already is not measured
again. Writes benchmarks/results/scale.{tsv,md,svg}, with fits and what they say of a million cases.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scale_data import write_real, write_sheet, write_touched
from segmake.dataset.sheet import shard_name
from segmake.operations.roster import read_roster
from segmake.tables import read_table, write_table

CHECKOUT = Path(__file__).resolve().parents[1]
TABLE = CHECKOUT / "benchmarks/results/scale.tsv"
PER_SHARD = 100
"""Cases in a shard."""
PARSE = """
import sys, pathlib, gc
from segmake.experiment import Experiment
import yaml
gc.disable()
found = Experiment.load(yaml.safe_load(open(sys.argv[1])), [pathlib.Path()], None)
[found.source_digest(shard) for shard in found.shards]
"""


@dataclass(frozen=True)
class Cost:
    """What a process took, and what it printed."""

    wall_s: float
    cpu_s: float
    memory_mb: float
    printed: str


def main() -> None:
    """Measure what is not in the table yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[100, 1000, 10_000, 100_000])
    parser.add_argument("--real", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--again", action="store_true", help="forget what was measured")
    options = parser.parse_args()
    rows = read_table(TABLE) if TABLE.exists() and not options.again else []
    for kind, sizes, measure in (("plan", options.sizes, planned), ("real", options.real, run_through)):
        for cases in sizes:
            if any((row["kind"], row["cases"]) == (kind, str(cases)) for row in rows):
                continue
            with tempfile.TemporaryDirectory() as scratch:
                for row in measure(Path(scratch), cases, options.repeats):
                    rows.append({"kind": kind, "cases": str(cases)} | row)
                    print(
                        "  ".join(f"{name} {value}" for name, value in rows[-1].items() if value), flush=True
                    )
            write_table(TABLE, sorted(rows, key=lambda row: (row["kind"], int(row["cases"]))))
    from scale_page import write_page  # a child's peak memory begins with that of its parent: this is large

    write_page(rows, TABLE)


def planned(folder: Path, cases: int, repeats: int) -> Iterable[dict[str, str]]:
    """Costs that need no work to be done."""
    shards = max(2, cases // PER_SHARD)
    config = write_sheet(folder, cases, shards)
    base = snakemake(config)
    yield cheapest("reading sheet and files", repeats, [sys.executable, "-c", PARSE, str(config)])
    first = cheapest("planning from nothing", repeats, [*base, "-n", "--quiet", "rules"])
    yield first | {"jobs": jobs_in(run([*base, "-n", "--quiet", "rules"]).printed)}
    commands = re.findall(r"segmake --log .*", run([*base, "-n", "-p"]).printed)
    longest = max(map(words_in_bytes, (command for command in commands if re.search(r"{\d+\.\.", command))))
    yield {"measure": "longest command", "bytes": str(longest), "shards": str(shards)}
    write_touched(base, folder / "results")
    yield cheapest("nothing to do", repeats, base)
    yield cheapest(
        "what each cluster job parses",
        repeats,
        [*base, "-n", "--quiet", "rules", "--", f"convert/shard-{shard_name(0, shards)}.tsv"],
    )
    changed = [*base, "-n", "--quiet", "rules", "--config", "evaluate={nsd_tolerance_mm: 2.0}"]
    yield cheapest("one changed setting, planned", repeats, changed) | {"jobs": jobs_in(run(changed).printed)}
    write_sheet(folder, cases, shards, new=1)
    more = [*base, "-n", "--quiet", "rules"]
    yield cheapest("one more case, planned", repeats, more) | {"jobs": jobs_in(run(more).printed)}


def run_through(folder: Path, cases: int, repeats: int) -> Iterable[dict[str, str]]:
    """The whole pipeline on tiny scans, then nothing to do, one more case, one changed setting."""
    shards = max(2, cases // PER_SHARD)
    config = write_real(folder, cases, shards)
    base = [*snakemake(config, cores=len(os.sched_getaffinity(0))), "--quiet", "all"]
    yield row_of("whole pipeline", run(base))
    seconds = stage_seconds(folder / "results")
    for stage, (total, jobs) in seconds.items():
        each = 1000 * total / cases
        yield {
            "measure": f"stage {stage}",
            "wall_s": f"{total:.1f}",
            "jobs": str(jobs),
            "ms_per_case": f"{each:.1f}",
        }
    yield cheapest("nothing to do", repeats, base)
    write_real(folder, cases, shards, new=1)
    yield row_of("one more case", run(base)) | {"jobs": str(ran(folder / "results"))}
    yield row_of("one changed setting", run([*base, "--config", "evaluate={nsd_tolerance_mm: 2.0}"]))


def snakemake(config: Path, cores: int = 1) -> list[str]:
    """Command that works on a configuration."""
    base = [sys.executable, "-m", "snakemake", "--cores", str(cores), "-s", str(CHECKOUT / "Snakefile")]
    return [*base, "--configfile", str(config)]


def run(command: list[str]) -> Cost:
    """Run a command to its end; peak memory is that of its largest process."""
    with tempfile.TemporaryFile("w+") as out:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, text=True)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - started
        out.seek(0)
        printed = out.read()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{printed[-4000:]}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, printed)


def cheapest(measure: str, repeats: int, command: list[str]) -> dict[str, str]:
    """The fastest of several runs: others on the machine can only make it slower."""
    return row_of(measure, min((run(command) for _ in range(repeats)), key=lambda cost: cost.wall_s))


def row_of(measure: str, cost: Cost) -> dict[str, str]:
    """A row of the table."""
    numbers = {"wall_s": cost.wall_s, "cpu_s": cost.cpu_s, "memory_mb": cost.memory_mb}
    return {"measure": measure} | {name: f"{value:.2f}" for name, value in numbers.items()}


def words_in_bytes(command: str) -> int:
    """Bytes of all words of a command, once bash has written the files in braces out."""
    return len(
        subprocess.run(["bash", "-c", f"printf '%s ' {command}"], capture_output=True, check=True).stdout
    )


def jobs_in(printed: str) -> str:
    """How many jobs a dry run plans."""
    found = re.search(r"^total +(\d+)$", printed, re.MULTILINE)
    return found[1] if found else "0"


def stage_seconds(results: Path) -> dict[str, tuple[float, int]]:
    """Wall seconds of all jobs of each stage, by their benchmark files, and how many they were."""
    found: dict[str, tuple[float, int]] = {}
    for path in sorted((results / "benchmarks").rglob("*.tsv")):
        stage = path.relative_to(results / "benchmarks").parts[0]
        seconds, jobs = found.get(stage, (0.0, 0))
        found[stage] = (seconds + float(read_table(path)[0]["s"]), jobs + 1)
    return found


def ran(results: Path) -> int:
    """Jobs that the last run had to do."""
    return sum(entry.todo for entry in read_roster(results).entries)


if __name__ == "__main__":
    main()
