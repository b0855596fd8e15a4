"""A trained nnU-Net v2 as a predictor: its own program, run on cases in its own layout.

The folder is what nnU-Net calls trainer__plans__configuration: dataset.json, plans.json, and fold_<k>/ with
the weights and, in validation/, the label maps of the training cases by the fold that did not see them.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from segmake.errors import InputError
from segmake.plan import Plan
from segmake.tables import hash_path
from segmake.volume.nifti import write_nifti
from segmake.volume.read import read_volume
from segmake.volume.volume import Volume

WEIGHTS = "checkpoint_final.pth"
ENDING = ".nii.gz"


def check_model(folder: Path, plan: Plan) -> list[str]:
    """The folds that are trained, after a look at channels and file ending.

    Raises:
        InputError: the folder is no trained nnU-Net, or one for other images than the plan's.
    """
    try:
        about = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
        channels, ending = dict(about["channel_names"]), about["file_ending"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder} is no trained nnU-Net v2 ({error}); name its trainer__plans__configuration folder"
        ) from error
    folds = sorted(path.parent.name.removeprefix("fold_") for path in folder.glob(f"fold_*/{WEIGHTS}"))
    if not folds:
        raise InputError(f"{folder} holds no fold_*/{WEIGHTS}; wait for nnU-Net's training to end")
    if len(channels) != len(plan.channels) or ending != ENDING:
        raise InputError(
            f"the nnU-Net in {folder} takes {len(channels)} channels as {ending}, the data have "
            f"{len(plan.channels)} ({', '.join(plan.channels)}) as {ENDING}; name a model for these data"
        )
    return folds


def model_digest(folder: Path) -> str:
    """Hash of the plans and weights."""
    files = [folder / "plans.json", *sorted(folder.glob(f"fold_*/{WEIGHTS}"))]
    return "".join(hash_path(path)[:16] for path in files)


def validation_maps(folder: Path) -> dict[str, tuple[str, Path]]:
    """Training case -> the fold that did not see it, and its label map."""
    return {
        path.name.removesuffix(ENDING): (path.parents[1].name.removeprefix("fold_"), path)
        for path in sorted(folder.glob(f"fold_*/validation/*{ENDING}"))
        if path.parents[1].name != "fold_all"
    }


def predict(
    command: Sequence[str], folder: Path, folds: Sequence[str], images: dict[str, Path], output: Path
) -> None:
    """Predict canonical images by name into `output`, a label map each, in one run of the program.

    command: how it is called; the channels of an image are written beside `output` for it.

    Raises:
        InputError: the program is not there, or it failed.
    """
    inputs = output.with_name(f"{output.name}-images")
    inputs.mkdir(parents=True)
    for case, path in images.items():
        image = read_volume(path)
        for number, channel in enumerate(image.data):
            write_nifti(inputs / f"{case}_{number:04d}{ENDING}", Volume(channel[None], image.affine))
    words = [*command, "-i", str(inputs), "-o", str(output), "-m", str(folder), "-f", *folds]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except OSError as error:
        raise InputError(
            f"{command[0]} cannot be run ({error.strerror}); give the command of your nnU-Net, such as "
            "command: [/path/to/nnunet/bin/nnUNetv2_predict_from_modelfolder]"
        ) from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise InputError(f"{command[0]} ended with code {done.returncode} and said: {said}")
