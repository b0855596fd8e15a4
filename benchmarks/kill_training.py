"""Kill a training at random moments under Snakemake with retries; its weights must be as if undisturbed.

    python benchmarks/kill_training.py [--kills 10] [--steps 300] [--configfile config/config.yaml] [--seed 0]

Each kill is SIGKILL to the training process alone; Snakemake tries again, and is started again when its
retries are spent. Writes benchmarks/results/kill_training.{tsv,md} (or to --output) and fails when a single
bit differs.
"""

from __future__ import annotations

import argparse
import csv
import random
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import psutil

from segmake.provenance import package_versions, processor_name
from segmake.tables import hash_path, write_table, write_text

CHECKOUT = Path(__file__).resolve().parents[1]
MODEL = "train/*/fold-*/model.pt"
EVENTS = "train/*/fold-*/state/tensorboard/*"
Row = dict[str, object]


def main() -> None:
    """Prepare once, train twice, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--configfile", type=Path, default=CHECKOUT / "config" / "config.yaml")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=CHECKOUT / "benchmarks" / "results")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        plain, killed = Path(scratch) / "plain", Path(scratch) / "killed"
        overlay = Path(scratch) / "overlay.yaml"
        training = f"{{steps: {options.steps}, minutes: null, folds: [0], checkpoint_minutes: 0.005}}"
        overlay.write_text(f"train: {training}\n", encoding="utf-8")
        command = ["--configfile", str(options.configfile.resolve()), str(overlay), "--config"]
        finish(start(command, plain, "resample"))
        shutil.copytree(plain, killed)
        begun = time.perf_counter()
        finish(start(command, plain, "train"))
        rows = kill(command, killed, moments(options.kills, trained_seconds(plain), options.seed))
        whole = time.perf_counter() - begun
        hashes = [hash_path(next(folder.glob(MODEL))) for folder in (plain, killed)]
        final = next(killed.glob("logs/train/*/fold-*.log")).read_text(encoding="utf-8")
    rows.append({"attempt": len(rows) + 1, "killed_after_s": "", "found": resumed(final)})
    write(options.output, rows, hashes, f"{options.steps} steps, {whole:.0f} s for both trainings")
    if hashes[0] != hashes[1]:
        sys.exit("the models differ")


def start(command: list[str], workdir: Path, until: str) -> subprocess.Popen[bytes]:
    """Start Snakemake on a workdir."""
    words = [sys.executable, "-m", "snakemake", "--cores", "1", "-s", str(CHECKOUT / "Snakefile"), *command]
    words += [f"workdir={workdir}", "--until", until, "--rerun-incomplete", "--quiet"]
    return subprocess.Popen(words, cwd=workdir.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def finish(process: subprocess.Popen[bytes]) -> None:
    """Wait for the end of a run, which must succeed."""
    if process.wait():
        raise RuntimeError(f"{' '.join(map(str, process.args))} failed")  # type: ignore[arg-type]


def trained_seconds(workdir: Path) -> float:
    """What all steps of the training took."""
    with next(workdir.glob("train/*/fold-*/history.csv")).open(encoding="utf-8", newline="") as stream:
        return 60 * float(list(csv.DictReader(stream))[-1]["minutes"])


def await_training(process: subprocess.Popen[bytes], workdir: Path, known: int) -> None:
    """Return when training begins, which is when one more file of events is there (or when the run ends)."""
    while process.poll() is None and len(list(workdir.glob(EVENTS))) <= known:
        time.sleep(0.01)


def moments(kills: int, seconds: float, seed: int) -> list[float]:
    """Seconds of training before each kill; together less than the training takes."""
    drawn = random.Random(seed)  # noqa: S311  moments, no secrets
    points = sorted(drawn.uniform(0, 0.8 * seconds) for _ in range(kills))
    return [late - early for early, late in zip([0.0, *points], points, strict=False)]


def kill(command: list[str], workdir: Path, delays: list[float]) -> list[Row]:
    """Train to the end in spite of the kills."""
    rows: list[Row] = []
    process = start(command, workdir, "train")
    for number, delay in enumerate(delays, start=1):
        known = len(list(workdir.glob(EVENTS)))
        await_training(process, workdir, known)
        if process.poll() is not None:  # its retries are spent
            process = start(command, workdir, "train")
            await_training(process, workdir, known)
        log = next(workdir.glob("logs/train/*/fold-*.log")).read_text(encoding="utf-8")
        time.sleep(delay)
        victim = training(process)
        rows.append({"attempt": number, "killed_after_s": f"{delay:.2f}", "found": resumed(log)})
        victim.kill()
        victim.wait(60)
    while process.wait():
        process = start(command, workdir, "train")
    return rows


def training(process: subprocess.Popen[bytes]) -> psutil.Process:
    """The process below Snakemake that trains."""
    for child in psutil.Process(process.pid).children(recursive=True):
        words = child.cmdline()
        if "train" in words and "python" in Path(words[0]).name:
            return child
    raise RuntimeError("training was over before it was killed; give more --steps")


def resumed(log: str) -> str:
    """Which step an attempt went on after, as its log says."""
    found = [line.partition("going on after ")[2] for line in log.splitlines() if "going on after" in line]
    return found[-1].partition(" (")[0] if found else "nothing"


def write(output: Path, rows: list[Row], hashes: list[str], what: str) -> None:
    """Write the attempts and both hashes."""
    write_table(output / "kill_training.tsv", rows)
    same = "the same" if hashes[0] == hashes[1] else "NOT the same"
    lines = ["# Training killed at random moments", "", f"{len(rows) - 1} kills, {what}.", ""]
    lines += ["| attempt | went on after | killed after seconds of training |", "|---|---|---|"]
    lines += [f"| {row['attempt']} | {row['found']} | {row['killed_after_s'] or 'not'} |" for row in rows]
    lines += ["", f"SHA-256 of model.pt: undisturbed {hashes[0]}, killed {hashes[1]}: {same}.", ""]
    versions = package_versions()
    made = ", ".join(f"{name} {versions[name]}" for name in ("segmake", "torch", "snakemake"))
    date = f"{datetime.now(UTC):%Y-%m-%d}"
    lines += [f"{date}, {processor_name()}, {made}. Written by `benchmarks/kill_training.py`."]
    write_text(output / "kill_training.md", "\n".join(lines) + "\n")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
