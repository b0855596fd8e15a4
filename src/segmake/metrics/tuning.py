"""Which post-processing helps: the Dice of every candidate, and a choice that chance would not make."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from segmake.metrics.counts import Labels, joint_box
from segmake.metrics.statistics import FEWEST, Bootstrap, bca_interval, patient_means
from segmake.postprocessing import Evidence, PostprocessSettings, Step
from segmake.volume.cleaning import cleaned, kept_parts
from segmake.volume.components import components

Floats = npt.NDArray[np.float64]


def candidate_steps(settings: PostprocessSettings, label: str) -> list[Step]:
    """All that is tried for one label."""
    steps = []
    for kind in settings.candidates:
        volumes = settings.volumes_ml if kind == "smallest" else [0.0]
        steps += [Step(label=label, kind=kind, ml=volume) for volume in volumes]
    return steps


def candidate_dice(
    prediction: Labels, truth: Labels, value: int, steps: Sequence[Step], voxel_ml: float
) -> Floats:
    """Dice [1 + steps] of one label: as it was predicted, then after each step alone.

    prediction, truth: label maps [X, Y, Z]. Two empty masks agree (1).
    """
    box = joint_box(prediction == value, truth == value)
    prediction, truth = prediction[box], truth[box]
    right = truth == value
    parts = components(prediction == value)
    sizes, shared = parts.sizes(), parts.sizes(right)
    wanted = int(right.sum())
    result = [_dice(int(shared.sum()), int(sizes.sum()), wanted)]
    for step in steps:
        if step.kind == "holes":
            filled = cleaned(prediction, value, "holes", 0.0, voxel_ml) == value
            counts = int((filled & right).sum()), int(filled.sum())
        else:
            kept = kept_parts(sizes, step.kind, step.ml, voxel_ml)
            counts = int(shared[kept].sum()), int(sizes[kept].sum())
        result.append(_dice(*counts, wanted))
    return np.array(result)


def choose(
    dice: Floats,
    steps: Sequence[Step],
    patients: Sequence[Hashable],
    settings: PostprocessSettings,
    seed: int,
) -> list[Evidence]:
    """What each step brings, and whether it is taken: [cases, 1 + steps] of one label.

    Of the ways to drop parts the one that gains most is looked at, and filling holes by itself. It is taken
    when the lower end of the bootstrap interval of its mean gain over patients lies above zero, at a
    confidence that holds for all that were tried together (Bonferroni), and with at least ten patients.
    """
    gains = dice[:, 1:] - dice[:, :1]
    means = gains.mean(axis=0) if len(gains) else np.zeros(len(steps))
    level = 1 - (1 - settings.confidence) / max(1, len(steps))
    best = {_best(means, [step.kind == "holes" for step in steps], holes) for holes in (True, False)}
    rng = Bootstrap(seed=seed)
    found = []
    for index, step in enumerate(steps):
        values = patient_means(gains[:, index].tolist(), patients)
        low, _ = bca_interval(values, rng.rng(step.label, step.kind, f"{step.ml}"), settings.resamples, level)
        sure = index in best and len(values) >= FEWEST and low > 0
        found.append(
            Evidence(
                **step.model_dump(),
                patients=len(values),
                gain=round(float(means[index]), 6),
                low=round(low, 6) if np.isfinite(low) else None,
                taken=bool(sure),
            )
        )
    return found


def taken(evidence: Iterable[Evidence]) -> list[Step]:
    """The steps that were taken; holes are filled last."""
    steps = [Step(label=entry.label, kind=entry.kind, ml=entry.ml) for entry in evidence if entry.taken]
    return sorted(steps, key=lambda step: step.kind == "holes")


def _best(means: Floats, filling: Sequence[bool], holes: bool) -> int:
    """Index of the step that gains most among those that fill holes, or those that do not; -1 for none."""
    among = [index for index, fills in enumerate(filling) if fills == holes]
    return max(among, key=lambda index: float(means[index]), default=-1)


def _dice(shared: int, predicted: int, wanted: int) -> float:
    return 2 * shared / (predicted + wanted) if predicted + wanted else 1.0
