"""Cases and small trained models for the benchmarks of prediction.

What is compared is how a network is applied, not how well it segments; but labels agree or differ only
where a network has learned something. So a small DynUNet is trained here on the case itself, for a few
steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from segmake.device import autocast
from segmake.learning.checkpoint import TrainedModel, save_model
from segmake.learning.networks import build
from segmake.plan import Normalisation, Plan
from segmake.prepare.case import prepare, prepare_label
from segmake.settings import TrainSettings
from segmake.volume.geometry import to_canonical
from segmake.volume.nifti import write_nifti
from segmake.volume.read import read_volume
from segmake.volume.volume import Array, Volume

TISSUE = {"lung": 1, "soft": 2, "bone": 3}
TUMOUR = {"necrosis": 1, "edema": 2, "non_enhancing": 3, "enhancing": 4}
CT = Normalisation(scheme="ct", lower=-990.0, upper=600.0, mean=-350.0, std=420.0)
ZSCORE = Normalisation(scheme="zscore")


@dataclass(frozen=True)
class Example:
    """A case, where its channels lie as canonical NIfTI, and how it is planned."""

    name: str
    images: list[Path]
    plan: Plan
    label: Volume


def chest(data: Path, work: Path, features: list[int], coarse: float = 1.0) -> Example:
    """The chest CT at 1.5 mm (times `coarse`); lung, soft tissue and bone by thresholds."""
    folder = next((data / "chest_ct_dicom").iterdir())
    image = to_canonical(read_volume(folder))
    path = work / "chest.nii.gz"
    write_nifti(path, image)
    hu = image.data[0]
    index = np.select([hu < -950, hu < -400, hu < 200], [0, 1, 2], 3).astype(np.uint8)
    plan = plan_of({"ct": "ct"}, TISSUE, (1.5 * coarse,) * 3, (96, 96, 96), features, {"ct": CT})
    return Example("chest", [path], plan, Volume(index[np.newaxis], image.affine))


def brats(data: Path, work: Path, features: list[int], coarse: float = 1.0) -> Example:
    """The first BraTS 2015 case at 1 mm (times `coarse`), two channels, with the labels of its raters."""
    folder = next(path for path in sorted((data / "brats2015").rglob("*")) if list(path.glob("*Flair*")))
    names = {"t1ce": "*T1c*", "flair": "*Flair*"}
    images = []
    for name, pattern in names.items():
        image = to_canonical(read_volume(next(folder.glob(pattern))))
        images.append(work / f"brats_{name}.nii.gz")
        write_nifti(images[-1], image)
    label = to_canonical(read_volume(next(folder.glob("OTMultiClass*"))))
    channels, schemes = dict.fromkeys(names, "mr"), dict.fromkeys(names, ZSCORE)
    plan = plan_of(channels, TUMOUR, (coarse,) * 3, (96, 96, 96), features, schemes)
    return Example("brats", images, plan, Volume(label.data.astype(np.uint8), label.affine))


def plan_of(
    channels: dict[str, str],
    labels: dict[str, int],
    spacing: tuple[float, float, float],
    patch: tuple[int, int, int],
    features: list[int],
    schemes: dict[str, Normalisation],
) -> Plan:
    """A plan made by hand; nothing is cropped, as the peers do not crop either."""
    depth = len(features)
    fields = {
        "channels": channels,
        "labels": labels,
        "spacing_mm": spacing,
        "patch": patch,
        "batch": 2,
        "features": features,
        "kernels": [(3, 3, 3)] * depth,
        "strides": [(1, 1, 1), *[(2, 2, 2)] * (depth - 1)],
        "normalisation": schemes,
        "crop": "none",
        "median_shape": patch,
    }
    return Plan.model_validate(fields)


def train(example: Example, steps: int, path: Path, size: int = 48) -> Path:
    """Train a DynUNet on random patches of the case, write model.pt."""
    plan = example.plan
    data = np.concatenate([read_volume(image).data for image in example.images])
    prepared = prepare(Volume(data, example.label.affine), plan)
    index = prepare_label(example.label, prepared, plan)
    settings = TrainSettings(deep_supervision=False)
    network = build(settings.network, {}, plan, deep_supervision=False)
    optimizer = torch.optim.AdamW(network.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    random = np.random.default_rng(0)
    for _ in range(steps):
        images, truth = zip(*(_patch(prepared.data, index, size, random) for _ in range(2)), strict=True)
        with autocast(torch.device("cpu"), "auto"):
            output = network(torch.from_numpy(np.stack(images)))
        loss = nn.functional.cross_entropy(output.float(), torch.from_numpy(np.stack(truth)).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    save_model(path, TrainedModel(network.eval(), plan, 0, settings, 0, [], {}, {}))
    print(f"{example.name}: cross entropy {loss.item():.3f} after {steps} steps", flush=True)
    return path


def _patch(data: Array, index: Array, size: int, random: np.random.Generator) -> tuple[Array, Array]:
    """A random patch, two times out of three round a foreground voxel."""
    centre = random.integers(0, index.shape)
    if random.random() < 2 / 3:
        found = np.argwhere(index[::4, ::4, ::4] > 0) * 4
        centre = found[random.integers(len(found))]
    start = [int(np.clip(c - size // 2, 0, n - size)) for c, n in zip(centre, index.shape, strict=True)]
    box = tuple(slice(a, a + size) for a in start)
    return data[(slice(None), *box)], index[box]


def untrained(patch: tuple[int, int, int], features: list[int]) -> TrainedModel:
    """A network with random weights for one MR channel and two labels at 1 mm."""
    labels = {"anterior": 1, "posterior": 2}
    plan = plan_of({"mr": "mr"}, labels, (1.0, 1.0, 1.0), patch, features, {"mr": ZSCORE})
    settings = TrainSettings(deep_supervision=False)
    network = build(settings.network, {}, plan, deep_supervision=False)
    return TrainedModel(network.eval(), plan, 0, settings, 0, [], {}, {})
