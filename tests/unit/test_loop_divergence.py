import math

import numpy as np
import pytest
import torch
from learning_cases import ball
from loop_cases import digest, stop_after, task

from segmake.errors import SegmakeError
from segmake.learning import loop
from segmake.learning.interruption import Stopped
from segmake.learning.loop import train
from segmake.learning.sampling import Case


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def diverge(monkeypatch, step, times, value=math.nan):
    """Let the loss of a step be no number, the first so many times it is reached."""
    original, left = loop._learn, [times]

    def learn(network, *arguments):
        loss, norm = original(network, *arguments)
        if learn.step + 1 == step and left[0]:
            left[0] -= 1
            return value, norm
        return loss, norm

    def take(self, number):
        learn.step = number
        return reading(self, number)

    reading = loop.Loader.take
    monkeypatch.setattr(loop, "_learn", learn)
    monkeypatch.setattr(loop.Loader, "take", take)


def test_a_divergence_goes_back_and_on_at_half_the_rate(tmp_path, monkeypatch, caplog):
    plain = train(task(), tmp_path / "plain.pt")
    diverge(monkeypatch, step=5, times=1)
    run = train(task(), tmp_path / "state.pt")
    assert run.step == 10
    assert run.rates == [rate / 2 for rate in plain.rates]
    assert digest(run) != digest(plain)
    assert "the loss became nan with a gradient norm of" in caplog.text
    assert "going back to step 0 with 0.5 times the learning rate" in caplog.text
    halved = train(task(replay={"rates": run.rates}), tmp_path / "halved.pt")
    assert digest(halved) == digest(run)  # nothing of the lost steps is left


def test_a_gradient_that_is_no_number_is_a_divergence_too(tmp_path, monkeypatch):
    original, calls = loop._learn, []

    def learn(*arguments):
        loss, norm = original(*arguments)
        calls.append(norm)
        return loss, math.inf if len(calls) == 3 else norm

    monkeypatch.setattr(loop, "_learn", learn)
    run = train(task(steps=4), tmp_path / "state.pt")
    assert [(setback.step, setback.norm) for setback in run.setbacks] == [(3, math.inf)]
    assert len(calls) == 7


def test_the_third_divergence_stops_with_what_it_saw(tmp_path, monkeypatch, caplog):
    diverge(monkeypatch, step=4, times=3, value=math.inf)
    with pytest.raises(SegmakeError, match=r"diverged 3 times.*loss became inf.*at step 4 .*patches of case"):
        train(task(), tmp_path / "state.pt")
    assert "0.25 times the learning rate" in caplog.text


def test_an_interruption_after_a_divergence_changes_nothing(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        diverge(patch, step=5, times=1)
        plain = train(task(), tmp_path / "plain.pt")
    with monkeypatch.context() as patch:
        diverge(patch, step=5, times=1)
        stop_after(patch, 7)
        with pytest.raises(Stopped):
            train(task(), tmp_path / "state.pt")
    resumed = train(task(), tmp_path / "state.pt")
    assert digest(resumed) == digest(plain)
    assert len(resumed.setbacks) == 1


def test_a_loss_that_is_not_a_number_is_explained(tmp_path):
    bad = ball(0)
    broken = Case("bad", np.full_like(bad.image, np.nan), bad.label, bad.foreground)
    with pytest.raises(
        SegmakeError,
        match=r"diverged 3 times.* nan .* step 1 .* of bad\); .* lower the learning rate \(lr\)",
    ):
        train(task(training=[broken]), tmp_path / "state.pt")
