"""How sure the models are: entropy, disagreement, and the Dice that may be expected without a truth."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from segmake.inference.labelling import class_of, zeros
from segmake.inference.restore import Stripe
from segmake.plan import Plan
from segmake.volume.volume import Array

FULL = 255
"""What 1 is stored as."""


class Uncertainty:
    """Uncertainty of one case, gathered while its label map is made; a `labelling.Viewer`.

    entropy [1, X, Y, Z] uint8: of the models' mean probabilities over that of a uniform guess; for sigmoid
    heads the mean over heads of their binary entropy. disagreement [1, X, Y, Z] uint8: share of the models
    whose label is another than that of all together. Both are 255 times a number from 0 to 1.
    """

    def __init__(self, plan: Plan, shape: Sequence[int]) -> None:
        self.plan = plan
        self.decoder = torch.tensor(plan.decoder()) if plan.sigmoid else None
        self.entropy: Array = zeros(shape, np.uint8)
        self.disagreement: Array = zeros(shape, np.uint8)
        self.overlaps = {name: np.zeros(3) for name, _, _ in _judged(plan)}

    def view(self, stripe: Stripe, index: Tensor) -> None:
        """Add a stripe of the case."""
        sigmoid = self.plan.sigmoid
        probability = (stripe.logits.sigmoid() if sigmoid else stripe.logits.softmax(1)).mean(0)
        entropy = binary_entropy(probability).mean(0) if sigmoid else entropy_of(probability)
        stripe.within(self.entropy[0])[...] = _stored(entropy)
        if len(stripe.logits) > 1:
            apart = torch.stack([class_of(one, self.decoder) != index for one in stripe.logits])
            stripe.within(self.disagreement[0])[...] = _stored(apart.float().mean(0))
        for name, head, classes in _judged(self.plan):
            chosen = torch.isin(index, torch.tensor(classes, device=index.device))
            believed = probability[head]
            sums = (believed[chosen].double().sum(), believed.double().sum(), chosen.sum())
            self.overlaps[name] += [float(value) for value in sums]

    def predicted_dice(self) -> dict[str, float]:
        """Expected Dice of each label (of each head, where heads are regions) that was found at all.

        2 sum(p m) / (sum p + sum m) with the mean probability p and the predicted mask m: the estimate by
        confidences of Li et al., "Estimating Model Performance under Domain Shifts with Class-Specific
        Confidence Scores", MICCAI 2022, without their calibration. It trusts the models: one that is surely
        wrong is not found out.
        """
        return {
            name: float(2 * both / (believed + chosen))
            for name, (both, believed, chosen) in self.overlaps.items()
            if chosen
        }


def _judged(plan: Plan) -> list[tuple[str, int, tuple[int, ...]]]:
    """Name, head and class indices of what a Dice is predicted for."""
    labels = list(plan.labels)
    if not plan.sigmoid:
        return [(name, place, (place,)) for place, name in enumerate(labels, start=1)]
    names = [*plan.regions, *(labels[head[0] - 1] for head in plan.heads[len(plan.regions) :])]
    return [(name, place, head) for place, (name, head) in enumerate(zip(names, plan.heads, strict=True))]


def entropy_of(probability: Tensor) -> Tensor:
    """Entropy over the classes of [K, ...], 0 to 1."""
    entropy: Tensor = torch.special.entr(probability).sum(0)
    return entropy / math.log(max(2, len(probability)))


def binary_entropy(probability: Tensor) -> Tensor:
    """Entropy of yes or no, 0 to 1."""
    entropy: Tensor = torch.special.entr(probability) + torch.special.entr(1 - probability)
    return entropy / math.log(2)


def _stored(share: Tensor) -> Array:
    stored: Array = (share * FULL).round().clamp(0, FULL).to(torch.uint8).cpu().numpy()
    return stored
