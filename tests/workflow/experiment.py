"""A configuration and its results folder, and the real Snakefile run on them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
CHANNELS = {"t1": "mr", "t1ce": "mr", "t2": "mr", "flair": "mr"}
LABELS = {"necrosis": 1, "edema": 2, "enhancing": 4}


@dataclass(frozen=True)
class Experiment:
    """A configuration and its results folder."""

    folder: Path
    config: dict[str, Any]

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def command(self, *words: str) -> list[str]:
        overlay = self.folder / "overlay.yaml"
        overlay.write_text(yaml.safe_dump(self.config | {"workdir": str(self.results)}), encoding="utf-8")
        snakefile = str(CHECKOUT / "Snakefile")
        base = [sys.executable, "-m", "snakemake", "--configfile", str(overlay)]
        return [*base, "--cores", "1", "-s", snakefile, *words]

    def run(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run snakemake from the experiment's folder; show what it printed when it fails."""
        done = subprocess.run(
            self.command(*words), cwd=self.folder, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            pytest.fail(f"snakemake {' '.join(words)} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def planned(self, *words: str) -> dict[str, int]:
        """Jobs that a run would do, per rule (`all` left out)."""
        text = self.run("-n", *words)
        found = re.findall(r"^(\w+) +(\d+)$", text.stdout + text.stderr, re.MULTILINE)
        return {rule: int(count) for rule, count in found if rule not in ("all", "total")}

    def changed(self, **sections: Any) -> Experiment:
        """The same folder with other settings: `train={"lr": 1e-4}` changes one key of a section."""
        config = {**self.config}
        for name, value in sections.items():
            config[name] = {**config.get(name, {}), **value} if isinstance(value, dict) else value
        return Experiment(self.folder, config)

    def copy(self, folder: Path) -> Experiment:
        """The same experiment with a copy of its results (times kept, as Snakemake compares them)."""
        shutil.copytree(self.results, folder / "results")
        shutil.rmtree(folder / "results" / ".snakemake" / "locks", ignore_errors=True)
        return Experiment(folder, self.config)

    def log(self, name: str) -> str:
        return (self.results / "logs" / name).read_text(encoding="utf-8")


def new_experiment(phantoms: Path, folder: Path, count: int = 6) -> Experiment:
    """An experiment in `folder` on the first `count` phantoms, small enough to train in seconds."""
    folder.mkdir()
    config = {
        "shards": 2,
        "data": {"cases": str(sheet(phantoms, folder, count)), "channels": CHANNELS, "labels": LABELS},
        "plan": {
            "folds": 2,
            "spacing_mm": [6, 6, 6],
            "patch": [16, 16, 16],
            "batch": 2,
            "features": [4, 8, 8],
            "strides": [[1] * 3, [2] * 3, [2] * 3],
        },
        "train": {"folds": [0], "steps": 6, "checkpoint_minutes": 0.0001},
        "examples": {"worst": 1, "median": 0, "best": 1},
        "figures": {"formats": ["svg", "png"], "dpi": 60},
    }
    return Experiment(folder, config)


def sheet(phantoms: Path, folder: Path, count: int) -> Path:
    """Case sheet of the first phantoms, with absolute paths."""
    lines = phantoms.read_text(encoding="utf-8").splitlines()
    header = lines[0].split("\t")
    paths = [header.index(name) for name in (*CHANNELS, "label")]
    rows = [header]
    for line in lines[1 : count + 1]:
        row = line.split("\t")
        for column in paths:
            row[column] = str(phantoms.parent / row[column])
        rows.append(row)
    target = folder / "cases.tsv"
    target.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return target


def content(folder: Path, pattern: str) -> dict[str, bytes]:
    """Bytes of the files that match, by relative path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob(pattern))}
