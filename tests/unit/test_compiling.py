import logging

import pytest
import torch
from torch import nn

from segmake.learning import compiling
from segmake.learning.compiling import compile_network, pays, wanted


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(1, 2, 3), nn.BatchNorm3d(2))


IMAGES = torch.ones(1, 1, 6, 6, 6)


def test_a_run_compiles_when_it_earns_the_time_back_with_a_margin(monkeypatch):
    monkeypatch.setattr(compiling, "SPEEDUP", 1.25)
    monkeypatch.setattr(compiling, "COMPILE_SECONDS", 40.0)
    monkeypatch.setattr(compiling, "MARGIN", 2.0)
    assert not pays(400.0)  # a fifth of 400 s is just the 80 s
    assert pays(401.0)


@pytest.mark.parametrize(
    ("setting", "seconds_left", "expected"),
    [("auto", 1.0, False), ("auto", 1e6, True), ("always", 1.0, True), ("never", 1e6, False)],
)
def test_the_setting_decides_or_leaves_it_to_the_time(setting, seconds_left, expected):
    assert wanted(setting, seconds_left) is expected


def test_without_a_compiler_the_plain_network_stays(monkeypatch, caplog):
    caplog.set_level(logging.INFO, "segmake")
    made, plain = network(), network()

    def compile_(*_, **__):
        made._compiled_call_impl = lambda _: (_ for _ in ()).throw(RuntimeError("no C++ compiler\nmore"))

    monkeypatch.setattr(made, "compile", compile_)
    assert compile_network(made, IMAGES) is False
    assert caplog.messages == [
        "the network cannot be compiled here (no C++ compiler more); training goes on without"
    ]
    assert torch.equal(made(IMAGES), plain(IMAGES))


def test_trying_it_changes_neither_weights_nor_buffers_nor_names(monkeypatch):
    made, plain = network(), network()
    monkeypatch.setattr(made, "compile", lambda **_: None)
    assert compile_network(made, IMAGES) is True
    assert list(made.state_dict()) == list(plain.state_dict())
    for name, value in plain.state_dict().items():
        assert torch.equal(made.state_dict()[name], value), name
    assert all(weight.grad is None for weight in made.parameters())
