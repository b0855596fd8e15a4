import math

import numpy as np
import pytest
import torch
from inference_cases import restore
from plan_cases import small_plan

from segmake.inference.uncertainty import Uncertainty, binary_entropy, entropy_of


def spread(*rows):
    """Logits [M, H, 1, 1, n]: a list per model, a row per head."""
    return np.array(rows, np.float32)[:, :, None, None, :]


def gathered(logits, plan):
    found = Uncertainty(plan, logits.shape[2:])
    labels = restore(logits, plan, logits.shape[2:], viewers=[found])
    return found, labels


def test_entropy_is_one_for_a_guess_and_zero_for_certainty():
    assert entropy_of(torch.full((4, 2), 0.25)).tolist() == pytest.approx([1, 1])
    assert entropy_of(torch.eye(3)).tolist() == [0, 0, 0]
    assert binary_entropy(torch.tensor([0, 0.5, 1])).tolist() == [0, 1, 0]


def test_maps_of_softmax_heads():
    plan = small_plan(labels={"a": 1})
    one = [[0.0, 0.0, 9.0], [0.0, 2.0, -9.0]]
    two = [[0.0, 3.0, 9.0], [0.0, 0.0, -9.0]]
    found, labels = gathered(spread(one, two), plan)
    assert labels.ravel().tolist() == [0, 0, 0]
    p = (torch.tensor([0.0, 2.0]).softmax(0)[1] + torch.tensor([3.0, 0.0]).softmax(0)[1]) / 2
    expected = -(p * math.log(p) + (1 - p) * math.log(1 - p)) / math.log(2)
    assert found.entropy.ravel().tolist() == [255, round(255 * float(expected)), 0]
    assert found.disagreement.ravel().tolist() == [0, 128, 0]  # the first model says a in the middle
    assert found.predicted_dice() == {}


def test_one_model_disagrees_with_nobody():
    found, _ = gathered(spread([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]), small_plan())
    assert not found.disagreement.any()


def test_predicted_dice_is_the_expected_overlap():
    plan = small_plan(labels={"a": 1, "b": 2})
    logits = np.random.default_rng(0).normal(size=(1, 3, 4, 5, 6)).astype(np.float32) * 3
    found, labels = gathered(logits, plan)
    p = torch.from_numpy(logits[0]).softmax(0).numpy()
    for name, value in plan.labels.items():
        chosen = labels == value
        expected = 2 * p[value][chosen].sum() / (p[value].sum() + chosen.sum())
        assert found.predicted_dice()[name] == pytest.approx(expected, abs=1e-5)


def test_a_sure_model_expects_full_marks():
    found, _ = gathered(spread([[40.0, -40.0], [-40.0, 40.0], [-40.0, -40.0]]), small_plan())
    assert found.predicted_dice() == {"core": pytest.approx(1)}


def test_calibrated_probabilities_foretell_the_dice():
    """A truth drawn from the probabilities themselves: then the estimate is right."""
    random = np.random.default_rng(1)
    logits = random.normal(size=(1, 2, 40, 40, 40)).astype(np.float32) * 2
    found, labels = gathered(logits, small_plan(labels={"a": 1}))
    p = torch.from_numpy(logits[0]).softmax(0)[1].numpy()
    truth = random.random(p.shape) < p
    dice = 2 * (truth & (labels == 1)).sum() / (truth.sum() + (labels == 1).sum())
    assert found.predicted_dice()["a"] == pytest.approx(dice, abs=0.01)


def test_regions_are_judged_as_such():
    plan = small_plan(labels={"rim": 1, "core": 2}, regions={"whole": [1, 2], "inner": [2]})
    logits = np.random.default_rng(2).normal(size=(2, 2, 3, 4, 5)).astype(np.float32) * 3
    found, labels = gathered(logits, plan)
    p = torch.from_numpy(logits).sigmoid().mean(0).numpy()
    for place, (name, values) in enumerate(plan.regions.items()):
        chosen = np.isin(labels, values)
        expected = 2 * p[place][chosen].sum() / (p[place].sum() + chosen.sum())
        assert found.predicted_dice()[name] == pytest.approx(expected, abs=1e-5)
    entropy = -(p * np.log2(p) + (1 - p) * np.log2(1 - p)).mean(0)
    assert np.abs(found.entropy[0] / 255 - entropy).max() < 0.01
