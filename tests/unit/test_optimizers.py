import pytest
import torch
from torch import nn

from segmake.classification import FitSettings
from segmake.learning.optimizers import make_optimizer, peak_rate, set_rate
from segmake.settings import TrainSettings


def weight(value=1.0):
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, value)
    return network


def step(network, optimizer, gradient):
    network.weight.grad = torch.full((1, 1), gradient)
    optimizer.step()
    return network.weight.item()


@pytest.mark.parametrize(
    ("settings", "rate", "decay"),
    [
        ({}, 3e-3, 1e-2),
        ({"optimizer": "sgd"}, 1e-2, 3e-5),
        ({"optimizer": "adam"}, 1e-4, 0.0),
        ({"lr": 0.5, "weight_decay": 0.0}, 0.5, 0.0),
        ({"optimizer": "sgd", "lr": 0.5, "weight_decay": 0.25}, 0.5, 0.25),
    ],
)
def test_what_is_not_set_is_the_custom_of_the_optimiser(settings, rate, decay):
    chosen = TrainSettings(**settings)
    group = make_optimizer(weight().parameters(), chosen).param_groups[0]
    assert (group["lr"], group["weight_decay"]) == (rate, decay)
    assert peak_rate(chosen) == rate


def test_sgd_looks_ahead_with_nesterov_momentum():
    network = weight()
    optimizer = make_optimizer(
        network.parameters(), TrainSettings(optimizer="sgd", lr=0.1, momentum=0.5, weight_decay=0.0)
    )
    assert step(network, optimizer, 1.0) == pytest.approx(1 - 0.1 * (1 + 0.5))  # velocity 1
    assert step(network, optimizer, 0.0) == pytest.approx(0.85 - 0.1 * 0.5 * 0.5)  # velocity 0.5


def test_adamw_decays_apart_from_the_gradient():
    network = weight(2.0)
    optimizer = make_optimizer(network.parameters(), TrainSettings(lr=0.1, weight_decay=0.5))
    assert step(network, optimizer, 3.0) == pytest.approx(2.0 * (1 - 0.1 * 0.5) - 0.1)  # first step: lr


def test_the_rate_of_every_group_is_set():
    optimizer = make_optimizer(weight().parameters(), TrainSettings())
    optimizer.add_param_group({"params": list(weight().parameters())})
    set_rate(optimizer, 0.125)
    assert [group["lr"] for group in optimizer.param_groups] == [0.125, 0.125]


def test_a_group_may_take_a_fraction_of_the_rate():
    groups = [{"params": weight().parameters()}, {"params": weight().parameters(), "factor": 0.5}]
    optimizer = make_optimizer(groups, TrainSettings())
    set_rate(optimizer, 0.25)
    assert [group["lr"] for group in optimizer.param_groups] == [0.25, 0.125]


def test_adam_decays_through_the_gradient():
    network = weight(2.0)
    optimizer = make_optimizer(
        network.parameters(), TrainSettings(optimizer="adam", lr=0.1, weight_decay=0.5)
    )
    assert step(network, optimizer, -3.0) == pytest.approx(
        2.0 + 0.1
    )  # first step: lr, by the sign of g + decay


def test_a_classifier_learns_as_usual_studies_do_unless_told_otherwise():
    chosen = FitSettings()
    optimizer = make_optimizer(weight().parameters(), chosen)
    assert type(optimizer) is torch.optim.Adam
    assert (peak_rate(chosen), chosen.network, chosen.loss) == (1e-4, "resnet18", "cross_entropy")
