import pytest

from segmake.learning.schedule import Budget, learning_rate


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


def test_without_warm_up_it_starts_at_the_peak():
    assert learning_rate(0.0, peak=0.003, warmup=0.0) == 0.003


def test_it_rises_and_then_falls():
    rates = [learning_rate(i / 100, 1.0, 0.2) for i in range(101)]
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_steps_are_counted():
    budget = Budget(steps=200)
    assert [budget.progress(step, 1e9) for step in (0, 50, 200, 300)] == [0, 0.25, 1, 1]


def test_minutes_replace_steps_and_include_earlier_runs():
    budget = Budget(steps=10, minutes=2)
    assert [budget.progress(10**6, seconds) for seconds in (0, 30, 120, 500)] == [0, 0.25, 1, 1]
