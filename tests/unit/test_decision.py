"""Rules learned on others: nobody's own truth changes the own decision, test rows change nothing."""

import json

import numpy as np
import pytest
from score_cases import many, patch_row

from segmake.classification import ScoreSettings
from segmake.metrics.classification.decision import ONE_CLASS, Rule, deal, decide, judge, learn
from segmake.metrics.classification.levels import Patches, Task

SETTINGS = ScoreSettings()


def by_name(verdict, level=0):
    """Group -> probability of malignant, and whether it is called."""
    found = verdict.levels[level]
    groups = found.level.columns["group"]
    return {
        g: (p, bool(c))
        for g, p, c in zip(groups, found.level.probability[:, 1].tolist(), found.called[:, 1], strict=True)
    }


def test_a_temperature_is_fitted_and_every_level_has_a_threshold():
    verdict = judge(Patches.of(many(200, scale=4.0), ""), SETTINGS)
    assert verdict.rule.temperature[0] == pytest.approx(4 / 1.5, rel=0.35)
    assert set(verdict.rule.thresholds) == {"patch", "patient"}
    assert 0.3 < verdict.rule.thresholds["patch"][1] < 0.7
    assert verdict.rule.chosen["patch"] == ["youden", "youden"]
    assert (verdict.rule.patches, verdict.rule.patients) == (200, 200)
    assert len(verdict.parts) == 5


def test_a_patients_own_truth_does_not_change_what_it_is_called():
    rows = many(40)
    before = by_name(judge(Patches.of(rows, ""), SETTINGS))
    parts = deal(Patches.of(rows, ""))
    changed = [dict(row) for row in rows]
    name = changed[7]["group"]
    changed[7]["logit_malignant"] = "9"  # still of its class: dealt into the same part
    after = by_name(judge(Patches.of(changed, ""), SETTINGS))
    same = [row["group"] for row, part in zip(rows, parts, strict=True) if part == parts[7]]
    assert {g: before[g] for g in same if g != name} == {g: after[g] for g in same if g != name}
    others = [row["group"] for row, part in zip(rows, parts, strict=True) if part != parts[7]]
    assert any(before[g][0] != after[g][0] for g in others)


def test_test_rows_take_the_rule_of_all_and_have_no_say_in_it():
    rows = many(40)
    tests = many(10, seed=5, split="test")
    upside_down = [row | {"class": "malignant" if row["class"] == "benign" else "benign"} for row in tests]
    one, other = (judge(Patches.of([*rows, *each], ""), SETTINGS) for each in (tests, upside_down))
    assert one.rule.told() == other.rule.told() == judge(Patches.of(rows, ""), SETTINGS).rule.told()
    assert by_name(one) == by_name(other)
    told = by_name(one)
    threshold = one.rule.thresholds["patch"][1]
    for row in tests:
        p, called = told[row["group"]]
        exact = 1 / (1 + np.exp(-float(row["logit_malignant"]) / one.rule.temperature[0]))
        assert p == pytest.approx(exact)
        assert called == (p >= threshold)


def test_patients_are_dealt_whole_evenly_and_whatever_the_order():
    rows = [row | {"group": f"g{i // 3}"} for i, row in enumerate(many(90))]
    parts = deal(Patches.of(rows, ""))
    by_group = {}
    for row, part in zip(rows, parts, strict=True):
        by_group.setdefault(row["group"], set()).add(int(part))
    assert all(len(found) == 1 for found in by_group.values())
    assert np.bincount([found.pop() for found in by_group.values()]).tolist() == [6] * 5
    again = deal(Patches.of(rows[::-1], ""))
    assert again[::-1].tolist() == parts.tolist()


def test_every_part_has_patients_of_both_classes():
    rows = [row | {"class": "malignant" if i < 10 else "benign"} for i, row in enumerate(many(60))]
    parts = deal(Patches.of(rows, ""))
    assert np.bincount(parts[:10], minlength=5).tolist() == [2] * 5


def test_without_out_of_fold_rows_nothing_is_calibrated():
    verdict = judge(Patches.of(many(6, split="test"), ""), SETTINGS)
    assert verdict.rule.patches == 0
    assert verdict.rule.temperature.tolist() == [1.0]
    found = verdict.levels[0]
    assert found.called[:, 1].tolist() == (found.level.probability[:, 1] >= 0.5).tolist()


def test_one_patient_alone_is_decided_at_a_half():
    verdict = judge(Patches.of(many(1), ""), SETTINGS)
    assert len(verdict.levels[0].called) == 1
    assert verdict.rule.chosen["patch"] == [ONE_CLASS, ONE_CLASS]
    assert verdict.rule.thresholds["patch"].tolist() == [0.5, 0.5]


def test_calibration_can_be_left_out_and_a_sensitivity_asked_for():
    patches = Patches.of(many(100, scale=3.0), "")
    rule = learn(patches, ScoreSettings(calibrate=False, threshold="sensitivity", sensitivity=1.0))
    assert rule.temperature.tolist() == [1.0]
    called = rule.called(
        patches.task, "patch", 1 / (1 + np.exp(np.array([[1, -1]]) * patches.logits[:, [1]]))
    )
    assert called[patches.truth[:, 1], 1].all()


def test_decisions_by_kind_of_task():
    chances = np.array([[0.7, 0.3], [0.2, 0.8]])
    two = Task(("no", "yes"), sigmoid=False, positive=1)
    assert decide(two, chances, np.array([0.75, 0.25]))[:, 1].tolist() == [True, True]
    first = Task(("no", "yes"), sigmoid=False, positive=0)
    assert decide(first, chances, np.array([0.75, 0.25]))[:, 0].tolist() == [False, False]
    several = Task(("a", "b"), sigmoid=True, positive=1)
    assert decide(several, chances, np.array([0.1, 0.5])).tolist() == [[True, False], [True, True]]
    three = Task(("a", "b", "c"), sigmoid=False, positive=2)
    assert decide(three, np.array([[0.4, 0.35, 0.25]]), np.full(3, 0.5)).tolist() == [[True, False, False]]


def test_a_rule_survives_its_file():
    rule = judge(Patches.of(many(60, scale=2.0), ""), SETTINGS).rule
    again = Rule.read(json.loads(json.dumps(rule.told())))
    assert again.told() == rule.told()
    chances = np.array([[0.52, 0.48], [0.1, 0.9]])
    task = Task(("benign", "malignant"), False, 1)
    np.testing.assert_array_equal(
        again.called(task, "patient", chances), rule.called(task, "patient", chances)
    )


def test_several_classes_that_do_not_exclude_each_other_each_learn_by_themselves():
    random = np.random.default_rng(0)
    rows = []
    for number in range(120):
        truth = random.random(2) < [0.5, 0.3]
        name = "|".join(n for n, t in zip("ab", truth, strict=True) if t)
        logits = dict(zip("ab", 2 * (truth - 0.5) + random.normal(size=2) + [0, -2], strict=True))
        row = patch_row(f"p{number}", name, logits, head="sigmoid")
        rows.append(row)
    verdict = judge(Patches.of(rows, ""), SETTINGS)
    a, b = verdict.rule.thresholds["patch"]
    assert verdict.rule.temperature.shape == (2,)
    assert b < a - 0.1  # the logits of b lie lower, so its threshold does
    assert verdict.levels[0].called.shape == (120, 2)
