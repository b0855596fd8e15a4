import math

import numpy as np
import pytest
import torch
from plan_cases import small_plan

from segmake.learning.losses import Loss, members, shrink, weights
from segmake.plan import IGNORED

LABELS = torch.tensor([0, 1, 2, 1], dtype=torch.uint8).reshape(1, 4, 1, 1)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_weights_halve_and_sum_to_one():
    assert weights(1) == [1.0]
    assert weights(3) == pytest.approx([4 / 7, 2 / 7, 1 / 7])
    assert sum(weights(5)) == pytest.approx(1)


def test_softmax_loss_equals_hand_computation():
    logits = torch.tensor([[2.0, 0, 0], [0, 1, 0], [0, 0, 3], [1, 0, 0]])
    output = logits.T.reshape(1, 3, 4, 1, 1)
    p = np.exp(logits.numpy()) / np.exp(logits.numpy()).sum(axis=1, keepdims=True)
    truth = [0, 1, 2, 1]
    entropy = -np.mean([math.log(p[i, t]) for i, t in enumerate(truth)])
    one = 2 * (p[1, 1] + p[3, 1]) / (p[:, 1].sum() + 2)
    two = 2 * p[2, 2] / (p[:, 2].sum() + 1)
    loss = Loss.of(small_plan())([output], LABELS)
    assert float(loss) == pytest.approx(entropy + 1 - (one + two) / 2, abs=1e-4)


def test_region_loss_equals_hand_computation():
    plan = small_plan(regions={"whole": [1, 2], "core": [1]})
    logits = torch.tensor([[-1.0, -2], [2, 1], [1, -1], [0.5, 0]])
    output = logits.T.reshape(1, 2, 4, 1, 1)
    truth = np.array([[0, 0], [1, 1], [1, 0], [1, 1]])
    p = np.vectorize(sigmoid)(logits.numpy())
    entropy = -np.mean(truth * np.log(p) + (1 - truth) * np.log(1 - p))
    dice = 2 * (p * truth).sum(axis=0) / (p.sum(axis=0) + truth.sum(axis=0))
    loss = Loss.of(plan)([output], LABELS)
    assert float(loss) == pytest.approx(entropy + 1 - dice.mean(), abs=1e-4)


def test_perfect_logits_lose_nothing():
    output = 50 * members(LABELS, [(0,), (1,), (2,)])
    assert float(Loss.of(small_plan())([output], LABELS)) == pytest.approx(0, abs=1e-4)


def test_batch_dice_counts_the_batch_as_one_volume():
    labels = torch.zeros(2, 2, 1, 1, dtype=torch.uint8)
    labels[0] = 1  # the second patch has no foreground at all
    output = 50 * members(labels, [(0,), (1,)])
    plan = small_plan(labels={"core": 1})
    assert float(Loss.of(plan, batch_dice=True)([output], labels)) == pytest.approx(0, abs=1e-4)
    output = output.clone()
    output[1] = output[1].flip(0)  # and is now all wrong
    together = float(Loss.of(plan, batch_dice=True)([output], labels))
    apart = float(Loss.of(plan, batch_dice=False)([output], labels))
    assert together == pytest.approx(25 + 1 - 4 / 6, abs=1e-3)
    assert apart == pytest.approx(25 + 1 - 1 / 2, abs=1e-3)


def test_coarse_outputs_are_compared_on_their_own_grid():
    labels = torch.zeros(1, 4, 4, 4, dtype=torch.uint8)
    labels[:, :2] = 1
    small = shrink(labels, torch.zeros(1, 3, 2, 2, 2))
    assert small.dtype == torch.uint8
    assert small[0, :, 0, 0].tolist() == [1, 0]
    fine, coarse = (50 * members(x, [(0,), (1,), (2,)]) for x in (labels, small))
    assert float(Loss.of(small_plan())([fine, coarse], labels)) == pytest.approx(1 / 2 * 0, abs=0.6)
    wrong = float(Loss.of(small_plan())([fine, coarse.flip(1)], labels))
    right = float(Loss.of(small_plan())([fine, coarse], labels))
    single = float(Loss.of(small_plan())([coarse.flip(1)], small)) - float(
        Loss.of(small_plan())([coarse], small)
    )
    assert wrong - right == pytest.approx(single / 3, rel=1e-4)


def test_members_follow_the_heads():
    truth = members(LABELS, [(1, 2), (1,)])
    assert truth[0, 0].ravel().tolist() == [0, 1, 1, 1]
    assert truth[0, 1].ravel().tolist() == [0, 1, 0, 1]


def test_gradient_points_to_the_truth():
    output = torch.zeros(1, 3, 4, 1, 1, requires_grad=True)
    Loss.of(small_plan())([output], LABELS).backward()
    for voxel, label in enumerate([0, 1, 2, 1]):
        assert int(output.grad[0, :, voxel, 0, 0].argmin()) == label


PLANS = [
    small_plan(ignore=9),
    small_plan(ignore=9, regions={"whole": [1, 2], "core": [1]}),
]


def random_case(plan, seed=0):
    """Outputs at two resolutions, and labels of which a quarter is ignored."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 3, (2, 8, 8, 8), generator=random, dtype=torch.uint8)
    labels[:, :4, :4] = IGNORED
    outputs = [torch.randn(2, len(plan.heads), n, n, n, generator=random) for n in (8, 4)]
    return outputs, labels


@pytest.mark.parametrize("batch_dice", [True, False])
@pytest.mark.parametrize("plan", PLANS)
def test_ignored_voxels_get_no_gradient_at_any_resolution(plan, batch_dice):
    outputs, labels = random_case(plan)
    for output in outputs:
        output.requires_grad_()
    Loss.of(plan, batch_dice)(outputs, labels).backward()
    for output in outputs:
        judged = (shrink(labels, output) != IGNORED)[:, None].expand_as(output)
        assert (output.grad[~judged] == 0).all()
        assert (output.grad[judged] != 0).all()


@pytest.mark.parametrize("plan", PLANS)
def test_what_is_said_of_ignored_voxels_changes_no_loss(plan):
    outputs, labels = random_case(plan)
    changed = [output.clone() for output in outputs]
    for output in changed:
        output[(shrink(labels, output) == IGNORED)[:, None].expand_as(output)] = 17.0
    loss = Loss.of(plan)
    assert float(loss(changed, labels)) == float(loss(outputs, labels))


@pytest.mark.parametrize("plan", PLANS)
def test_ignoring_equals_cutting_the_voxels_out(plan):
    outputs, labels = random_case(plan)
    labels[:, :4] = IGNORED
    whole = Loss.of(plan)(outputs[:1], labels)
    cut = Loss.of(plan.model_copy(update={"ignore": None}))([outputs[0][:, :, 4:]], labels[:, 4:])
    assert float(whole) == pytest.approx(float(cut), rel=1e-6)


@pytest.mark.parametrize("plan", PLANS)
def test_a_batch_that_nobody_judged_loses_nothing(plan):
    outputs, labels = random_case(plan)
    outputs[0].requires_grad_()
    loss = Loss.of(plan)(outputs[:1], torch.full_like(labels, IGNORED))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(0)
    assert not outputs[0].grad.any()


def test_without_an_ignored_voxel_the_loss_is_the_same():
    outputs, labels = random_case(PLANS[0])
    labels[labels == IGNORED] = 0
    plain = Loss.of(small_plan())(outputs, labels)
    assert float(Loss.of(PLANS[0])(outputs, labels)) == pytest.approx(float(plain), rel=1e-6)
