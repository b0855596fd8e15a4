"""Trainings done again for a few steps, to see whether they give the same weights.

A training is repeated from the manifest beside its model: the same settings, inputs and threads, with the
learning rates that the model remembers, in a process of its own and a folder that is removed again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segmake.configuration import flags
from segmake.errors import InputError
from segmake.jobs import FitJob, TrainJob
from segmake.provenance import END, Manifest, base_folder, manifest_path, read_manifest
from segmake.seal import sealed
from segmake.tables import hash_path, write_text

JOBS: dict[str, type[TrainJob] | type[FitJob]] = {"train": TrainJob, "fit": FitJob}
"""Stages that train."""
REPLACED = ("tables", "output", "replay", "replay_steps", "mlflow")
"""Settings that are not those of the training that is repeated."""


@dataclass(frozen=True)
class Repetition:
    """What came of repeating a training: the step whose weights differ first, None where none does."""

    steps: int
    differs: int | None
    circumstances: str
    """What was recorded to be different then."""

    @property
    def sentence(self) -> str:
        """The result in words."""
        if self.differs is None:
            return f"the weights are the same after step {self.steps}"
        return f"the weights differ after step {self.differs} ({self.circumstances})"


def find_trainings(folder: Path) -> list[Path]:
    """Manifests of the trainings below a folder."""
    found = sorted(folder.rglob(f"*{END}"))
    return [path for path in found if read_manifest(path).get("stage") in JOBS]


def repeat(path: Path, steps: int) -> Repetition:
    """Repeat the first steps of the training whose manifest this is; an equal one is noted in the manifest.

    Steps are hashed at 1, 10 and 100 and at the end: the last of these up to `steps` is where it stops.

    Raises:
        InputError: the manifest says nothing of weights, an input has changed since, or training fails.
    """
    manifest = read_manifest(path)
    before = manifest.get("reproducibility", {})
    weights: Mapping[str, str] = before.get("weights", {})
    marks = sorted(int(step) for step in weights if int(step) <= steps)
    if not marks:
        raise InputError(f"{path} holds no hash of weights; train this model again with this segmake")
    job = JOBS[manifest["stage"]].model_validate(manifest["settings"])
    base = base_folder(path, str(job.output))
    for name, digest in manifest["inputs"].items():
        if not (base / name).exists() or hash_path(base / name) != digest:
            raise InputError(f"{base / name} is not what {path.parent} was trained on; train it again")
    now = _train(job, path.parent / manifest["output"], base, marks[-1])
    again = now["reproducibility"]["weights"]
    different = [mark for mark in marks if weights[str(mark)] != again.get(str(mark))]
    if not different:
        verified = {"level": "verified", "repeated_steps": marks[-1]}
        write_text(path, sealed(manifest | {"reproducibility": before | verified}))
    return Repetition(marks[-1], different[0] if different else None, circumstances(manifest, now))


def circumstances(before: Manifest, now: Manifest) -> str:
    """What two manifests say differently about where and by what they were made."""
    sides = [
        {"processor": side["processor"], "device": side["reproducibility"]["device"]}
        | {"processes": side["reproducibility"].get("processes", [1])}
        | {"Python": side["python"], **side["packages"]}
        for side in (before, now)
    ]
    names = dict.fromkeys([*sides[0], *sides[1]])
    changed = [
        f"{name}: {sides[0].get(name, 'none')} then, {sides[1].get(name, 'none')} now"
        for name in names
        if sides[0].get(name) != sides[1].get(name)
    ]
    if changed:
        return "; ".join(changed)
    return f"versions, processor and device are the same; it was {before['reproducibility']['level']}"


def _train(job: TrainJob | FitJob, model: Path, base: Path, steps: int) -> Manifest:
    """Train again with the rates of a model; the manifest of what came out."""
    with tempfile.TemporaryDirectory() as scratch:
        output, stage = Path(scratch) / "model.pt", "fit" if isinstance(job, FitJob) else "train"
        command = [sys.executable, "-m", "segmake.cli", stage, *flags(job, leave_out=REPLACED)]
        command += ["--tables", *map(str, job.tables), "--output", str(output)]
        command += ["--replay", str(model.absolute()), "--replay_steps", str(steps)]
        done = subprocess.run(command, cwd=base, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["no word"])[-1]
            raise InputError(f"{model} could not be repeated: {said}")
        return read_manifest(manifest_path(output))
