"""MONAI's own way from files to a label map, with a network given to it: what its bundles do.

python predict_monai.py '{"images": [...], "output": "...", "model": "model.pt", ...}'
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from monai import transforms as mt
from monai.inferers import sliding_window_inference

from segmake.learning.checkpoint import load_model
from segmake.plan import Plan


def before(plan: Plan, names: list[str]) -> mt.Compose:
    """Load, orient, normalise, resample, stack."""
    scaling = []
    for name in names:
        scheme = plan.normalisation[name]
        if scheme.scheme == "ct":
            ends = [(end - scheme.mean) / scheme.std for end in (scheme.lower, scheme.upper)]
            scaling.append(mt.ScaleIntensityRanged(name, scheme.lower, scheme.upper, *ends, clip=True))
        else:
            scaling.append(mt.NormalizeIntensityd(name))
    return mt.Compose(
        [
            mt.LoadImaged(names),
            mt.EnsureChannelFirstd(names),
            mt.Orientationd(names, axcodes="RAS", labels=None),
            *scaling,
            mt.Spacingd(names, pixdim=plan.spacing_mm, mode="bilinear"),
            mt.ConcatItemsd(names, name="image"),
        ]
    )


def after(transform: mt.Compose, name: str, folder: Path) -> mt.Compose:
    """Probabilities back on the native grid, arg-max, save."""
    return mt.Compose(
        [
            mt.Activationsd("pred", softmax=True),
            mt.Invertd("pred", transform, orig_keys=name, nearest_interp=False, to_tensor=True),
            mt.AsDiscreted("pred", argmax=True),
            mt.SaveImaged(
                "pred",
                output_dir=str(folder),
                output_postfix="",
                separate_folder=False,
                output_dtype="uint8",
                resample=False,
                output_ext=".nii.gz",
                print_log=False,
            ),
        ]
    )


def main() -> None:
    """Predict one case."""
    orders: dict[str, Any] = json.loads(sys.argv[1])
    torch.set_num_threads(orders["threads"])
    model = load_model(Path(orders["model"]), torch.device("cpu"))
    names, output = list(model.plan.channels), Path(orders["output"])
    transform = before(model.plan, names)
    data = transform(dict(zip(names, orders["images"], strict=True)))
    with torch.inference_mode():
        data["pred"] = sliding_window_inference(
            data["image"][None], model.plan.patch, 1, model.network, orders["overlap"], mode="gaussian"
        )[0]
    folder = output.with_name(f"{output.name}.made")
    after(transform, names[0], folder)(data)
    next(folder.glob("*.nii.gz")).replace(output)


if __name__ == "__main__":
    main()
