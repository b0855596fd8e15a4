"""Temperature and thresholds: learned on out-of-fold rows, applied to rows they were not learned on.

Out-of-fold rows (training cases, each predicted by the model that kept its fold for validation) are judged
too. So their patients are dealt into parts, and each part is calibrated and decided by what the other parts
say. Test and new rows take the rule of all out-of-fold rows; they never have a say in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from segmake.classification import ScoreSettings
from segmake.metrics.classification.levels import Level, Patches, Task, levels
from segmake.metrics.classification.sweep import Flags
from segmake.metrics.classification.temperature import fit_temperature, probabilities
from segmake.metrics.classification.thresholds import HALF, choose_threshold
from segmake.metrics.statistics import Floats

PARTS = 5
ONE_CLASS = "half, for one class alone was there to learn from"


@dataclass(frozen=True, eq=False)
class Rule:
    """How logits become probabilities and probabilities decisions."""

    temperature: Floats
    thresholds: Mapping[str, Floats] = field(default_factory=dict)
    """Level -> threshold of each class [classes]; of a level that is not there 0.5."""
    chosen: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Level -> how each was chosen."""
    patches: int = 0
    """Number of patches it was learned on."""
    patients: int = 0

    def told(self) -> dict[str, Any]:
        """The rule as a file holds it."""
        each = {
            level: {"threshold": [round(float(t), 6) for t in cut], "chosen": list(self.chosen[level])}
            for level, cut in self.thresholds.items()
        }
        return {
            "temperature": [round(float(value), 6) for value in self.temperature],
            "levels": each,
            "patches": self.patches,
            "patients": self.patients,
        }

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Rule:
        """The rule that a file holds; KeyError, TypeError or ValueError where it is none."""
        levels = dict(told["levels"])
        thresholds = {name: np.array(each["threshold"], dtype=np.float64) for name, each in levels.items()}
        chosen = {name: each["chosen"] for name, each in levels.items()}
        temperature = np.array([float(value) for value in told["temperature"]])
        return cls(temperature, thresholds, chosen, told["patches"], told["patients"])

    def called(self, task: Task, level: str, probability: Floats) -> Flags:
        """Which classes each unit of a level is called [units, classes]."""
        return decide(task, probability, self.thresholds.get(level, np.full(len(task.classes), HALF)))


def decide(task: Task, probability: Floats, thresholds: Floats) -> Flags:
    """Classes [units, classes]: by thresholds of their own, the positive of two, or the likeliest of more."""
    if task.sigmoid:
        called: Flags = probability >= thresholds
        return called
    chosen = probability.argmax(axis=1)
    if task.binary:
        acted = probability[:, task.positive] >= thresholds[task.positive]
        chosen = np.where(acted, task.positive, 1 - task.positive)
    alone: Flags = np.eye(len(task.classes), dtype=np.bool_)[chosen]
    return alone


def learn(patches: Patches, settings: ScoreSettings) -> Rule:
    """Temperature of the patches and thresholds of each level, from rows whose truth is known."""
    task = patches.task
    usable = patches.found & patches.known
    temperature = np.ones(len(task.classes) if task.sigmoid else 1)
    if settings.calibrate and usable.any():
        temperature = fit_temperature(patches.logits[usable], patches.truth[usable], task.sigmoid)
    thresholds, chosen = {}, {}
    for level in seen(patches, temperature, settings) if len(patches) else []:
        thresholds[level.name], chosen[level.name] = _cuts(level.of_units(level.known), settings)
    patients = len(set(patches.column("group")))
    return Rule(temperature, thresholds, chosen, int(usable.sum()), patients)


def seen(patches: Patches, temperature: Floats, settings: ScoreSettings) -> list[Level]:
    """All levels of the patches, calibrated; they are ranked by what they were before."""
    how = (settings.aggregate, settings.aggregate_lesions)
    scales = (temperature, np.ones_like(temperature))
    calibrated, plain = (
        levels(patches, probabilities(patches.logits, scale, patches.task.sigmoid), *how) for scale in scales
    )
    return [replace(a, ranking=b.probability) for a, b in zip(calibrated, plain, strict=True)]


