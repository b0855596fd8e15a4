"""Rows as classify writes them, for the tests of scores."""

from __future__ import annotations

import numpy as np

CLASSES = ("benign", "malignant")


def patch_row(group, truth, logits, *, case="", lesion="", patch="0", split="train", fold="0", **more):
    """One row; logits by class in the order of CLASSES, or a mapping; None: a case without any patch."""
    named = logits if isinstance(logits, dict) else dict(zip(CLASSES, logits or ("", ""), strict=True))
    return {
        "case": case or group,
        "group": group,
        "split": split,
        "fold": fold,
        "patch": patch if logits else "",
        "lesion": lesion,
        "class": truth,
        "case_class": "",
        "head": "softmax",
        **{f"logit_{name}": str(value) for name, value in named.items()},
        **more,
    }


def many(count=60, seed=0, shift=1.5, scale=1.0, split="train"):
    """One patch per patient; the second logit is normal, `shift` further up in malignant ones."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        truth = number % 2
        logit = scale * (random.normal() + shift * (truth - 0.5))
        name = f"{split}-{number:03d}"
        rows.append(patch_row(name, CLASSES[truth], (0.0, logit), split=split, fold=str(number % 3)))
    return rows
