"""classify: takes classifiers and patches, makes the logits of each patch's classes.

Training cases are classified by the model that kept their fold for validation (out of fold), others by all
models together: the mean of their logits. A case without a patch has a row too, for it was looked at.
Also single images without a table: `segmake classify --model M --image PICTURE`.
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np
import torch

from segmake.cores import use_cores
from segmake.device import choose_device
from segmake.errors import InputError
from segmake.figures.explanation import explanation
from segmake.figures.style import to_png
from segmake.inference.attention import grad_cam, occlusion
from segmake.inference.classes import class_logits, disagreement
from segmake.jobs import ClassifyJob
from segmake.learning.classifier import TrainedClassifier, load_classifier, normalise
from segmake.metrics.classification.decision import Rule
from segmake.metrics.classification.levels import JOINT, LOGIT, SIGMOID, Task
from segmake.metrics.classification.temperature import probabilities
from segmake.patches import Patch, read_folds, read_patches
from segmake.prepare.pictures import picture_patch
from segmake.tables import Row, read_cases, write_table
from segmake.volume.read import read_scan
from segmake.volume.store import load_array
from segmake.volume.volume import Array

log = logging.getLogger("segmake")
HEAD = ("case", "group", "site", "split", "fold", "patch", "lesion", "class", "case_class", "head")
PLACE = ("x_mm", "y_mm", "z_mm", "diameter_mm")
AT_ONCE = {"cpu": 32, "cuda": 256}
"""Patches per network call."""
DPI = 150


@dataclass(frozen=True, eq=False)
class Classified:
    """A patch and what the models that may see it say: logits [passes, classes]."""

    patch: Patch
    models: Sequence[TrainedClassifier]
    logits: Array
    uncertainty: float | None

    @property
    def called(self) -> int:
        """Index of the likeliest class."""
        return int(self.logits.mean(axis=0).argmax())


def run(job: ClassifyJob) -> None:
    """Classify the patches of a shard, or single images."""
    use_cores(job.threads)
    device = choose_device(job.device)
    models = [load_classifier(path, device, job.trust) for path in job.model]
    _check(models, job)
    if job.table is None or job.folds is None:
        _classify_images(job, models)
    else:
        _classify_table(job, job.table, read_folds(job.folds), models)


def _check(models: Sequence[TrainedClassifier], job: ClassifyJob) -> None:
    """One kind of classifier: the same classes on the same kind of patches."""
    if not models:
        raise InputError("classify needs at least one --model; give the model.pt of a fold")
    kinds = {(tuple(m.classes), m.multi_label, m.channels, m.size) for m in models}
    if len(kinds) > 1:
        raise InputError(
            f"the models {', '.join(map(str, job.model))} differ in classes, channels or size of their "
            "patches; give the folds of one classifier"
        )


def _classify_table(
    job: ClassifyJob, table: Path, folds: dict[str, int | None], models: Sequence[TrainedClassifier]
) -> None:
    """Write a row per patch, and one for each case that has none."""
    started = time.perf_counter()
    cases = {row["case"]: row for row in read_cases([table])}
    fitting = {case: _fitting(case, folds.get(case), models) for case in cases}
    if left := sorted(case for case, fit in fitting.items() if not fit):
        log.info("left out, for no fitted fold has kept them for validation: %s", ", ".join(left))
    patches = [patch for patch in read_patches([table]) if fitting[patch.case]]
    found = [each for batch in _batches(patches, fitting, job) for each in batch]
    found.sort(key=lambda each: (each.patch.case, each.patch.index))
    logits = [LOGIT + name for name in models[0].classes]
    rows = [_patch_row(each, cases[each.patch.case], folds, models[0]) for each in found]
    rows += [_empty_row(row, folds, models[0]) for row in cases.values() if _is_empty(row, fitting)]
    write_table(job.target, rows, (*HEAD, *logits, "uncertainty", *PLACE))
    spent = time.perf_counter() - started
    log.info("%d patches in %.1f s (%.1f per second)", len(found), spent, len(found) / max(spent, 1e-9))
    _explain(job, found)


def _fitting(case: str, fold: int | None, models: Sequence[TrainedClassifier]) -> list[TrainedClassifier]:
    """The models that have not learned from a case: that of its fold, or all where it has none."""
    return [m for m in models if (fold is None or m.fold == fold) and case not in m.training]


def _is_empty(row: Row, fitting: dict[str, list[TrainedClassifier]]) -> bool:
    return row["patches"] == "0" and bool(fitting[row["case"]])


def _batches(
    patches: Sequence[Patch], fitting: dict[str, list[TrainedClassifier]], job: ClassifyJob
) -> Iterator[list[Classified]]:
    """Classify patches that the same models may see together."""

    def folds(patch: Patch) -> list[int]:
        return [model.fold for model in fitting[patch.case]]

    for _, group in groupby(sorted(patches, key=folds), key=folds):
        some = list(group)
        pixels = _pixels(some)
        while batch := list(islice(pixels, AT_ONCE[choose_device(job.device).type])):
            yield _classify([patch for patch, _ in batch], [p for _, p in batch], fitting[some[0].case], job)


def _pixels(patches: Sequence[Patch]) -> Iterator[tuple[Patch, Array]]:
    for path, group in groupby(patches, key=lambda patch: patch.path):
        array = load_array(path)
        for patch in group:
            yield patch, array[patch.index]


def _classify(
    patches: Sequence[Patch], pixels: Sequence[Array], models: Sequence[TrainedClassifier], job: ClassifyJob
) -> list[Classified]:
    for patch, image in zip(patches, pixels, strict=True):
        _check_shape(patch.path.name, image, models[0])
    device = next(models[0].network.parameters()).device
    images = normalise(torch.from_numpy(np.stack(pixels)).to(device))
    logits = class_logits([model.network for model in models], images, job, models[0].settings.flip)
    apart = disagreement(logits, models[0].multi_label).tolist() if len(logits) > 1 else [None] * len(patches)
    each = zip(patches, logits.cpu().numpy().swapaxes(0, 1), apart, strict=True)
    return [Classified(patch, models, passes, value) for patch, passes, value in each]


def _check_shape(name: str, image: Array, model: TrainedClassifier) -> None:
    wanted = (model.channels, model.size, model.size)
    if image.shape != wanted:
        raise InputError(
            f"{name} holds patches of shape {image.shape}, but the models take {wanted}; slice with the "
            "settings that they were fitted with (slice.size, slice.planes, slice.colours)"
        )


def _patch_row(
    each: Classified, case: Row, folds: dict[str, int | None], model: TrainedClassifier
) -> dict[str, object]:
    patch = each.patch
    row = _row(case, folds, model) | {"patch": patch.index, "lesion": patch.lesion, "class": patch.class_}
    row |= {LOGIT + name: f"{v:.7g}" for name, v in zip(model.classes, each.logits.mean(axis=0), strict=True)}
    row["uncertainty"] = "" if each.uncertainty is None else f"{each.uncertainty:.4g}"
    places = {name: getattr(patch, name) for name in PLACE}
    return row | {name: "" if value is None else f"{value:.7g}" for name, value in places.items()}


def _empty_row(case: Row, folds: dict[str, int | None], model: TrainedClassifier) -> dict[str, object]:
    return _row(case, folds, model) | {LOGIT + name: "" for name in model.classes}


def _row(case: Row, folds: dict[str, int | None], model: TrainedClassifier) -> dict[str, object]:
    """What a case's rows share."""
    fold = folds.get(case["case"])
    return {
        "case": case["case"],
        "group": case["group"] or case["case"],
        "site": case.get("site", ""),
        "split": case["split"],
        "fold": "" if fold is None else fold,
        "case_class": case["class"],
        "head": SIGMOID if model.multi_label else "softmax",
    }


