"""Kill Snakemake, its jobs and the daemons of Slurm at random during the demo; it must end as if undisturbed.

    python benchmarks/chaos.py [--kills 30] [--seed 0] [--steps 700] [--output FOLDER]

Every kill is SIGKILL. A killed daemon is started again after some seconds, as its supervisor would. After a
kill of Snakemake (and whenever it gives up) the operator does what docs/operations.md says: ends the jobs
that are left, unlocks, starts the same command again. Needs root, slurm-wlm and munge. Writes
benchmarks/results/chaos.{tsv,md}, and fails when a bit differs from the undisturbed run on this machine or a
file that was there before a kill is gone.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psutil

from cluster import CHECKOUT, SlurmNode, changed, command, hashes, kept, start, where
from segmake.tables import write_table, write_text

DAEMONS = ("munged", "slurmctld", "slurmd")
VICTIMS = ("Snakemake", "job", "job", *DAEMONS)
PAUSE_S = (2.0, 10.0)
DOWN_S = (0.5, 5.0)
PATIENCE_S = 15.0
SHELLS = ("bash", "sh", "slurm_script")
Row = dict[str, object]


@dataclass
class Run:
    """A run of the demo on Slurm that is disturbed, and what was seen of it."""

    folder: Path
    words: list[str]
    node: SlurmNode
    drawn: random.Random
    rows: list[Row] = field(default_factory=list)
    published: dict[str, int] = field(default_factory=dict)
    starts: int = 0

    def __post_init__(self) -> None:
        self.process = self.begin()

    def begin(self) -> subprocess.Popen[bytes]:
        """Start Snakemake, as anybody would do."""
        self.starts += 1
        return start(self.folder, self.words, self.node.environment)

    def begin_again(self) -> None:
        """What docs/operations.md says after Snakemake has died: end the jobs, unlock, the same command."""
        self.process.wait()
        deadline = time.monotonic() + 120
        while self.node.command("squeue", "-h") and time.monotonic() < deadline:
            self.node.command("scancel", "--user", str(os.geteuid()))
            time.sleep(1)
        unlock = [*self.words, "--unlock"]
        subprocess.run(unlock, cwd=self.folder, env=self.node.environment, capture_output=True, check=True)
        self.process = self.begin()

    def disturb(self) -> None:
        """Wait, kill one process, and help what was killed up again."""
        self._wait(self.drawn.uniform(*PAUSE_S))
        if self.process.poll() == 0:
            return
        if self.process.poll():
            self.begin_again()
        self.published |= times(self.folder)
        kind = self.drawn.choice(VICTIMS)
        victim = self._victim(kind)
        kind = "slurmd" if victim.pid == self.node.daemons["slurmd"].pid else kind
        name = f"{kind}: {describe(victim)}" if kind == "job" else kind
        self.rows.append({"kill": len(self.rows) + 1, "killed": name, "files": len(self.published)})
        victim.kill()
        if kind in DAEMONS:
            self.node.daemons[kind].wait()
            time.sleep(self.drawn.uniform(*DOWN_S))
            self.node.revive(kind)
        elif kind == "Snakemake":
            self.begin_again()

    def finish(self) -> None:
        """Let it come to its end, started again when it gives up."""
        while self._await_end():
            if self.starts > 3 * (len(self.rows) + 3):
                raise RuntimeError(f"it does not end: {self.folder / 'snakemake.log'}")
            self.begin_again()

    def _await_end(self) -> int:
        """Exit code of Snakemake. Jobs that Slurm takes for running when nothing runs need slurmd anew.

        The end of a job is not told while munged is down; slurmctld counts jobs when slurmd registers.
        """
        seen = time.monotonic()
        while self.process.poll() is None:
            time.sleep(1)
            if processes_of_jobs():
                seen = time.monotonic()
            elif time.monotonic() - seen > 2 * PATIENCE_S:
                self.node.daemons["slurmd"].kill()
                self.node.daemons["slurmd"].wait()
                self.node.revive("slurmd")
                seen = time.monotonic()
        return self.process.wait()

    def _wait(self, seconds: float) -> None:
        """Some time, or until the run has ended."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            time.sleep(0.05)

    def _victim(self, kind: str) -> psutil.Process:
        """A process of the kind; of jobs any of theirs, waiting for one to run."""
        if kind != "job":
            found = self.process if kind == "Snakemake" else self.node.daemons[kind]
            return psutil.Process(found.pid)
        deadline = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline:
            if jobs := processes_of_jobs():
                return self.drawn.choice(jobs)
            time.sleep(0.1)
        return psutil.Process(self.node.daemons["slurmd"].pid)


