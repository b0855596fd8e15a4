import logging
import math

import pytest
import torch
from torch import nn

from segmake.errors import SegmakeError
from segmake.learning.divergence import damping, fall_back
from segmake.learning.history import History
from segmake.learning.run import Run, Setback, mark_good


def run():
    network = nn.Linear(2, 1)
    return Run(network, nn.Linear(2, 1), torch.optim.AdamW(network.parameters(), fused=True))


def train(a_run, steps):
    for _ in range(steps):
        a_run.network(torch.ones(1, 2)).sum().backward()
        a_run.optimizer.step()
        a_run.optimizer.zero_grad()
        a_run.step += 1
        a_run.rates.append(0.1)
        a_run.history.recent.append(float(a_run.step))


SETBACK = Setback(7, 0.003, math.nan, math.inf, ["a", "b", "a"])


def test_weights_and_course_go_back_but_time_goes_on(caplog):
    a_run = run()
    train(a_run, 3)
    mark_good(a_run)
    weights = a_run.network.weight.clone()
    moments = a_run.optimizer.state[a_run.network.weight]["exp_avg"].clone()
    a_run.seconds, a_run.compiled = 12.0, True
    train(a_run, 4)
    for again in (1, 2):  # the good state is not used up
        fall_back(a_run, SETBACK)
        assert torch.equal(a_run.network.weight, weights)
        assert torch.equal(a_run.optimizer.state[a_run.network.weight]["exp_avg"], moments)
        assert (a_run.step, a_run.rates, a_run.seconds, a_run.compiled) == (3, [0.1] * 3, 12.0, True)
        assert a_run.history == History(recent=[1.0, 2.0, 3.0])
        assert damping(a_run) == 0.5**again
        train(a_run, 2)
    assert caplog.messages[0] == (
        "the loss became nan with a gradient norm of inf at step 7 (learning rate 0.003, patches of a, b); "
        "going back to step 3 with 0.5 times the learning rate"
    )


def test_the_third_time_it_stops_with_what_it_saw(caplog):
    caplog.set_level(logging.CRITICAL)
    a_run = run()
    mark_good(a_run)
    fall_back(a_run, SETBACK)
    fall_back(a_run, SETBACK)
    with pytest.raises(SegmakeError, match=r"diverged 3 times.* nan .* step 7 .* a, b\); look at"):
        fall_back(a_run, SETBACK)
