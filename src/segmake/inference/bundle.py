"""The texts of a MONAI bundle: what the models are, how a scan is prepared, and how scores become labels.

`inference.json` is made of MONAI's transforms alone, `inference_exact.json` calls segmake; docs/prediction.md
says where they differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from segmake.learning.checkpoint import TrainedModel
from segmake.plan import Normalisation, Plan

Config = dict[str, Any]
SCHEMA = (
    "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/meta_schema_20240725.json"
)
MODEL = "models/model.pt2"
RECIPE = "configs/recipe.json"
INTENDED_USE = (
    "Research. No medical device: whoever may judge the labels checks them, on scans like those that the "
    "models learned from."
)
PREDICTION = {"_mode_": "callable", "_target_": "segmake.stages.predict.run"}


def graph_plan(plan: Plan) -> Plan:
    """The plan of the exported graph: its outputs are classes, and names of cases stay at home."""
    return plan.model_copy(update={"regions": {}, "folds": {}})


def metadata(models: Sequence[TrainedModel], digests: Sequence[str]) -> Config:
    """metadata.json: what MONAI asks for, and under `segmake` what the models know of themselves.

    digests: SHA-256 of each model.pt. Names of cases are left out.
    """
    plan = models[0].plan
    return {
        "schema": SCHEMA,
        "version": "1.0.0",
        "changelog": {"1.0.0": f"exported by segmake {version('segmake')}"},
        "monai_version": version("monai"),
        "pytorch_version": version("torch").partition("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {"nibabel": version("nibabel"), "scipy": version("scipy")},
        "optional_packages_version": {"segmake": version("segmake")},
        "name": "Segmentation by segmake",
        "task": f"Segmentation of {', '.join(plan.labels)}",
        "description": f"{len(models)} networks ({models[0].settings.network}), averaged",
        "authors": "whoever trained it",
        "copyright": "whoever trained it",
        "intended_use": INTENDED_USE,
        "network_data_format": {"inputs": {"image": _image(plan)}, "outputs": {"pred": _scores(plan)}},
        "segmake": {
            "plan": plan.model_copy(update={"folds": {}}).model_dump(mode="json"),
            "models": [_training(*pair) for pair in zip(models, digests, strict=True)],
        },
    }


def _image(plan: Plan) -> Config:
    modality = next(iter(plan.channels.values()))
    return {
        "type": "image",
        "format": "magnitude" if modality == "mr" else "hounsfield" if modality == "ct" else "intensity",
        "modality": modality.upper(),
        "num_channels": len(plan.channels),
        "spatial_shape": list(plan.patch),
        "dtype": "float32",
        "value_range": [],
        "is_patch_data": True,
        "channel_def": {str(index): name for index, name in enumerate(plan.channels)},
    }


def _scores(plan: Plan) -> Config:
    names = ["background", *plan.labels]
    return {
        "type": "image",
        "format": "segmentation",
        "num_channels": len(names),
        "spatial_shape": list(plan.patch),
        "dtype": "float32",
        "value_range": [],
        "is_patch_data": True,
        "channel_def": {str(index): name for index, name in enumerate(names)},
    }


def _training(model: TrainedModel, digest: str) -> Config:
    """What is known of the training of one model."""
    return {
        "sha256": digest,
        "fold": model.fold,
        "seed": model.seed,
        "settings": model.settings.model_dump(mode="json"),
        "history": model.history,
        "versions": model.versions,
        "cases": {"training": len(model.training), "validation": len(model.validation)},
    }


def inference(plan: Plan) -> Config:
    """inference.json: a scan to a label map with MONAI alone."""
    values = plan.label_values
    mapped = {"orig_labels": list(range(len(values))), "target_labels": values}
    return {
        "imports": ["$import torch", "$from monai.data import MetaTensor"],
        "bundle_root": ".",
        "images": [f"{name}.nii.gz" for name in plan.channels],
        "output_dir": "$@bundle_root + '/eval'",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "network": f"$torch.export.load(@bundle_root + '/{MODEL}').module().to(@device)",
        "inferer": {
            "_target_": "SlidingWindowInferer",
            "roi_size": list(plan.patch),
            "sw_batch_size": 2,
            "overlap": 0.5,
            "mode": "gaussian",
        },
        "preprocessing": _composed(_preprocessing(plan)),
        "postprocessing": _composed(
            [
                {
                    "_target_": "Invertd",
                    "keys": "pred",
                    "transform": "@preprocessing",
                    "orig_keys": "image",
                    "nearest_interp": False,
                },
                {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
                {"_target_": "MapLabelValued", "keys": "pred", **mapped},
                {
                    "_target_": "SaveImaged",
                    "keys": "pred",
                    "output_dir": "@output_dir",
                    "output_postfix": "labels",
                    "output_dtype": "$torch.int16" if max(values) > 255 else "$torch.uint8",
                    "separate_folder": False,
                },
            ]
        ),
        "scan": "$@preprocessing({'image': @images})",
        "scores": "$@inferer(@scan['image'].as_tensor()[None].to(@device), @network)[0].cpu()",
        "initialize": ["$torch.set_grad_enabled(False)"],
        "run": ["$@postprocessing({**@scan, 'pred': MetaTensor(@scores)})"],
    }


def inference_exact(plan: Plan) -> Config:
    """inference_exact.json: the same by `segmake predict`, which must be installed."""
    return {
        "imports": ["$from pathlib import Path", "$from segmake.jobs import PredictJob"],
        "bundle_root": ".",
        "images": [f"{name}.nii.gz" for name in plan.channels],
        "output": "$@bundle_root + '/eval/labels.nii.gz'",
        "files": "$[Path(name) for name in @images]",
        "precision": "fp32",
        "model": "$[Path(@bundle_root)]",
        "job": "$PredictJob(model=@model, image=@files, output=Path(@output), precision=@precision)",
        "predict": PREDICTION,
        "run": ["$@predict(@job)"],
    }


def _preprocessing(plan: Plan) -> list[Config]:
    image = {"keys": "image"}
    steps: list[Config] = [
        {"_target_": "LoadImaged", **image},
        {"_target_": "EnsureChannelFirstd", **image},
        {"_target_": "Orientationd", **image, "axcodes": "RAS", "labels": None},
    ]
    if plan.crop == "nonzero":
        box = {"source_key": "image", "select_fn": "$lambda x: x != 0", "allow_smaller": True}
        steps.append({"_target_": "CropForegroundd", **image, **box})
    steps += _normalised(plan)
    grid = {"pixdim": list(plan.spacing_mm), "mode": plan.order, "padding_mode": "nearest"}
    return [*steps, {"_target_": "Spacingd", **image, **grid}]


def _normalised(plan: Plan) -> list[Config]:
    """Steps that make intensities comparable; channels of several kinds are taken apart for them."""
    schemes = [plan.normalisation[name] for name in plan.channels]
    if len(schemes) == 1 or (schemes[0].scheme != "ct" and schemes.count(schemes[0]) == len(schemes)):
        return _normaliser("image", schemes[0])
    keys = [f"image_{index}" for index in range(len(schemes))]
    steps = [step for key, scheme in zip(keys, schemes, strict=True) for step in _normaliser(key, scheme)]
    apart = {"_target_": "SplitDimd", "keys": "image", "output_postfixes": list(range(len(schemes)))}
    return [apart, *steps, {"_target_": "ConcatItemsd", "keys": keys, "name": "image"}]


def _normaliser(key: str, scheme: Normalisation) -> list[Config]:
    if scheme.scheme == "zscore":
        zscore = {"nonzero": scheme.masked, "channel_wise": True}
        return [{"_target_": "NormalizeIntensityd", "keys": key, **zscore}]
    if scheme.scheme == "minmax":
        return [{"_target_": "ScaleIntensityd", "keys": key, "minv": 0.0, "maxv": 1.0, "channel_wise": True}]
    if scheme.scheme == "ct":
        ends = {
            "a_min": scheme.lower,
            "a_max": scheme.upper,
            "b_min": (scheme.lower - scheme.mean) / scheme.std,
            "b_max": (scheme.upper - scheme.mean) / scheme.std,
        }
        return [{"_target_": "ScaleIntensityRanged", "keys": key, **ends, "clip": True}]
    return []


def _composed(steps: Sequence[Config]) -> Config:
    return {"_target_": "Compose", "transforms": list(steps)}


def readme(models: Sequence[TrainedModel]) -> str:
    """docs/README.md: what this is and how it is run."""
    plan = models[0].plan
    labels = "\n".join(f"- {value}: {name}" for name, value in plan.labels.items())
    spacing = " x ".join(f"{size:g}" for size in plan.spacing_mm)
    return f"""# Segmentation of {", ".join(plan.labels)}

{len(models)} networks ({models[0].settings.network}) trained by segmake, averaged in one graph.
{INTENDED_USE}

Channels, in this order: {", ".join(plan.channels)}. Grid: {spacing} mm.

Labels:

{labels}

With MONAI alone (`pip install monai nibabel scipy fire`):

    python -m monai.bundle run --config_file configs/inference.json --images "['scan.nii.gz']"

With segmake, voxel for voxel what it predicts (and cleaned by `configs/recipe.json` where there is one):

    segmake predict --model . --image scan.nii.gz --output labels.nii.gz
    python -m monai.bundle run --config_file configs/inference_exact.json --images "['scan.nii.gz']"

What the models learned from and how is in `configs/metadata.json` under `segmake`.
"""
