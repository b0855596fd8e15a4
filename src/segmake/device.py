"""Where and how precisely networks run: shared by training and inference."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

from segmake.errors import ConfigError


def choose_device(name: str) -> torch.device:
    """The device called auto, cpu or cuda.

    Raises:
        ConfigError: CUDA was asked for and there is none.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device is cuda, but there is no usable CUDA device; set device to auto or cpu")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def gpu_ids() -> list[str]:
    """What the GPUs that this process may use (CUDA_VISIBLE_DEVICES counts) are, in torch's order."""
    return [str(torch.cuda.get_device_properties(i).uuid) for i in range(torch.cuda.device_count())]


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Context in which a network runs in bf16 (or in fp32, when that was asked or bf16 would not pay)."""
    if uses_bf16(device, precision):
        return torch.autocast(device.type, dtype=torch.bfloat16)
    return nullcontext()


def uses_bf16(device: torch.device, precision: str) -> bool:
    """Whether `precision` (auto, fp32, bf16) means bf16 on this device."""
    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return _cpu_has_bf16()


def _cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 in hardware; without it, emulation is slower than fp32."""
    try:
        words = Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return False
    return bool({"avx512_bf16", "amx_bf16", "bf16"} & set(words))
