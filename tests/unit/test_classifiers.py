import sys

import pytest
import torch
from torch import nn

from segmake.classification import FitSettings
from segmake.errors import ConfigError
from segmake.learning.classifiers import KNOWN, build_classifier, check_classifier

SMALL_VIT = {"hidden_size": 24, "mlp_dim": 16, "num_layers": 1, "num_heads": 2}


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def make(name, channels=1, classes=3, size=64, **options):
    return build_classifier(FitSettings(network=name, options=options), channels, classes, size)


class Mean(nn.Module):
    """A network of the user's own."""

    def __init__(self, in_chans, num_classes):
        super().__init__()
        self.head = nn.Linear(in_chans, num_classes)

    def forward(self, x):
        return self.head(x.mean(dim=(2, 3)))


@pytest.mark.parametrize(
    ("name", "options"),
    [("resnet18", {}), ("densenet121", {}), ("efficientnet-b0", {}), ("vit", SMALL_VIT)],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_takes_images_of_any_channels_and_tells_them_apart(name, options, channels):
    network = make(name, channels, **options)
    check_classifier(network, FitSettings(network=name), (channels, 64), 3)
    assert network.training
    images = torch.randn(2, channels, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        output = network.eval()(images)
    assert output.shape == (2, 3)
    assert not torch.equal(output[0], output[1])


def test_a_resnet_has_the_names_and_shapes_of_torchvision():
    found = {name: tuple(value.shape) for name, value in make("resnet18", 3, 1000).state_dict().items()}
    assert len(found) == 122
    assert found["conv1.weight"] == (64, 3, 7, 7)
    assert found["layer2.0.downsample.0.weight"] == (128, 64, 1, 1)
    assert "layer2.0.downsample.0.bias" not in found
    assert (found["layer4.1.conv2.weight"], found["fc.weight"]) == ((512, 512, 3, 3), (1000, 512))


def test_the_seed_decides_the_weights_and_nothing_else_is_drawn():
    before = torch.get_rng_state()
    weights = [
        build_classifier(FitSettings(network="resnet10", seed=seed), 1, 2, 32).fc.weight for seed in (1, 1, 2)
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert torch.equal(torch.get_rng_state(), before)


def test_options_reach_the_network():
    assert make("densenet121", init_features=16).features.conv0.out_channels == 16
    with pytest.raises(ConfigError, match=r"cannot be made for 1 channels of 64 x 64.*colour.*fit\.options"):
        make("densenet121", colour=True)


def test_a_network_of_the_users_own_is_told_what_it_asks_for():
    network = make("test_classifiers.Mean", channels=2, classes=4)
    assert (network.head.in_features, network.head.out_features) == (2, 4)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere.Net", "cannot be imported"),
        ("torch.nn.modules.nothing", "must be something that makes a network"),
    ],
)
def test_a_name_that_means_nothing_is_explained(name, sentence):
    with pytest.raises(ConfigError, match=sentence):
        make(name)


def test_what_monai_lacks_needs_timm(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ConfigError, match=r"'resnet19' is none of MONAI's \(resnet1.*segmake\[zoo\]"):
        make("resnet19")


def test_a_size_that_a_network_cannot_take_is_told_before_training():
    with pytest.raises(ConfigError, match=r"of 60 x 60 pixels.*squares of 16 pixels do not divide 60"):
        make("vit", size=60, **SMALL_VIT)
    vit = make("vit", **SMALL_VIT)
    with pytest.raises(ConfigError, match=r"cannot take images of 32 x 32: .*change slice\.size"):
        check_classifier(vit, FitSettings(network="vit"), (1, 32), 3)


def test_what_is_no_classifier_is_told():
    with pytest.raises(ConfigError, match=r"logits of shape \(2, 3\) for two images, got \(2, 4, 30, 30\)"):
        check_classifier(nn.Conv2d(1, 4, 3), FitSettings(), (1, 32), 3)


def test_a_batch_too_small_to_normalise_is_told():
    network = make("resnet10", size=32)
    with pytest.raises(ConfigError, match=r"batches of 1 images of 32 x 32: Expected more than 1 value"):
        check_classifier(network, FitSettings(batch=1), (1, 32), 3)
    check_classifier(network, FitSettings(batch=2), (1, 32), 3)


def test_every_known_name_is_one_of_monai():
    assert {"resnet18", "resnet34", "resnet50", "densenet121", "efficientnet-b0", "seresnet50"} < {*KNOWN}
