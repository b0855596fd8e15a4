"""The published classifier: one file that rebuilds the network and says what its inputs and outputs mean.

Plain tensors and JSON text, as `checkpoint` writes them; nothing is ever unpickled.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from segmake.classification import FitSettings
from segmake.errors import InputError
from segmake.learning.checkpoint import check_trust, read, tensors, write
from segmake.learning.classifiers import build_classifier

CLASSIFIER = 1
"""Version of the file."""
MEAN, DEVIATION = 0.449, 0.226
"""Of grey values in [0, 1]: the mean over the colours of what ImageNet's networks were trained with."""
FACTS = (
    *("classes", "channels", "size", "multi_label", "fold", "seed", "training", "validation"),
    *("history", "versions", "compiled", "hashes", "start"),
)


@dataclass(frozen=True, eq=False)
class TrainedClassifier:
    """A network and everything needed to use it.

    classes: what its logits are about, in order; channels, size: of its input [B, channels, size, size],
    made by `normalise`; multi_label: classes do not exclude each other (sigmoid instead of softmax);
    training, validation: names of the cases it has and has not seen; history: its last figures (step, loss,
    val_auc); rates, compiled, hashes, start: as in `checkpoint.TrainedModel`.
    """

    network: nn.Module
    settings: FitSettings
    classes: list[str]
    channels: int
    size: int
    multi_label: bool
    fold: int
    seed: int
    training: list[str]
    validation: list[str]
    history: dict[str, float]
    versions: dict[str, str]
    rates: list[float] = field(default_factory=list)
    compiled: bool = False
    hashes: Mapping[str, str] = field(default_factory=dict)
    start: Mapping[str, Any] = field(default_factory=dict)


def normalise(images: Tensor) -> Tensor:
    """Bytes [B, C, S, S] as a classifier takes them: float32, on their device."""
    return images.float().sub_(255 * MEAN).div_(255 * DEVIATION)


def save_classifier(path: Path, model: TrainedClassifier) -> None:
    """Publish a classifier as one file that appears whole or not at all."""
    about = {name: getattr(model, name) for name in FACTS}
    about["settings"] = model.settings.model_dump(mode="json")
    rates = torch.tensor(model.rates, dtype=torch.float64)
    content = {"classifier": CLASSIFIER, "about": json.dumps(about), "rates": rates}
    write(content | {"weights": tensors(model.network)}, path)


def load_classifier(path: Path, device: torch.device, trusted: str | None = None) -> TrainedClassifier:
    """Rebuild a published classifier, ready to classify.

    Networks of MONAI and timm are made as they stand; any other is code that the file only names: it is
    imported when the caller names it too (`trusted`).

    Raises InputError when the file is no classifier of this format, or names code that nobody trusted.
    """
    content = read(path, device)
    if content.get("classifier") != CLASSIFIER:
        raise InputError(f"{path} is not a classifier of format {CLASSIFIER}; give a model.pt of fit")
    about = json.loads(content["about"])
    try:
        settings = FitSettings.model_validate(about["settings"])
        check_trust(path, settings.network, trusted)
        network = build_classifier(settings, about["channels"], len(about["classes"]), about["size"])
        network.load_state_dict(content["weights"])
    except (ValidationError, RuntimeError) as error:
        raise InputError(f"{path} was written by another segmake ({error}); fit it again") from error
    network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    facts = {name: about[name] for name in FACTS}
    return TrainedClassifier(network, settings, rates=content["rates"].tolist(), **facts)
