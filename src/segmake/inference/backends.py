"""What runs a network: torch, or on a CPU OpenVINO where it is installed and earns back its start.

A forward pass takes windows [B, C, *patch] float32 and returns the finest logits [B, H, *patch] float32.
OpenVINO is faster on a CPU than torch, for it chooses layouts for the whole network, but converts and
compiles every model first. torch.compile takes longer to compile and gains less, and is left to training.
"""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from segmake.device import autocast, uses_bf16
from segmake.errors import ConfigError
from segmake.learning.networks import logits
from segmake.plan import Triple

Forward = Callable[[Tensor], Tensor]
CONVERSION_S = 6.0
"""Time to import OpenVINO, convert and compile one model (benchmarks/backends.py)."""
SAVED_S_PER_TFLOP = {"bf16": 2.0, "fp32": 5.0}
"""Time that OpenVINO saves against torch on two cores (benchmarks/backends.py)."""
UNCOUNTED = (RuntimeError, NotImplementedError, TypeError, ValueError)
UNEXPORTED = (*UNCOUNTED, AssertionError, AttributeError, KeyError)
"""What torch raises at networks that it cannot count on the meta device, or export."""


class Finest(nn.Module):
    """A network without the outputs that serve deep supervision alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Logits [B, H, ...] of images [B, C, ...]."""
        return logits(self.network, images)[0]


def torch_forward(network: nn.Module, device: torch.device, precision: str) -> Forward:
    """Run a network by torch."""

    def forward(windows: Tensor) -> Tensor:
        with autocast(device, precision):
            return logits(network, windows)[0].float()

    return forward


def openvino_forward(network: nn.Module, shape: Sequence[int], precision: str, threads: int) -> Forward:
    """Convert a network for windows [C, *patch] of this shape; a batch runs one window after the other."""
    ov = _import_openvino()
    half = uses_bf16(torch.device("cpu"), precision)
    options = {
        "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
    }
    finest, zeros = Finest(network).eval(), torch.zeros(1, *shape)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # torch's own, about torch
            # Nothing is computed, so it takes less memory than a trace.
            model = ov.convert_model(torch.export.export(finest, (zeros,)))
    except UNEXPORTED:
        model = ov.convert_model(finest, example_input=zeros)
    model.reshape([1, *shape])
    compiled = ov.Core().compile_model(model, "CPU", options)

    def forward(windows: Tensor) -> Tensor:
        outputs = [compiled(window[None].numpy())[0] for window in windows]
        return torch.cat([torch.from_numpy(output) for output in outputs])

    return forward


def _import_openvino() -> Any:
    """OpenVINO without its telemetry, which would send facts from the machine and write to the home folder.

    OpenVINO does without the package `openvino_telemetry` where it cannot be imported.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type] # the import system's word
    import openvino

    return openvino


def check_backend(wanted: str, device: torch.device) -> bool:
    """Whether OpenVINO can run networks on this device.

    Raises:
        ConfigError: openvino was asked for and is not there, or the device is no CPU.
    """
    there = device.type == "cpu" and find_spec("openvino") is not None
    if wanted == "openvino" and not there:
        reason = "the device is not cpu" if device.type != "cpu" else "OpenVINO is not installed"
        raise ConfigError(
            f"predict.backend is openvino, but {reason}; set it to auto, or install segmake[openvino]"
        )
    return there


def choose_backend(wanted: str, device: torch.device, precision: str, work: float, models: int) -> str:
    """The backend of a job, torch or openvino.

    Args:
        wanted: auto, torch or openvino.
        device: where networks run.
        precision: auto, fp32 or bf16.
        work: arithmetic of the whole job in FLOP, its cases that are done already included: what is
            left to do must not decide how a case is computed.
        models: how many would be converted.

    Raises:
        ConfigError: see `check_backend`.
    """
    there = check_backend(wanted, device)
    if wanted != "auto":
        return wanted
    saved = SAVED_S_PER_TFLOP["bf16" if uses_bf16(device, precision) else "fp32"] * work / 1e12
    return "openvino" if there and saved > CONVERSION_S * models else "torch"


def count_flop(network: nn.Module, channels: int, patch: Triple) -> float:
    """Arithmetic of one window in FLOP, counted on the meta device, which computes nothing; else 0."""
    meta = torch.device("meta")
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            logits(copy.deepcopy(network).to(meta).eval(), torch.empty(1, channels, *patch, device=meta))
    except UNCOUNTED:
        return 0.0
    return float(counter.get_total_flops())
