"""Patches on disk as slice leaves them, and classifiers whose answers can be told in advance."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from segmake.classification import FitSettings
from segmake.learning.classifier import TrainedClassifier, save_classifier
from segmake.tables import hash_path, write_table
from segmake.volume.store import save_patches

SIZE = 16
CLASSES = ["benign", "malignant"]


class Brightness(nn.Module):
    """Logits 0 and the mean of the upper less the lower half, plus what its fold adds."""

    def __init__(self, in_channels=1, num_classes=2, p=0.0):
        super().__init__()
        self.keep = nn.Conv2d(in_channels, 1, 1, bias=False)
        nn.init.ones_(self.keep.weight)
        self.shift = nn.Parameter(torch.zeros(()))
        self.drop = nn.Dropout(p)
        self.classes = num_classes

    def forward(self, x):
        half = x.shape[-2] // 2
        kept = self.drop(self.keep(x))
        score = kept[..., :half, :].mean((1, 2, 3)) - kept[..., half:, :].mean((1, 2, 3)) + self.shift
        return torch.stack([torch.zeros_like(score)] * (self.classes - 1) + [score], dim=1)


def classifier(path, fold, training=(), shift=0.0, classes=CLASSES, **settings):
    """A published classifier of one fold."""
    options = settings.pop("options", {})
    fit = FitSettings(network="patch_cases.Brightness", options=options, **settings)
    network = Brightness(num_classes=len(classes), **options)
    with torch.no_grad():
        network.shift.fill_(shift)
    facts = {"seed": 0, "training": list(training), "validation": [], "history": {}, "versions": {}}
    model = TrainedClassifier(network, fit, list(classes), 1, SIZE, fit.multi_label, fold, **facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_classifier(path, model)
    return path


def picture(contrast, channels=1):
    """A patch whose upper half is brighter by this (0 to 255)."""
    patch = np.full((channels, SIZE, SIZE), 100, dtype=np.uint8)
    patch[:, : SIZE // 2] += np.uint8(contrast)
    return patch


def slice_table(folder: Path, cases, name="shard-00"):
    """Table of slice for cases: dicts with case, patches (arrays), and perhaps split, class, lesions."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for case in cases:
        patches = case.get("patches", [])
        kinds = case.get("classes", [case.get("class", "")] * len(patches))
        lesions = case.get("lesions", [""] * len(patches))
        details = [
            {
                "patch": str(i),
                "lesion": lesion,
                "class": kind,
                "x_mm": 10.0 * i,
                "y_mm": 5.0,
                "z_mm": -3.0,
                "dhash": "",
            }
            for i, (kind, lesion) in enumerate(zip(kinds, lesions, strict=True))
        ]
        path = folder / f"{case['case']}.b2nd"
        save_patches(path, np.stack(patches) if patches else np.zeros((0, 1, SIZE, SIZE), dtype=np.uint8))
        columns = {"group": case.get("group", case["case"]), "site": "", "split": case.get("split", "train")}
        columns |= {"class": case.get("class", ""), "patches": str(len(patches)), "channels": "1"}
        record = {"case": case["case"], "stage": "slice", "key": "k", "path": path.name, "columns": columns}
        record |= {"files": {path.name: hash_path(path)}, "details": {"patches": details}}
        (folder / f"{case['case']}.json").write_text(json.dumps(record), encoding="utf-8")
        rows.append(
            {"case": case["case"], "path": path.name, "key": "k", "status": "ok", "reason": ""} | columns
        )
    write_table(folder / f"{name}.tsv", rows)
    return folder / f"{name}.tsv"


def fold_table(path, folds):
    """Table of divide: case -> fold or None."""
    rows = [{"case": c, "group": c, "split": "", "fold": "" if f is None else f} for c, f in folds.items()]
    write_table(path, rows, ("case", "group", "split", "fold"))
    return path
