"""The demo through the real Snakefile, on this machine or on the one-node Slurm that the tests start.

One thread per job everywhere, since the number of threads may change the last bit of a sum.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from segmake.provenance import package_versions, processor_name
from segmake.tables import hash_path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(CHECKOUT / "tests" / "workflow"))
from slurm_node import SlurmNode  # noqa: E402  it stands beside the tests that it is for

PROFILE = CHECKOUT / "workflow" / "profiles" / "slurm"
SLURM = [
    *("--workflow-profile", str(PROFILE), "--latency-wait", "5"),
    *(
        "--slurm-status-command",
        "squeue",
        "--slurm-no-account",
        "--slurm-init-seconds-before-status-checks",
        "7",
    ),
]
"""What one node without accounting needs, and what makes it quick to notice an end."""
KEPT = (
    "phantom/*.nii.gz",
    "convert/*.nii.gz",
    "plan/plan.json",
    "resample/*.b2nd",
    "train/*/*/model.pt",
    "predict/*/*.nii.gz",
    "evaluate/*/*.tsv",
    "evaluate/*.tsv",
    "postprocess/*/*.tsv",
)
"""Label maps, volumes, weights and result tables; tables of a shard differ with the number of shards."""

__all__ = ["CHECKOUT", "SlurmNode", "changed", "command", "hashes", "kept", "start", "where"]


def command(folder: Path, settings: Mapping[str, Any], slurm: bool) -> list[str]:
    """Snakemake on the demo with other settings and a results folder below `folder`.

    On the CPU: the profile asks for a GPU, which Slurm only pretends to have.
    """
    overlay = folder / "overlay.yaml"
    folder.mkdir(parents=True, exist_ok=True)
    here = {name: {"device": "cpu", **settings.get(name, {})} for name in ("train", "predict")}
    made = {**settings, **here, "workdir": str(folder / "results")}
    overlay.write_text(yaml.safe_dump(made), encoding="utf-8")
    demo = CHECKOUT / "config" / "config.yaml"
    words = [sys.executable, "-m", "snakemake", "-s", str(CHECKOUT / "Snakefile"), "--max-threads", "1"]
    words += SLURM if slurm else ["--cores", "2", "--rerun-incomplete"]
    return [*words, "--configfile", str(demo), str(overlay)]


def start(folder: Path, words: list[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start a run; what it says is appended to snakemake.log."""
    with (folder / "snakemake.log").open("ab") as log:
        return subprocess.Popen(words, cwd=folder, env=dict(environment), stdout=log, stderr=log)


def kept(results: Path) -> dict[str, Path]:
    """Files that do not depend on where, when and in how many pieces they were made, by relative path."""
    found = (path for pattern in KEPT for path in sorted(results.glob(pattern)))
    return {str(path.relative_to(results)): path for path in found if not path.name.startswith("shard-")}


def hashes(results: Path) -> dict[str, str]:
    """SHA-256 of the kept files by relative path."""
    return {name: hash_path(path) for name, path in kept(results).items()}


def changed(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Files that are not in both or not the same."""
    return sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))


def where() -> str:
    """Machine and versions, for the end of a table."""
    versions = package_versions()
    slurm = subprocess.run(["slurmctld", "-V"], capture_output=True, text=True, check=True).stdout.strip()
    made = ", ".join(f"{name} {versions[name]}" for name in ("segmake", "torch", "snakemake"))
    return f"{processor_name()}, {made}, {slurm}"
