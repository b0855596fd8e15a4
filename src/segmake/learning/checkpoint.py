"""What training leaves on disk: the published model and the rolling state.

Both are plain tensors and JSON text, read with `weights_only=True`; nothing is ever unpickled. Equal content
gives equal bytes.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from segmake.errors import InputError
from segmake.learning.networks import build
from segmake.plan import Plan
from segmake.settings import TrainSettings

FORMAT = 1
OPEN = "monai.networks.nets."
"""Networks that a model may name without being trusted."""
OPTIONAL = ("compiled", "training", "hashes", "start")
"""Facts that a model of an earlier segmake does not have."""
PACKAGES = ("segmake", "torch", "monai", "numpy")


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network and everything needed to use it.

    validation: names of the cases it has not seen; history: its last figures (steps, loss, val_dice);
    rates, compiled: learning rate of each step and whether the network was compiled, to repeat the training;
    training: names of the cases it learned from; hashes: SHA-256 of the weights in training, by step;
    start: what came from `train.init_from`.
    """

    network: nn.Module
    plan: Plan
    fold: int
    settings: TrainSettings
    seed: int
    validation: list[str]
    history: dict[str, float]
    versions: dict[str, str]
    rates: list[float] = field(default_factory=list)
    compiled: bool = False
    training: list[str] = field(default_factory=list)
    hashes: dict[str, str] = field(default_factory=dict)
    start: dict[str, Any] = field(default_factory=dict)


def versions() -> dict[str, str]:
    """Versions of the packages that shape a model."""
    return {name: version(name) for name in PACKAGES}


def tensors(network: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers by name, on the CPU."""
    return {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}


def save_model(path: Path, model: TrainedModel) -> None:
    """Publish a model as one file that appears whole or not at all."""
    about = {
        "plan": model.plan.model_dump(mode="json"),
        "settings": model.settings.model_dump(mode="json"),
        "fold": model.fold,
        "seed": model.seed,
        "validation": model.validation,
        "history": model.history,
        "versions": model.versions,
        "compiled": model.compiled,
        "training": model.training,
        "hashes": model.hashes,
        "start": model.start,
    }
    rates = torch.tensor(model.rates, dtype=torch.float64)
    content = {"format": FORMAT, "about": json.dumps(about), "rates": rates}
    write(content | {"weights": tensors(model.network)}, path)


def load_model(path: Path, device: torch.device, trusted: str | None = None) -> TrainedModel:
    """Rebuild a published model, ready to predict.

    A network of MONAI is made as it stands. Any other is code that the file only names: it is imported
    when the caller names it too (`trusted`).

    Raises InputError when the file is not a model of this format, or names code that nobody trusted.
    """
    content = read(path, device)
    if content.get("format") != FORMAT:
        raise InputError(f"{path} is not a segmake model of format {FORMAT}; give a model.pt of train")
    about = json.loads(content["about"])
    try:
        plan, settings = Plan.model_validate(about["plan"]), TrainSettings.model_validate(about["settings"])
        check_trust(path, settings.network, trusted)
        network = build(settings.network, settings.options, plan, settings.deep_supervision)
        network.load_state_dict(content["weights"])
    except (ValidationError, RuntimeError) as error:
        raise InputError(f"{path} was written by another segmake ({error}); train it again") from error
    facts = {name: about[name] for name in ("fold", "seed", "validation", "history", "versions")}
    if "rates" in content:  # as of segmake 0.2
        facts |= {"rates": content["rates"].tolist()}
        facts |= {name: about[name] for name in OPTIONAL if name in about}
    return TrainedModel(network.to(device).eval(), plan, settings=settings, **facts)


def check_trust(path: Path, network: str, trusted: str | None) -> None:
    """Let no file name code to import that nobody else named.

    Raises InputError.
    """
    if "." in network and not network.startswith(OPEN) and network != trusted:
        raise InputError(
            f"{path} is made of the network {network}, code of another package that would be imported; if "
            f"you trust that package and whoever gave you the file, add --trust {network}"
        )


def write(content: Mapping[str, Any], path: Path) -> None:
    """Write tensors, numbers and text beside their place, flush them to disk, rename them into place."""
    buffer = io.BytesIO()  # a buffer, because torch puts the name of a file into its bytes
    torch.save(dict(content), buffer)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with scratch.open("wb") as stream:
            stream.write(buffer.getbuffer())
            stream.flush()
            os.fsync(stream.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)  # half a file must not keep a full disk full


def read(path: Path, device: torch.device) -> dict[str, Any]:
    """Read what `write` wrote."""
    try:
        content: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}; correct the path") from error
    except Exception as error:  # what torch says of damaged bytes is many lines about pickles
        raise InputError(
            f"{path} cannot be read: it is damaged, or no file of segmake; train again"
        ) from error
    return content
