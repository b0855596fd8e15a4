"""Peak memory of predicting large volumes, foretold and measured, from disk to label map on disk.

    python benchmarks/predict_memory.py [--quick] [--memory-gb 4]

A phantom CT and a tiny network of many heads, so that it is not the network that takes the time: how much
memory a volume takes does not depend on how long its windows take. Each prediction runs in a process of its
own whose largest resident memory the kernel tells; `segmake predict --estimate` says before what it
expects. Volumes whose memory the machine does not have are left out. Writes
benchmarks/results/predict_memory.{tsv,md}.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from nnunet import bullets
from peak import run_measured
from predict_model import CT, plan_of
from segmake.learning.checkpoint import TrainedModel, save_model
from segmake.learning.networks import build
from segmake.provenance import package_versions, processor_name
from segmake.settings import TrainSettings
from segmake.tables import write_table, write_text
from segmake.volume.geometry import empty_volume
from segmake.volume.nifti import write_nifti
from segmake.volume.volume import Volume

RESULTS = Path(__file__).resolve().parent / "results"
OVERLAP = "0.25"  # memory does not depend on it, and time does
SEGMAKE = [sys.executable, "-m", "segmake.cli"]


@dataclass(frozen=True)
class Trial:
    """A volume and the grid its model works on."""

    shape: tuple[int, int, int]
    spacing_mm: tuple[float, float, float]
    classes: int
    planned_mm: tuple[float, float, float]
    memory_gb: float

    @property
    def logits_gb(self) -> float:
        """What float32 logits of all classes at native size would take."""
        return 4 * self.classes * float(np.prod(self.shape)) / 1e9


def phantom(trial: Trial, path: Path) -> None:
    """A cylinder of tissue with slow waves in air; int16, as scanners give."""
    x, y, z = (np.linspace(-1, 1, n, dtype=np.float32) for n in trial.shape)
    data = empty_volume(1, trial.shape, np.dtype(np.int16))
    body = x[:, None] ** 2 + y[None] ** 2 < 0.7
    for k, height in enumerate(z):
        waves = 300 * np.sin(9 * x[:, None] + 5 * height) * np.cos(7 * y[None])
        data[0, :, :, k] = np.where(body, waves, -1000).astype(np.int16)
    write_nifti(path, Volume(data, np.diag([*trial.spacing_mm, 1.0])))


def model(trial: Trial, path: Path) -> None:
    """A network that costs next to nothing, with a head for every class."""
    labels = {f"organ{value}": value for value in range(1, trial.classes)}
    plan = plan_of({"ct": "ct"}, labels, trial.planned_mm, (96, 96, 96), [4, 8, 8], {"ct": CT})
    settings = TrainSettings(deep_supervision=False)
    network = build(settings.network, {}, plan, deep_supervision=False)
    save_model(path, TrainedModel(network.eval(), plan, 0, settings, 0, [], {}, {}))


def run(trial: Trial, threads: int, work: Path) -> dict[str, str]:
    """Estimate, then predict, one volume."""
    image, weights = work / "image.nii.gz", work / "model.pt"
    phantom(trial, image)
    model(trial, weights)
    words = ["--model", str(weights), "--image", str(image), "--threads", str(threads)]
    words += ["--memory_gb", str(trial.memory_gb), "--backend", "torch", "--overlap", OVERLAP]
    told = subprocess.run(
        [*SEGMAKE, "predict", *words, "--estimate"], check=True, capture_output=True, text=True
    ).stdout
    found = re.search(r"At most (\d+) MB and about (\d+) s", told)
    if found is None:
        raise RuntimeError(f"no estimate in {told}")
    done = run_measured([*SEGMAKE, "predict", *words, "--output", str(work / "labels.nii.gz")])
    return {
        "voxels": "x".join(map(str, trial.shape)),
        "classes": str(trial.classes),
        "spacing_mm": "x".join(map(str, trial.spacing_mm)),
        "planned_mm": "x".join(map(str, trial.planned_mm)),
        "memory_gb": f"{trial.memory_gb:g}",
        "estimated_mb": found[1],
        "peak_mb": f"{done.peak_mb:.0f}",
        "estimated_s": found[2],
        "wall_s": f"{done.wall_s:.0f}",
        "float_logits_gb": f"{trial.logits_gb:.1f}",
    }


def trials(quick: bool, memory_gb: float) -> list[Trial]:
    """A routine chest CT, then a whole body with twenty classes on a coarser and on its own grid."""
    chest = Trial((512, 512, 99), (0.8, 0.8, 3.0), 4, (1.5, 1.5, 1.5), memory_gb)
    if quick:
        return [chest]
    body = [(0.8, 0.8, 1.0), 20]
    large = [Trial((512, 512, 800), body[0], body[1], mm, memory_gb) for mm in ((1.5,) * 3, body[0])]
    return [chest, *large, Trial((512, 512, 800), body[0], body[1], (1.5,) * 3, memory_gb / 2)]


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the chest CT alone")
    parser.add_argument("--memory-gb", type=float, default=4.0, help="predict.memory_gb")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    rows = []
    for trial in trials(options.quick, options.memory_gb):
        if there < 1.5 * trial.memory_gb:
            print(f"left out: {trial} on a machine with {there:.0f} GB")
            continue
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(run(trial, options.threads, Path(scratch)))
        print(rows[-1], flush=True)
    facts = {
        "date": time.strftime("%Y-%m-%d"),
        "processor": f"{processor_name()}, {options.threads} threads",
        "versions": ", ".join(f"{k} {v}" for k, v in package_versions().items() if k in ("segmake", "torch")),
    }
    write_table(RESULTS / "predict_memory.tsv", rows)
    names = list(rows[0])
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    lines += ["| " + " | ".join(row.values()) + " |" for row in rows]
    head = (
        "# Memory of prediction: foretold and measured\n\nFrom a .nii.gz on disk to a label map on disk, the "
    )
    head += "whole process. `float_logits_gb`: what logits of all classes at native size would take alone."
    write_text(RESULTS / "predict_memory.md", "\n".join([head, "", *lines, "", bullets(facts), ""]))


if __name__ == "__main__":
    main()