def _explain(job: ClassifyJob, found: Sequence[Classified]) -> None:
    """Draw what the models looked at: of the patches of known class the most certain wrong and right ones."""
    folder = job.target.parent / "explain" / job.target.stem
    shutil.rmtree(folder, ignore_errors=True)
    if not job.explain:
        return
    folder.mkdir(parents=True)
    for each in _chosen(found, job.explain):
        patch, model = each.patch, each.models[0]
        pixels = load_array(patch.path)[patch.index]
        device = next(model.network.parameters()).device
        image = normalise(torch.from_numpy(pixels[np.newaxis]).to(device))[0]
        maps = {"Grad-CAM": grad_cam(model.network, image, each.called)}
        if job.occlusion:
            maps["occlusion"] = occlusion(model.network, image, each.called)
        truth, called = patch.class_ or "unknown", model.classes[each.called]
        title = f"{patch.case}, patch {patch.index}: truth {truth}, called {called}"
        png = to_png(explanation(pixels, maps, title), DPI)
        (folder / f"{patch.case}_{patch.index}.png").write_bytes(png)


def _chosen(found: Sequence[Classified], count: int) -> list[Classified]:
    """Half of them wrong, the rest right, each the most certain; what has no class counts as right."""

    def certainty(each: Classified) -> float:
        top = np.sort(each.logits.mean(axis=0))
        return float(top[-1] - top[-2]) if len(top) > 1 else abs(float(top[0]))

    ranked = sorted(found, key=certainty, reverse=True)
    wrong = [e for e in ranked if e.patch.classes and e.models[0].classes[e.called] not in e.patch.classes]
    right = [each for each in ranked if each not in wrong]
    share = min(len(wrong), max(count // 2, count - len(right)))
    return [*wrong[:share], *right[: count - share]]


def _classify_images(job: ClassifyJob, models: Sequence[TrainedClassifier]) -> None:
    """Classify pictures that stand for themselves: a table, or text where no output is named."""
    model = models[0]
    task, rule = _rule(job, model)
    nowhere = (None, None, None, None)
    patches = [Patch(str(path), "", "", "new", 0, "", "", *nowhere, "", path) for path in job.image]
    pixels = [_picture(path, job, model) for path in job.image]
    found = _classify(patches, pixels, models, job)
    logits = np.array([each.logits.mean(axis=0) for each in found], dtype=np.float64)
    chances = probabilities(logits, rule.temperature, task.sigmoid)
    calls = rule.called(task, "patch", chances)
    rows = [
        {"image": patch.case}
        | {f"p_{name}": f"{chance:.4f}" for name, chance in zip(task.classes, row, strict=True)}
        | {"decision": JOINT.join(name for name, yes in zip(task.classes, call, strict=True) if yes)}
        for patch, row, call in zip(patches, chances, calls, strict=True)
    ]
    if job.output:
        write_table(job.output, rows)
    for row in [] if job.output else rows:
        sys.stdout.write("  ".join(f"{name} {value}" for name, value in row.items()) + "\n")


def _picture(path: Path, job: ClassifyJob, model: TrainedClassifier) -> Array:
    image = read_scan(path).volume
    return picture_patch(image, job.window, "other", model.size, "rgb" if model.channels == 3 else "grey")


def _rule(job: ClassifyJob, model: TrainedClassifier) -> tuple[Task, Rule]:
    """How logits become probabilities and decisions: as score has found, or plainly."""
    if job.decision is None:
        log.warning("without --decision probabilities are not calibrated, and decisions are made at 0.5")
        return Task(tuple(model.classes), model.multi_label, len(model.classes) - 1), Rule(np.ones(1))
    try:
        told = json.loads(job.decision.read_text(encoding="utf-8"))
        task = Task(tuple(told["classes"]), told["sigmoid"], told["classes"].index(told["positive"]))
        rule = Rule.read(told)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{job.decision} cannot be read ({error}); give the decision.json of score"
        ) from error
    if list(task.classes) != model.classes or task.sigmoid != model.multi_label:
        raise InputError(
            f"{job.decision} is about {', '.join(task.classes)}, the models about "
            f"{', '.join(model.classes)}; give the decision.json of this classifier"
        )
    return task, rule
