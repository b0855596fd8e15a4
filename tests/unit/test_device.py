from pathlib import Path

import pytest
import torch

from segmake import device
from segmake.device import autocast, choose_device, uses_bf16
from segmake.errors import ConfigError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def has_cuda(monkeypatch):
    def pretend(answer: bool) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: answer)

    return pretend


def test_auto_takes_cuda_where_there_is_one(has_cuda):
    has_cuda(True)
    assert choose_device("auto") == choose_device("cuda") == CUDA
    assert choose_device("cpu") == CPU
    has_cuda(False)
    assert choose_device("auto") == choose_device("cpu") == CPU


def test_cuda_that_is_not_there_is_explained(has_cuda):
    has_cuda(False)
    with pytest.raises(ConfigError, match="no usable CUDA device; set device to auto or cpu"):
        choose_device("cuda")


@pytest.mark.parametrize(
    ("flags", "expected"), [("fpu avx512_bf16", True), ("fpu avx2", False), ("bf16", True)]
)
def test_auto_follows_the_processor(monkeypatch, flags, expected):
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: f"processor : 0\nflags : {flags} vme\n")
    assert uses_bf16(CPU, "auto") is expected


def test_an_unknown_processor_runs_in_full_precision(monkeypatch):
    def refuse(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", refuse)
    assert not uses_bf16(CPU, "auto")


@pytest.mark.parametrize("hardware", [True, False])
def test_auto_on_cuda_needs_hardware_not_emulation(monkeypatch, hardware):
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or hardware
    )
    assert uses_bf16(CUDA, "auto") is hardware


@pytest.mark.parametrize("hardware", [True, False])
def test_what_was_asked_for_is_used(monkeypatch, hardware):
    monkeypatch.setattr(device, "_cpu_has_bf16", lambda: hardware)
    assert uses_bf16(CPU, "bf16")
    assert not uses_bf16(CPU, "fp32")


@pytest.mark.parametrize(("precision", "expected"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_networks_compute_in_that_precision(precision, expected):
    torch.set_num_threads(1)
    with autocast(CPU, precision):
        assert torch.nn.Linear(4, 4)(torch.ones(2, 4)).dtype == expected
    assert torch.nn.Linear(4, 4)(torch.ones(2, 4)).dtype == torch.float32
