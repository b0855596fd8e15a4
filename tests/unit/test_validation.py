import math

import numpy as np
import pytest
import torch
from learning_cases import ball
from plan_cases import small_plan
from torch import nn

from segmake.learning.sampling import Case
from segmake.learning.validation import PATCHES, Validation, decode

CPU = torch.device("cpu")


class Threshold(nn.Module):
    """Answers with a fixed rule on the image: dark 0, bright 1, between 2."""

    def forward(self, images):
        return torch.cat([-images, images - 1.7, 1 - (images - 1).abs()], dim=1) * 10


def test_a_good_rule_scores_high_and_noise_low():
    cases = [ball(i) for i in range(3)]
    assert Validation(cases, small_plan(), CPU, "fp32").dice(Threshold()) > 0.95
    shuffled = [Case(c.name, c.image[:, ::-1].copy() * 0, c.label, c.foreground) for c in cases]
    assert Validation(shuffled, small_plan(), CPU, "fp32").dice(Threshold()) < 0.3


def test_dice_counts_all_patches_together():
    class Corner(nn.Module):
        def forward(self, images):
            return torch.cat([torch.zeros_like(images), images], dim=1)

    def case(truth, found):
        label, image = np.zeros((4, 4, 4), np.uint8), -np.ones((1, 4, 4, 4), np.float32)
        label.ravel()[:truth] = 1
        image.ravel()[:found] = 1
        return Case("", image, label, np.zeros((0, 4), np.int16))

    plan = small_plan(labels={"core": 1}, patch=(4, 4, 4))
    cases = [case(truth=4, found=2), case(truth=0, found=6)]
    assert Validation(cases, plan, CPU, "fp32").dice(Corner()) == pytest.approx(2 * 2 / (4 + 8))


def test_without_cases_or_foreground_there_is_no_dice():
    assert math.isnan(Validation([], small_plan(), CPU, "fp32").dice(Threshold()))


def test_few_cases_are_spread_over_all():
    cases = [ball(i) for i in range(15)]
    chosen = Validation(cases, small_plan(), CPU, "fp32").cases
    assert [case.name for case in chosen] == [f"case{i}" for i in range(0, 15, 2)]
    assert len(chosen) == PATCHES


def test_decoding_regions_gives_labels():
    plan = small_plan(regions={"whole": [1, 2], "core": [1]})
    logits = torch.tensor([[-3.0, -3], [3, 3], [3, -3]]).T.reshape(1, 2, 3, 1, 1)
    assert decode(logits, torch.tensor(plan.decoder())).ravel().tolist() == [0, 1, 2]