def _cuts(level: Level, settings: ScoreSettings) -> tuple[Floats, list[str]]:
    """Threshold of each class and how it was chosen; of more than two classes the likeliest is called."""
    task = level.task
    cuts, chosen = np.full(len(task.classes), HALF), ["the likeliest class"] * len(task.classes)
    for k in task.judged if task.sigmoid or task.binary else []:
        least = settings.sensitivity
        cut = choose_threshold(level.truth[:, k], level.probability[:, k], settings.threshold, least)
        cuts[k] = HALF if cut is None else cut
        chosen[k] = ONE_CLASS if cut is None else settings.threshold
    if task.binary:
        cuts[1 - task.positive] = 1 - cuts[task.positive]
        chosen[1 - task.positive] = chosen[task.positive]
    return cuts, chosen


@dataclass(frozen=True, eq=False)
class Decided:
    """A level with its decisions [units, classes]."""

    level: Level
    called: Flags


@dataclass(frozen=True, eq=False)
class Verdict:
    """All levels of all rows, the rule for new rows, and the rules of the parts."""

    levels: list[Decided]
    rule: Rule
    parts: list[Rule]


def judge(patches: Patches, settings: ScoreSettings) -> Verdict:
    """Calibrate and decide all rows."""
    own = np.array([split == "train" for split in patches.column("split")], dtype=np.bool_)
    learned = patches.of_rows(own)
    rule = learn(learned, settings)
    dealt = deal(learned)
    results, rules = [], []
    for number in range(int(dealt.max(initial=-1)) + 1):
        rules.append(learn(learned.of_rows(dealt != number), settings))
        results.append(_apply(rules[-1], learned.of_rows(dealt == number), settings))
    if not own.all():
        results.append(_apply(rule, patches.of_rows(~own), settings))
    return Verdict(_merged(results), rule, rules)


def deal(patches: Patches, parts: int = PARTS) -> npt.NDArray[np.int64]:
    """The part of each row: patients by their worst class and then in the order of a hash, dealt in turn."""
    groups = patches.column("group")
    truth = patches.truth | patches.of_case[0]
    classes: dict[str, tuple[bool, ...]] = {}
    for group, row in zip(groups, truth.tolist(), strict=True):
        before = classes.get(group, (False,) * len(row))
        classes[group] = tuple(a or b for a, b in zip(before, row, strict=True))
    order = sorted(classes, key=lambda group: (classes[group], hashlib.sha256(group.encode()).hexdigest()))
    part = {group: place % parts for place, group in enumerate(order)}
    return np.array([part[group] for group in groups], dtype=np.int64)


def _apply(rule: Rule, patches: Patches, settings: ScoreSettings) -> list[Decided]:
    return [
        Decided(level, rule.called(level.task, level.name, level.probability))
        for level in seen(patches, rule.temperature, settings)
    ]


def _merged(parts: Sequence[Sequence[Decided]]) -> list[Decided]:
    """Levels of all parts, one after the other; patches first, patients last."""
    found: dict[str, list[Decided]] = {"patch": [], "lesion": [], "patient": []}
    for part in parts:
        for decided in part:
            found[decided.level.name].append(decided)
    return [_joined(each) for each in found.values() if each]


def _joined(parts: Sequence[Decided]) -> Decided:
    each = [part.level for part in parts]
    columns = {name: [cell for level in each for cell in level.columns[name]] for name in each[0].columns}
    level = Level(
        each[0].name,
        each[0].task,
        np.concatenate([one.probability for one in each]),
        np.concatenate([one.truth for one in each]),
        np.concatenate([one.known for one in each]),
        columns,
        np.concatenate([one.ranking for one in each]),
    )
    return Decided(level, np.concatenate([part.called for part in parts]))
