import subprocess
import sys
from importlib.util import find_spec

import pytest
import torch
from inference_cases import trained
from plan_cases import small_plan
from torch import nn

from segmake.errors import ConfigError
from segmake.inference import backends, predictor
from segmake.inference.backends import choose_backend, count_flop, openvino_forward, torch_forward
from segmake.inference.predictor import Predictor
from segmake.learning.networks import build
from segmake.settings import PredictSettings
from segmake.volume.extent import Extent

torch.set_num_threads(1)
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def test_flop_are_counted_by_hand():
    network = nn.Conv3d(3, 5, 3, padding=1)
    assert count_flop(network, 3, (8, 9, 10)) == 2 * 3 * 5 * 27 * 8 * 9 * 10
    assert network.weight.device == CPU


def test_a_network_that_cannot_be_counted_counts_nothing():
    class Odd(nn.Module):
        def forward(self, x):
            return x * float(x.sum())

    assert count_flop(Odd(), 1, (4, 4, 4)) == 0


@pytest.mark.parametrize(
    ("wanted", "device", "there", "work", "expected"),
    [
        ("auto", CPU, True, 1e15, "openvino"),
        ("auto", CPU, True, 1e9, "torch"),
        ("auto", CPU, False, 1e15, "torch"),
        ("auto", CUDA, True, 1e15, "torch"),
        ("torch", CPU, True, 1e15, "torch"),
        ("openvino", CPU, True, 1e9, "openvino"),
    ],
)
def test_openvino_is_chosen_where_it_pays(monkeypatch, wanted, device, there, work, expected):
    monkeypatch.setattr(backends, "find_spec", lambda _: there or None)
    assert choose_backend(wanted, device, "fp32", work, 1) == expected


def test_the_work_must_earn_back_every_model(monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda _: True)
    work = 1.01e12 * backends.CONVERSION_S / backends.SAVED_S_PER_TFLOP["fp32"]
    assert choose_backend("auto", CPU, "fp32", work, 1) == "openvino"
    assert choose_backend("auto", CPU, "fp32", work, 2) == "torch"


def test_what_is_not_there_is_explained(monkeypatch):
    monkeypatch.setattr(backends, "find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"OpenVINO is not installed; .* install segmake\[openvino\]"):
        choose_backend("openvino", CPU, "auto", 0, 1)
    with pytest.raises(ConfigError, match="the device is not cpu"):
        choose_backend("openvino", CUDA, "auto", 0, 1)


def test_a_job_whose_backend_is_not_there_ends_before_it_reads_a_case(monkeypatch):
    """Else each case would fail by itself, and be excluded where `on_error` says so."""
    monkeypatch.setattr(backends, "find_spec", lambda _: None)
    model = trained(nn.Conv3d(1, 3, 1), small_plan())
    with pytest.raises(ConfigError, match="OpenVINO is not installed"):
        Predictor([model], PredictSettings(device="cpu", backend="openvino"), 1, [])


@pytest.mark.parametrize("work", [1e9, 1e15])
def test_a_predictor_chooses_by_the_arithmetic_of_all_its_cases(monkeypatch, work):
    monkeypatch.setattr(backends, "find_spec", lambda _: True)
    model = trained(nn.Conv3d(1, 3, 1), small_plan())
    monkeypatch.setattr(predictor, "count_flop", lambda *_: work)
    extent = Extent(small_plan().patch, small_plan().spacing_mm)
    chosen = Predictor([model], PredictSettings(device="cpu"), 1, [extent]).backend
    assert chosen == ("openvino" if work > 1e12 else "torch")


CHILD = """
import sys, torch
from segmake.inference.backends import openvino_forward
openvino_forward(torch.nn.Conv3d(1, 2, 1), (1, 4, 4, 4), "fp32", 1)
print([name for name, module in sys.modules.items() if name.startswith("openvino_telemetry") and module])
"""


def test_nothing_is_sent_and_nothing_written_to_the_home_folder(tmp_path):
    if find_spec("openvino_telemetry") is None:
        pytest.skip("OpenVINO is not installed")
    env = {"HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", CHILD], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert not list(tmp_path.rglob("*ga_cid*"))
    assert not (tmp_path / "intel").exists()


@pytest.mark.parametrize("deep", [True, False])
@pytest.mark.filterwarnings("ignore")  # of the libraries that export and convert
def test_openvino_gives_the_logits_of_torch(deep):
    pytest.importorskip("openvino")
    plan = small_plan()
    network = build("DynUNet", {}, plan, deep, seed=0).eval()
    forward = openvino_forward(network, (1, *plan.patch), "fp32", 1)
    windows = torch.randn(3, 1, *plan.patch, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = torch_forward(network, CPU, "fp32")(windows)
        found = forward(windows)
    assert (found.shape, found.dtype) == ((3, 3, *plan.patch), torch.float32)
    assert (found - expected).abs().max() < 1e-4 * expected.abs().max()
