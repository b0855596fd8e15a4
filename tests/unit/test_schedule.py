import pytest

from segmake.learning.schedule import Schedule, learning_rate
from segmake.settings import TrainSettings


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (0.0, 0.02),  # a hundredth of the peak
        (0.05, 1.0),  # half of the warm-up
        (0.1, 2.0),  # the peak
        (0.55, 1.0),  # half of the cosine
        (0.325, 1 + 2**-0.5),  # cos(pi / 4)
        (1.0, 0.0),
    ],
)
def test_warm_up_then_cosine(progress, expected):
    assert learning_rate(progress, peak=2.0, warmup=0.1) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("progress", "expected"), [(0.05, 1.0), (0.1, 2.0), (0.55, 2 * 0.5**0.9), (1.0, 0.0)]
)
def test_warm_up_then_polynomial(progress, expected):
    assert learning_rate(progress, 2.0, 0.1, "poly") == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("shape", ["cosine", "poly"])
def test_without_warm_up_it_starts_at_the_peak(shape):
    assert learning_rate(0.0, peak=0.003, warmup=0.0, shape=shape) == 0.003


@pytest.mark.parametrize("shape", ["cosine", "poly"])
def test_it_rises_and_then_falls(shape):
    rates = [learning_rate(i / 100, 1.0, 0.2, shape) for i in range(101)]
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_steps_are_counted():
    schedule = Schedule(steps=200)
    assert [schedule.progress(step, 1e9) for step in (0, 50, 200, 300)] == [0, 0.25, 1, 1]


def test_minutes_replace_steps_and_include_earlier_runs():
    schedule = Schedule(steps=10, minutes=2)
    assert [schedule.progress(10**6, seconds) for seconds in (0, 30, 120, 500)] == [0, 0.25, 1, 1]


def test_an_earlier_run_replaces_both():
    schedule = Schedule(steps=10, minutes=2, peak=1.0, replayed=[0.5, 0.25, 0.125, 0.0])
    assert [schedule.rate(step, 1e9) for step in range(4)] == [0.5, 0.25, 0.125, 0.0]
    assert [schedule.progress(step, 1e9) for step in range(5)] == [0, 0.25, 0.5, 0.75, 1]


def test_what_is_left_follows_the_pace_or_the_clock():
    assert Schedule(steps=100).seconds_left(step=5, seconds=10.0) == 190.0
    assert Schedule(steps=100, minutes=3).seconds_left(5, 10.0) == 170.0
    assert Schedule(steps=100, minutes=3, replayed=[0.1] * 20).seconds_left(5, 10.0) == 30.0


def test_settings_name_budget_shape_and_peak():
    settings = TrainSettings(minutes=4, schedule="poly", warmup=0.0, lr=0.5)
    schedule = Schedule.of(settings)
    assert schedule.rate(0, 0.0) == 0.5
    assert schedule.rate(0, 120.0) == pytest.approx(0.5 * 0.5**0.9)
    assert Schedule.of(TrainSettings(optimizer="sgd", warmup=0)).rate(0, 0) == 0.01
