import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from sklearn.metrics import roc_auc_score

from segmake.learning.answers import AnswerLoss, class_weights, mean_auc

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 3.0], [-1.0, 2.0, 0.0]])
TRUTH = torch.eye(3)[[0, 0, 1]]


def test_cross_entropy_is_that_of_torch():
    expected = F.cross_entropy(LOGITS, torch.tensor([0, 0, 1]))
    assert AnswerLoss()([LOGITS], TRUTH).item() == pytest.approx(expected.item(), abs=1e-6)


@pytest.mark.parametrize("smoothing", [0.1, 0.3])
def test_smoothing_is_that_of_torch(smoothing):
    expected = F.cross_entropy(LOGITS, torch.tensor([0, 0, 1]), label_smoothing=smoothing)
    found = AnswerLoss(smoothing=smoothing)([LOGITS], TRUTH)
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


def test_weights_multiply_the_loss_of_each_patch():
    each = F.cross_entropy(LOGITS, torch.tensor([0, 0, 1]), reduction="none")
    found = AnswerLoss(weights=(0.5, 2.0, 1.0))([LOGITS], TRUTH)
    assert found.item() == pytest.approx(float((each * torch.tensor([0.5, 0.5, 2.0])).mean()), abs=1e-6)


def test_focal_loss_by_hand():
    logits = torch.tensor([[0.0, math.log(3)]])  # probabilities 1/4 and 3/4
    found = AnswerLoss(focal=True)([logits], torch.tensor([[0.0, 1.0]]))
    assert found.item() == pytest.approx(-math.log(0.75) * 0.25**2, abs=1e-6)
    binary = AnswerLoss(multi_label=True, focal=True)([logits[:, 1:]], torch.tensor([[0.0]]))
    assert binary.item() == pytest.approx(-math.log(0.25) * 0.75**2, abs=1e-6)


def test_binary_cross_entropy_is_that_of_torch_with_weights_of_positives():
    truth = torch.tensor([[1.0, 0, 1], [0, 0, 1], [0, 1, 0]])
    expected = F.binary_cross_entropy_with_logits(LOGITS, truth)
    assert AnswerLoss(multi_label=True)([LOGITS], truth).item() == pytest.approx(expected.item(), abs=1e-6)
    weights = torch.tensor([3.0, 1.0, 0.5])
    expected = F.binary_cross_entropy_with_logits(LOGITS, truth, pos_weight=weights)
    found = AnswerLoss(multi_label=True, weights=(3.0, 1.0, 0.5))([LOGITS], truth)
    assert found.item() == pytest.approx(expected.item(), abs=1e-6)


def test_parts_of_a_batch_add_up_to_the_whole():
    loss = AnswerLoss(weights=(0.5, 2.0, 1.0), smoothing=0.1)
    whole = loss([LOGITS], TRUTH).item()
    parts = loss([LOGITS[:2]], TRUTH[:2]).item() * 2 / 3 + loss([LOGITS[2:]], TRUTH[2:]).item() / 3
    assert parts == pytest.approx(whole, abs=1e-6)


def test_weights_are_inverse_frequencies_with_a_mean_of_one():
    truth = np.eye(2)[[0] * 9 + [1]]
    assert class_weights(truth, False) == pytest.approx((10 / 18, 5.0))
    assert (truth @ np.array(class_weights(truth, False))).mean() == pytest.approx(1)
    assert class_weights(truth, True) == pytest.approx((1 / 9, 9.0))
    assert class_weights(np.eye(2)[[0] * 900], False)[1] == 100


def test_the_area_is_that_of_sklearn_with_ties():
    random = np.random.default_rng(0)
    scores = random.integers(0, 8, (200, 3)) / 8
    truth = np.eye(3)[random.integers(0, 3, 200)]
    expected = np.mean([roc_auc_score(truth[:, k], scores[:, k]) for k in range(3)])
    assert mean_auc(scores, truth) == pytest.approx(expected, abs=1e-12)


def test_a_perfect_and_a_reversed_order():
    truth = np.eye(2)[[0, 0, 1, 1]]
    scores = np.array([0.1, 0.2, 0.8, 0.9])
    assert mean_auc(np.stack([1 - scores, scores], axis=1), truth) == 1
    assert mean_auc(np.stack([scores, 1 - scores], axis=1), truth) == 0


def test_classes_that_do_not_occur_are_left_out_and_one_alone_has_no_area():
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    assert mean_auc(scores, np.eye(3)[[0, 1]]) == 1
    assert math.isnan(mean_auc(scores, np.eye(3)[[0, 0]]))
    assert math.isnan(mean_auc(np.zeros((0, 2)), np.zeros((0, 2))))
