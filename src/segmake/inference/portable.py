"""Trained models as one graph that runs without the code that made them: ExportedProgram and ONNX."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from segmake.errors import ConfigError, InputError
from segmake.inference.bundle import MODEL, graph_plan
from segmake.learning import checkpoint
from segmake.learning.checkpoint import TrainedModel
from segmake.learning.networks import logits
from segmake.plan import Plan
from segmake.settings import TrainSettings

OPSET = 18
INPUT, OUTPUT = "image", "scores"


class ClassScores(nn.Module):
    """Models averaged: patches [B, C, *patch] to one score [B, classes, *patch] a class, background first.

    The label of a voxel is the class of the largest score, with overlapping regions too: those are decoded.
    """

    decoder: Tensor

    def __init__(self, models: Sequence[TrainedModel]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(model.network for model in models)
        self.register_buffer("decoder", torch.tensor(models[0].plan.decoder()))
        self.sigmoid = models[0].plan.sigmoid

    def forward(self, image: Tensor) -> Tensor:
        """Mean over the models, then heads to classes."""
        total = torch.stack([logits(network, image)[0] for network in self.networks]).mean(dim=0)
        return torch.einsum("kh,bhxyz->bkxyz", self.decoder, total) if self.sigmoid else total


def export_program(scores: ClassScores, image: Tensor) -> torch.export.ExportedProgram:
    """The graph for patches of the shape of `image` [2, C, *patch], with any number of them in a batch.

    Raises:
        InputError: the network does what a graph cannot hold.
    """
    try:
        with warnings.catch_warnings(), torch.inference_mode():
            warnings.simplefilter("ignore")  # of attributes that a forward pass leaves behind
            batch = {0: torch.export.Dim("batch", min=1)}
            return torch.export.export(scores.eval(), (image,), dynamic_shapes={"image": batch})
    except Exception as error:  # torch raises what it likes
        raise InputError(
            f"this network cannot be exported ({str(error).partition('.')[0]}); share its model.pt, which "
            "segmake predicts with"
        ) from error


def check_onnx() -> None:
    """Raise a ConfigError unless ONNX can be written here."""
    if find_spec("onnx") is None or find_spec("onnxscript") is None:
        raise ConfigError("ONNX needs onnx and onnxscript; run pip install 'segmake[export]'")


def save_onnx(program: torch.export.ExportedProgram, path: Path) -> None:
    """Write the graph as ONNX: input `image`, output `scores`."""
    check_onnx()
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells what it skips of torchvision
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.onnx.export(
            program,
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    if made is None:
        raise InputError("this network has no ONNX form; share the bundle's model.pt2 or the model.pt")
    made.save(str(path), external_data=False)


def load_model(path: Path, device: torch.device, trusted: str | None = None) -> TrainedModel:
    """A model.pt of train, or the folder of a bundle that `segmake export` wrote.

    Raises:
        InputError: it is neither.
    """
    if not path.is_dir():
        return checkpoint.load_model(path, device, trusted)
    about = path / "configs" / "metadata.json"
    try:
        known = json.loads(about.read_text(encoding="utf-8"))["segmake"]
        plan, first = Plan.model_validate(known["plan"]), known["models"][0]
        settings = TrainSettings.model_validate(first["settings"])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's words on its own code
            network = _Program(torch.export.load(path / MODEL).module())
    except Exception as error:  # torch raises what it likes
        raise InputError(f"{path} is no bundle of segmake export ({error}); export it again") from error
    facts = {name: first[name] for name in ("fold", "seed", "history", "versions")}
    return TrainedModel(network.to(device), graph_plan(plan), settings=settings, validation=[], **facts)


class _Program(nn.Module):
    """An exported graph as a network; it knows no training mode."""

    def __init__(self, graph: nn.Module) -> None:
        super().__init__()
        self.graph = graph

    def forward(self, image: Tensor) -> Tensor:
        """Class scores [B, classes, *patch]."""
        scores: Tensor = self.graph(image)
        return scores

    def __deepcopy__(self, memo: dict[int, object]) -> _Program:
        raise NotImplementedError("an exported graph stays on its device")

    def train(self, mode: bool = False) -> _Program:  # noqa: ARG002 - a graph refuses to be asked
        """Stay as exported."""
        return self
