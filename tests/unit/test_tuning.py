import numpy as np
import pytest

from segmake.metrics.tuning import candidate_dice, candidate_steps, choose, taken
from segmake.postprocessing import PostprocessSettings, Step
from segmake.volume.cleaning import cleaned

ALL = PostprocessSettings(candidates=["largest", "smallest", "holes"], volumes_ml=[0.004, 0.1])
STEPS = candidate_steps(ALL, "core")
LARGEST, FOUR, HUNDRED, HOLES = STEPS


def test_all_that_is_tried() -> None:
    assert [(step.kind, step.ml) for step in STEPS] == [
        *(("largest", 0.0), ("smallest", 0.004), ("smallest", 0.1), ("holes", 0.0))
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_dice_of_candidates_is_that_of_the_cleaned_maps(seed: int) -> None:
    random = np.random.default_rng(seed)
    prediction, truth = (random.choice([0, 1, 4], (9, 10, 11), p=[0.6, 0.3, 0.1]) for _ in range(2))
    found = candidate_dice(prediction, truth, 4, STEPS, 0.001)

    def dice(labels) -> float:
        a, b = labels == 4, truth == 4
        return 2 * (a & b).sum() / (a.sum() + b.sum())

    expected = [dice(cleaned(prediction, 4, step.kind, step.ml, 0.001)) for step in STEPS]
    assert found == pytest.approx([dice(prediction), *expected])


def test_empty_masks_agree_and_false_alarms_that_vanish_count_as_right() -> None:
    nothing = np.zeros((5, 5, 5), int)
    assert candidate_dice(nothing, nothing, 1, STEPS, 0.001).tolist() == [1.0] * 5
    alarm = nothing.copy()
    alarm[2, 2, 2] = 1
    assert candidate_dice(alarm, nothing, 1, STEPS, 0.001).tolist() == [0.0, 0.0, 1.0, 1.0, 0.0]


def table(gains, cases: int = 30, noise: float = 0.01):
    random = np.random.default_rng(0)
    base = random.uniform(0.6, 0.8, (cases, 1))
    return np.hstack([base, base + np.array(gains) + random.normal(0, noise, (cases, len(gains)))])


def chosen(dice, patients=None, settings=ALL):
    patients = patients or [f"p{number}" for number in range(len(dice))]
    return choose(dice, STEPS, patients, settings, seed=0)


def test_what_helps_surely_is_taken_once_and_holes_last() -> None:
    evidence = chosen(table([0.05, 0.08, 0.02, 0.01]))
    assert taken(evidence) == [FOUR, HOLES]
    assert evidence[1].gain == pytest.approx(0.08, abs=0.01)
    assert 0.06 < evidence[1].low < evidence[1].gain
    assert [entry.taken for entry in evidence] == [False, True, False, True]


def test_what_harms_or_may_be_chance_is_not() -> None:
    assert taken(chosen(table([-0.05, -0.01, -0.2, 0.0], noise=0))) == []
    assert taken(chosen(table([0.002, 0.002, 0.002, 0.002], noise=0.05))) == []


def test_fewer_than_ten_patients_decide_nothing() -> None:
    dice = table([0.1, 0.1, 0.1, 0.1])
    assert taken(chosen(dice, ["p0", "p1", "p2"] * 10)) == []
    assert taken(chosen(dice[:9])) == []
    assert taken(chosen(dice[:10])) != []
    assert taken(chosen(dice[:0])) == []


def test_the_choice_is_repeatable_and_no_candidates_choose_nothing() -> None:
    dice = table([0.05, 0.08, 0.02, 0.01])
    assert chosen(dice) == chosen(dice)
    assert choose(dice[:, :1], [], ["p"] * 30, ALL, seed=0) == []
    assert taken([]) == []
    assert Step(label="core", kind="largest").ml == 0
