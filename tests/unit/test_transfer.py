import logging

import pytest
import torch
from plan_cases import small_plan
from torch import nn

from segmake.errors import ConfigError, InputError
from segmake.learning.checkpoint import TrainedModel, save_model, tensors, versions, write
from segmake.learning.networks import build
from segmake.learning.transfer import ENCODERS, apply, freeze_encoder, start
from segmake.settings import TrainSettings

FOUR = {"channels": dict.fromkeys("abcd", "mr"), "normalisation": {}}
HEADS = "output_block", "deep_supervision_heads"
OPTIONS = {
    "DynUNet": {},
    "UNet": {},
    "SegResNet": {"init_filters": 8},
    "SegResNetDS": {"init_filters": 8},
    "BasicUNet": {"features": (4, 4, 4, 4, 4, 4)},
    "SwinUNETR": {"feature_size": 12, "depths": (1, 1, 1, 1)},
    "UNETR": {"hidden_size": 12, "num_heads": 2, "mlp_dim": 8, "feature_size": 4},
    "VNet": {},
    "MedNeXt": {"init_filters": 4, "kernel_size": 3},
}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def network(seed=0, name="DynUNet", **plan):
    return build(name, OPTIONS[name], small_plan(patch=(16, 16, 16), **plan), True, seed)


@pytest.fixture
def model(tmp_path):
    """A published model of one channel and three heads."""
    settings = TrainSettings()
    save_model(
        tmp_path / "model.pt",
        TrainedModel(network(1), small_plan(), 0, settings, 0, [], {"step": 1}, versions()),
    )
    return tmp_path / "model.pt"


def test_the_same_network_takes_everything(model):
    made = network(2)
    taken = apply(made, model)
    assert taken.percent == 100
    assert (taken.fresh, taken.adapted, taken.unused) == ((), (), ())
    assert all(torch.equal(value, tensors(network(1))[name]) for name, value in tensors(made).items())


def test_heads_of_another_task_stay_fresh(model):
    made = network(2, labels={"whole": 1})
    taken = apply(made, model)
    assert taken.fresh == tuple(name for name, _ in made.named_parameters() if name.startswith(HEADS))
    assert len(taken.fresh) > 1
    source, fresh = network(1), network(2, labels={"whole": 1})
    for name, value in made.named_parameters():
        expected = fresh if name in taken.fresh else source
        assert torch.equal(value, expected.get_parameter(name))
    share = sum(made.get_parameter(name).numel() for name in taken.fresh)
    total = sum(value.numel() for value in made.parameters())
    assert taken.percent == pytest.approx(100 * (1 - share / total))
    assert set(taken.unused) >= set(taken.fresh)


