"""Logits of several networks, mirrored copies and random dropout, and how much they disagree."""

import pytest
import torch
from torch import nn

from segmake.classification import ClassifySettings
from segmake.errors import ConfigError
from segmake.inference.classes import class_logits, disagreement


class LeftMinusRight(nn.Module):
    """Two logits: the left half less the right, the upper half less the lower."""

    def forward(self, x):
        half = x.shape[-1] // 2
        across = x[..., :half].mean((1, 2, 3)) - x[..., half:].mean((1, 2, 3))
        along = x[..., :half, :].mean((1, 2, 3)) - x[..., half:, :].mean((1, 2, 3))
        return torch.stack([across, along], dim=1)


class Constant(nn.Module):
    def __init__(self, *logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, x):
        return self.logits.expand(len(x), -1)


def settings(**given):
    return ClassifySettings(precision="fp32", **given)


def images(count=3, size=8):
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(0))


def test_every_network_is_a_pass():
    found = class_logits([Constant(1.0, 2.0), Constant(3.0, 6.0)], images(), settings())
    assert found.shape == (2, 3, 2)
    assert found.mean(0).tolist() == [[2.0, 4.0]] * 3


@pytest.mark.parametrize(
    ("flip", "expected"),
    [(["x"], [True, False]), (["y"], [False, True]), (["x", "y"], [True, True]), ([], [False, False])],
)
def test_mirroring_undoes_what_depends_on_the_flipped_side(flip, expected):
    plain = class_logits([LeftMinusRight()], images(), settings())[0]
    found = class_logits([LeftMinusRight()], images(), settings(mirror=True), flip)[0]
    assert (found.abs().amax(0) < 1e-6).tolist() == expected
    for column, gone in enumerate(expected):
        if not gone:
            assert torch.allclose(found[:, column], plain[:, column])


def test_without_mirror_nothing_is_flipped():
    plain = class_logits([LeftMinusRight()], images(), settings())
    assert torch.equal(class_logits([LeftMinusRight()], images(), settings(), ["x", "y"]), plain)


def dropping():
    torch.manual_seed(0)
    head = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 2))
    return nn.Sequential(head, nn.BatchNorm1d(2)).eval()


def test_random_dropout_gives_passes_that_differ_and_repeat_and_leaves_the_network_as_it_was():
    network = dropping()
    state = torch.get_rng_state()
    first = class_logits([network], images(), settings(samples=5))
    again = class_logits([network], images(), settings(samples=5))
    assert first.shape == (5, 3, 2)
    assert torch.equal(first, again)
    assert len({tuple(one.flatten().tolist()) for one in first}) == 5
    assert torch.equal(torch.get_rng_state(), state)
    assert not any(layer.training for layer in network.modules())
    plain = class_logits([network], images(), settings())
    many = class_logits([network], images(), settings(samples=80)).mean(0)
    assert torch.allclose(many, plain[0], atol=0.25)


def test_a_network_without_dropout_cannot_be_sampled():
    with pytest.raises(ConfigError, match="needs a network with dropout, Constant has none; fit one that"):
        class_logits([Constant(1.0)], images(), settings(samples=2))


def test_passes_that_agree_have_no_disagreement_and_certain_opposites_all_of_it():
    same = torch.tensor([[[3.0, -1.0]], [[3.0, -1.0]]])
    assert disagreement(same, sigmoid=False).tolist() == pytest.approx([0], abs=1e-6)
    apart = torch.tensor([[[50.0, -50.0]], [[-50.0, 50.0]]])
    assert disagreement(apart, sigmoid=False).tolist() == pytest.approx([1])
    assert disagreement(apart, sigmoid=True).tolist() == pytest.approx([1])
    unsure = torch.zeros(2, 1, 2)
    assert disagreement(unsure, sigmoid=False).tolist() == pytest.approx([0], abs=1e-6)


def test_disagreement_by_hand():
    chances = torch.tensor([[[0.9, 0.1]], [[0.5, 0.5]]])
    entropy = torch.special.entr
    mean = chances.mean(0)
    shared = entropy(mean).sum(-1) - entropy(chances).sum(-1).mean(0)
    assert torch.allclose(disagreement(chances.log(), sigmoid=False), shared / torch.tensor(2.0).log())