def processes_of_jobs() -> list[psutil.Process]:
    """What runs below the processes that supervise a job: its Snakemake and the stage, shells left out."""
    found = []
    for supervisor in psutil.process_iter(["name"]):
        if supervisor.info["name"] == "slurmstepd":
            with suppress(psutil.Error):  # it ends while it is asked
                found += [
                    child for child in supervisor.children(recursive=True) if child.name() not in SHELLS
                ]
    return sorted(found, key=lambda process: process.pid)


def describe(process: psutil.Process) -> str:
    """Which stage a process runs; the job's own Snakemake otherwise."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return "gone"
    if "--log" in words:
        return words[words.index("--log") + 1].rpartition("logs/")[2].removesuffix(".log")
    return "its Snakemake"


def times(folder: Path) -> dict[str, int]:
    """When each kept file was written."""
    return {name: path.stat().st_mtime_ns for name, path in kept(folder / "results").items()}


def main() -> None:
    """Run undisturbed here, disturbed on Slurm, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--output", type=Path, default=CHECKOUT / "benchmarks" / "results")
    options = parser.parse_args()
    settings = {"shards": 4, "train": {"steps": options.steps, "checkpoint_minutes": 0.05}}
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "plain"
        if start(plain, command(plain, settings, slurm=False), os.environ).wait():
            sys.exit(f"the undisturbed run failed:\n{(plain / 'snakemake.log').read_text()[-4000:]}")
        expected = hashes(plain / "results")
        node = SlurmNode(Path(scratch) / "slurm")
        node.start()
        begun = time.perf_counter()
        try:
            run = disturbed(Path(scratch) / "chaos", settings, node, options)
        finally:
            node.stop()
        took = time.perf_counter() - begun
        differing = changed(expected, hashes(run.folder / "results"))
        after = times(run.folder)
    lost = sorted(run.published.keys() - after.keys())
    again = [name for name, time_ns in run.published.items() if after.get(name, time_ns) != time_ns]
    facts = {
        "kills": ", ".join(f"{name} {count}" for name, count in kinds(run.rows).items()),
        "Snakemake was started": f"{run.starts} times",
        "files compared with the undisturbed run": len(expected),
        "files that differ": ", ".join(differing) or "none",
        "files that were there before a kill and are gone": ", ".join(lost) or "none",
        "files that were there before a kill and were written again": len(again),
        "from the first start to the end": f"{took:.0f} s",
    }
    write(options.output, run.rows, facts)
    if differing or lost or len(run.rows) < options.kills:
        sys.exit("not as it must be: files differ or are gone, or the demo ended before all kills were done")


def disturbed(folder: Path, settings: dict[str, object], node: SlurmNode, options: argparse.Namespace) -> Run:
    """The demo on Slurm, with all the kills."""
    words = command(folder, settings, slurm=True)
    run = Run(folder, words, node, random.Random(options.seed))  # noqa: S311  moments, no secrets
    try:
        while len(run.rows) < options.kills and run.process.poll() != 0:
            run.disturb()
        run.finish()
    finally:
        run.process.kill()
    return run


def kinds(rows: list[Row]) -> Counter[str]:
    """How often each kind was killed."""
    return Counter(str(row["killed"]).partition(":")[0] for row in rows)


def write(output: Path, rows: list[Row], facts: dict[str, object]) -> None:
    """Write the kills in their order, and how it ended."""
    write_table(output / "chaos.tsv", rows)
    lines = ["# The demo on Slurm, killed at random", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    lines += ["", "| kill | SIGKILL to | result files by then |", "|---|---|---|"]
    lines += [f"| {row['kill']} | {row['killed']} | {row['files']} |" for row in rows]
    lines += ["", f"{datetime.now(UTC):%Y-%m-%d}, {where()}. Written by `benchmarks/chaos.py`."]
    write_text(output / "chaos.md", "\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