@pytest.mark.parametrize("name", ["DynUNet", "SegResNet", "UNet"])
def test_more_channels_give_what_one_gave_when_all_are_equal(tmp_path, name):
    before = network(1, name).eval()
    write(tensors(before), tmp_path / "one.pt")
    made = network(2, name, **FOUR).eval()
    taken = apply(made, tmp_path / "one.pt")
    assert len(taken.adapted) >= 1
    assert taken.percent == 100
    images = torch.randn(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(made(images.expand(1, 4, 16, 16, 16)), before(images), atol=1e-4)


def test_fewer_channels_take_the_mean_of_all(tmp_path):
    four = network(1, **FOUR)
    write(tensors(four), tmp_path / "four.pt")
    made = network(2)
    (first,) = apply(made, tmp_path / "four.pt").adapted
    expected = four.get_parameter(first).sum(dim=1, keepdim=True)
    assert torch.allclose(made.get_parameter(first), expected, atol=1e-6)


def test_a_network_of_another_depth_takes_the_levels_it_has(tmp_path):
    deep = {"features": [4, 8, 16, 16], "strides": [(1, 1, 1), *[(2, 2, 2)] * 3], "kernels": [(3, 3, 3)] * 4}
    write(tensors(network(1, **deep)), tmp_path / "deep.pt")
    made = network(2)
    taken = apply(made, tmp_path / "deep.pt")
    assert "input_block.conv1.conv.weight" in taken.taken
    assert "downsamples.0.conv1.conv.weight" in taken.taken
    assert "bottleneck.conv1.conv.weight" in taken.fresh
    assert torch.equal(made.bottleneck.conv1.conv.weight, network(2).bottleneck.conv1.conv.weight)


def test_wrapped_names_fit(tmp_path):
    write({f"module.{name}": value for name, value in tensors(network(1)).items()}, tmp_path / "wrapped.pt")
    assert apply(network(2), tmp_path / "wrapped.pt").percent == 100


def test_nothing_that_fits_is_refused(tmp_path):
    write({"encoder.0.weight": torch.zeros(3, 5)}, tmp_path / "other.pt")
    made = network(2)
    said = r"none of the 1 weights .* begins with encoder\.0\.weight \[3, 5\], the network with input_block"
    with pytest.raises(InputError, match=said):
        apply(made, tmp_path / "other.pt")
    assert all(torch.equal(a, b) for a, b in zip(made.parameters(), network(2).parameters(), strict=True))


def test_it_is_told_and_recorded(model, caplog):
    caplog.set_level(logging.INFO, "segmake")
    taken = start(network(2, labels={"whole": 1}), TrainSettings(init_from=model), freeze_encoder)
    assert f"{taken.percent:.1f}% of the parameters come from {model}; fresh: output_block" in caplog.text
    about = taken.about()
    assert about["file"] == "model.pt"
    assert len(about["sha256"]) == 64
    assert about["percent"] == round(taken.percent, 2)
    assert start(network(2), TrainSettings(), freeze_encoder) is None


@pytest.mark.parametrize("name", OPTIONS)
def test_every_known_encoder_is_frozen_and_the_rest_is_not(name):
    made = build(name, OPTIONS[name], small_plan(patch=(32, 32, 32)), True)
    assert type(made).__name__ in ENCODERS
    percent = freeze_encoder(made)
    frozen = [name for name, value in made.named_parameters() if not value.requires_grad]
    assert 20 < percent < 97
    first = next(key for key, module in made.named_modules() if isinstance(module, nn.Conv3d))
    last = [
        key for key, module in made.named_modules() if isinstance(module, nn.Conv3d | nn.ConvTranspose3d)
    ][-1]
    assert f"{first}.weight" in frozen
    assert f"{last}.weight" not in frozen
    assert not [
        key for key in frozen if "up" in key.split(".")[0] or "decoder" in key or "out" in key.split(".")[0]
    ]


def test_the_encoder_of_a_nested_unet_is_its_way_down():
    made = network(0, "UNet")
    freeze_encoder(made)
    trained = {name.rpartition(".")[0] for name, value in made.named_parameters() if value.requires_grad}
    assert all(name.startswith(("model.2.", "model.1.submodule.2.")) for name in trained)


def test_frozen_weights_stay_and_the_others_learn(model):
    made = network(2, labels={"whole": 1})
    start(made, TrainSettings(init_from=model, freeze="encoder"), freeze_encoder)
    before = {name: value.clone() for name, value in made.named_parameters()}
    optimizer = torch.optim.AdamW(made.parameters(), lr=0.1, weight_decay=0.1, fused=True)
    images = torch.randn(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(0))
    sum(output.square().sum() for output in made.train()(images)).backward()
    optimizer.step()
    for name, value in made.named_parameters():
        assert torch.equal(value, before[name]) == name.startswith(
            ("input_block", "downsamples", "bottleneck")
        )
    assert made.input_block.conv1.conv.weight.grad is None


def test_an_unknown_encoder_is_explained():
    with pytest.raises(ConfigError, match=r"which part of Linear .* set freeze: none"):
        freeze_encoder(nn.Linear(2, 2))


def test_freezing_random_weights_is_refused():
    with pytest.raises(ConfigError, match=r"keeps the weights of init_from, which is not set"):
        start(network(), TrainSettings(freeze="encoder"), freeze_encoder)
