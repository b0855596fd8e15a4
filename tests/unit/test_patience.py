import math

import pytest
import torch
from torch import nn

from segmake.learning.patience import Best


def weight(value):
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, value)
    return network


def test_the_best_weights_are_kept_and_looks_since_are_counted():
    best = Best()
    for step, figure in ((100, 0.5), (200, 0.75), (300, 0.7), (400, 0.75)):
        best.look(figure, step, weight(figure))
    assert (best.figure, best.step, best.looks) == (0.75, 200, 2)
    network = weight(9.0)
    best.publish(network)
    assert network.weight.item() == 0.75


def test_kept_weights_are_a_copy():
    network, best = weight(1.0), Best()
    best.look(0.5, 100, network)
    nn.init.constant_(network.weight, 2.0)
    assert best.weights["weight"].item() == 1


def test_a_look_that_saw_nothing_is_none_and_nothing_is_published():
    best, network = Best(), weight(3.0)
    best.look(math.nan, 100, weight(1.0))
    best.publish(network)
    assert (best.looks, best.weights, network.weight.item()) == (0, {}, 3)


def test_numbers_and_weights_make_it_again():
    best = Best()
    best.look(0.5, 100, weight(1.0))
    again = Best(**best.about(), weights=best.weights)
    assert again == best
    assert best.about() == {"figure": 0.5, "step": 100, "looks": 0}
    assert torch.equal(again.weights["weight"], best.weights["weight"])


@pytest.mark.parametrize("figure", [0.5, 0.4])
def test_an_equal_figure_is_no_better(figure):
    best = Best()
    best.look(0.5, 100, weight(1.0))
    best.look(figure, 200, weight(2.0))
    assert best.step == 100
