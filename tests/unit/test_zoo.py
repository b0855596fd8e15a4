"""Networks of timm, and torchvision's own names of weights (extra `zoo`)."""

import importlib
import sys
from importlib.util import find_spec

import pytest
import torch

from segmake.classification import FitSettings
from segmake.errors import ConfigError
from segmake.learning.checkpoint import write
from segmake.learning.classifiers import build_classifier, check_classifier
from segmake.learning.transfer import apply

if find_spec("timm") is None or find_spec("torchvision") is None:
    pytest.skip("the extra zoo is not installed", allow_module_level=True)


@pytest.fixture(scope="module", autouse=True)
def operators():
    """Names of two operators that torchvision asks for and lacks beside the CPU build of torch."""
    library = torch.library.Library("torchvision", "FRAGMENT")
    try:
        for name in ("nms", "qnms"):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:  # a torchvision that belongs to this torch has defined them
        pass
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield library
    torch.set_num_threads(before)


def make(name, channels=1, size=64, **options):
    return build_classifier(FitSettings(network=name, options=options), channels, 3, size)


@pytest.mark.parametrize(
    ("name", "options", "size"),
    [
        ("vgg11", {"mlp_ratio": 0.01}, 32),
        ("convnext_atto", {}, 32),
        ("inception_v3", {"aux_logits": False}, 96),
    ],
)
def test_what_monai_lacks_is_made_with_any_channels(name, options, size):
    network = make(name, 2, size, **options)
    check_classifier(network, FitSettings(network=name, batch=2), (2, size), 3)
    network(torch.zeros(2, 2, size, size)).sum().backward()
    assert all(value.grad is not None for value in network.parameters())


def test_an_unknown_name_is_explained():
    with pytest.raises(ConfigError, match="neither one of MONAI's nor of timm's; did you mean resnet1"):
        make("resnet19")


@pytest.mark.parametrize(("name", "weights"), [("resnet18", 122), ("densenet121", 727)])
def test_all_of_torchvisions_weights_fit_but_the_head(tmp_path, name, weights):
    models = importlib.import_module("torchvision.models")
    theirs = getattr(models, name)(weights=None).state_dict()
    assert len(theirs) == weights
    write(theirs, tmp_path / "imagenet.pt")
    taken = apply(make(name, 3), tmp_path / "imagenet.pt")
    assert [part.rpartition(".")[2] for part in taken.fresh] == ["weight", "bias"]
    assert taken.adapted == ()
    assert len(taken.unused) == 2
    assert "torchvision" in sys.modules
