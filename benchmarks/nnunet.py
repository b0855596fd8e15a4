"""nnU-Net as a peer: its folders, its commands in its own virtual environment, the machine.

Shared by the benchmarks against it; they name the environment with --nnunet-env.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from segmake.tables import write_text

DATASET = "Dataset004_Peer"
CONFIGURATION = "3d_fullres"
TRAINER = Path(__file__).with_name("nnunet_trainer.py")


@dataclass(frozen=True)
class Timed:
    """Wall and processor seconds of one command."""

    step: str
    wall_s: float
    cpu_s: float


def timed(step: str, command: list[str], env: Mapping[str, str] | None = None) -> Timed:
    """Run a command to its end; raise with its output when it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False
    )
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Timed(step, wall, cpu)


def folders(folder: Path) -> dict[str, str]:
    """Where nnU-Net finds its data and leaves its results, in its own words."""
    return {f"nnUNet_{name}": str(folder / name) for name in ("raw", "preprocessed", "results")}


def preprocess(
    env: Path, root: Path, folder: Path, processes: int, spacing: tuple[str, ...] = ()
) -> list[Timed]:
    """Link an MSD folder into nnU-Net's layout (untimed) and run its plan_and_preprocess."""
    raw = folder / "raw" / DATASET
    for name in ("imagesTr", "labelsTr"):
        (raw / name).mkdir(parents=True)
    header = json.loads((root / "dataset.json").read_text())
    for entry in header["training"]:
        image, label = ((root / entry[part]).resolve() for part in ("image", "label"))
        (raw / "imagesTr" / image.name.replace(".nii.gz", "_0000.nii.gz")).symlink_to(image)
        (raw / "labelsTr" / label.name).symlink_to(label)
    about = {
        "channel_names": header["modality"],
        "labels": {name: int(value) for value, name in header["labels"].items()},
        "numTraining": len(header["training"]),
        "file_ending": ".nii.gz",
    }
    write_text(raw / "dataset.json", json.dumps(about))
    two = str(processes)
    command = [str(env / "bin" / "nnUNetv2_plan_and_preprocess"), "-d", "4", "-c", CONFIGURATION]
    command += ["-npfp", two, "-np", two, "--no_pbar"]
    command += ["-overwrite_target_spacing", *spacing] if spacing else []
    return [timed("nnU-Net plan_and_preprocess", command, folders(folder))]


def plans(folder: Path) -> dict[str, Any]:
    """What nnU-Net planned for its configuration (axes in z, y, x order)."""
    path = folder / "preprocessed" / DATASET / "nnUNetPlans.json"
    planned: dict[str, Any] = json.loads(path.read_text())["configurations"][CONFIGURATION]
    return planned


def split(folder: Path, training: list[str], validation: list[str]) -> None:
    """Give nnU-Net these cases as its fold 0."""
    path = folder / "preprocessed" / DATASET / "splits_final.json"
    write_text(path, json.dumps([{"train": training, "val": validation}]))


def train(env: Path, folder: Path, orders: Mapping[str, Any]) -> dict[str, Any]:
    """Train fold 0 on the CPU by nnunet_trainer.py in nnU-Net's environment.

    Args:
        env: virtual environment with nnunetv2.
        folder: where `preprocess` and `split` worked.
        orders: seconds, steps, threads, validate; see nnunet_trainer.py.

    Returns:
        What the trainer wrote (steps, seconds, predict_s, ...) and `predictions`, the folder of the label
        maps of the validation cases.
    """
    done = folder / "done.json"
    given = {"dataset": DATASET, "configuration": CONFIGURATION, "done": str(done)} | dict(orders)
    command = [str(env / "bin" / "python"), str(TRAINER), json.dumps(given)]
    timed("nnU-Net train", command, folders(folder))
    found: dict[str, Any] = json.loads(done.read_text())
    results = folder / "results" / DATASET / f"TrainerOnABudget__nnUNetPlans__{CONFIGURATION}"
    return found | {"predictions": results / "fold_0" / "validation"}


def machine(env: Path) -> dict[str, str]:
    """What a benchmark ran on and with."""
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    code = "from importlib.metadata import version as v; print(v('nnunetv2'), v('torch'))"
    found = subprocess.run(
        [str(env / "bin" / "python"), "-c", code], capture_output=True, text=True, check=True
    )
    nnunet, torch = found.stdout.split()
    ours = ", ".join(f"{name} {version(name)}" for name in ("torch", "monai", "numpy", "blosc2"))
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": f"{model}, {os.cpu_count()} cores",
        "load before the start": f"{os.getloadavg()[0]:.1f}",
        "Python": platform.python_version(),
        "segmake": f"{version('segmake')} ({ours})",
        "nnU-Net": f"{nnunet} (torch {torch})",
    }


def bullets(values: Mapping[str, Any]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {name}: {value}" for name, value in values.items())
