"""fit: takes patches, their folds and a fold, makes a classifier (model.pt) and history.csv.

Steps: leave the fold's cases out, train within the budget on the others (going on where a stopped run of the
same job was), publish the averaged weights (or the best). The rolling state stays in `state/` beside them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from segmake.classification import FitJob, FitSettings
from segmake.configuration import flags
from segmake.errors import InputError
from segmake.learning import session
from segmake.learning.checkpoint import versions
from segmake.learning.classifier import TrainedClassifier, load_classifier, save_classifier
from segmake.learning.classifying import Classification
from segmake.learning.distributed import Ranks
from segmake.learning.journal import Journal
from segmake.learning.loop import Task, train
from segmake.learning.patchwork import OnDisk, Patches, Pictures
from segmake.learning.run import Run
from segmake.patches import Patch, read_folds, read_patches
from segmake.tables import read_cases
from segmake.volume.store import open_array

log = logging.getLogger("segmake")
VERSION = 1
Arrays = Mapping[Path, Any]
"""The array of each file of patches, opened."""


def run(job: FitJob) -> dict[str, Any]:
    """Fit one classifier on one fold and publish it; returns how far its manifest vouches for it.

    With several GPUs, this process starts one for each and waits for them.
    """
    words = ["fit", *flags(job, leave_out=("tables",)), "--tables", *map(str, job.tables)]
    return session.conduct(job, words, lambda ranks: _fit(job, ranks))


def _fit(job: FitJob, ranks: Ranks) -> dict[str, Any]:
    """Train as one of `ranks`, of which the first publishes the classifier."""
    settings = FitSettings(**{name: getattr(job, name) for name in FitSettings.model_fields})
    training, validation = _split(read_patches(job.tables), read_folds(job.division), job.fold)
    classes = _classes(job.classes, training, settings.multi_label)
    replayed = _replayed(settings)
    rates = replayed.rates[: job.replay_steps] if replayed else []
    opened = {path: open_array(path) for path in {patch.path for patch in (*training, *validation)}}
    shape = _shape(training + validation, opened)
    in_memory = _gigabytes(training, opened) * ranks.local_count <= settings.cache_gb
    lesson = Classification(
        settings,
        classes,
        shape,
        _gather(training, classes, opened, in_memory),
        _gather(validation, classes, opened, in_memory=False),
    )
    identity = _identity(job, settings, classes, training)
    if replayed:
        identity |= session.course(rates, replayed.compiled)
    task = Task(lesson, identity, rates, replayed.compiled if replayed else None, ranks)
    cases = [sorted({patch.case for patch in part}) for part in (training, validation)]
    log.info(
        "fitting %s on %d patches of %d cases, %d patches of %d cases kept for validation",
        *(", ".join(classes), len(training), len(cases[0]), len(validation), len(cases[1])),
    )
    journal = session.open_journal(job.output, job.fold, settings) if ranks.first else Journal("")
    result = train(task, session.state_folder(job.output) / "state.pt", journal)
    if ranks.first:
        save_classifier(job.output, _model(lesson, job.fold, result, cases))
    return session.facts(task, result, len(cases[0]))


def _model(lesson: Classification, fold: int, result: Run, cases: Sequence[list[str]]) -> TrainedClassifier:
    """What is published of a training."""
    history = result.history.summary()
    if result.best.weights:
        history |= {"val_auc": result.best.figure, "best_step": float(result.best.step)}
    return TrainedClassifier(
        result.averaged,
        lesson.settings,
        list(lesson.classes),
        *lesson.shape,
        multi_label=lesson.settings.multi_label,
        fold=fold,
        seed=lesson.settings.seed,
        training=cases[0],
        validation=cases[1],
        history=history,
        versions=versions(),
        rates=result.rates,
        compiled=bool(result.compiled),
        hashes=result.hashes,
        start=result.start,
    )


def _replayed(settings: FitSettings) -> TrainedClassifier | None:
    """The training to repeat, made of the network that the settings name."""
    if settings.replay is None:
        return None
    return load_classifier(settings.replay, torch.device("cpu"), settings.network)


def _split(patches: list[Patch], folds: dict[str, int | None], fold: int) -> tuple[list[Patch], list[Patch]]:
    """Patches to learn from and patches kept for validation; those of test and new cases are neither."""
    unknown = [patch.case for patch in patches if patch.case not in folds]
    if unknown:
        raise InputError(f"case {unknown[0]} is not in the table of folds; run `segmake divide` again")
    known = sorted({number for number in folds.values() if number is not None})
    if fold not in known:
        raise InputError(f"fit.folds must name folds of the table {known}, got {fold}; see plan.folds")
    mine = [patch for patch in patches if folds[patch.case] is not None]
    training = [patch for patch in mine if folds[patch.case] != fold]
    if not training:
        raise InputError(f"no patch is left to learn from without fold {fold}; add cases or use fewer folds")
    return training, [patch for patch in mine if folds[patch.case] == fold]


def _classes(listed: Sequence[str], training: Sequence[Patch], multi_label: bool) -> list[str]:
    """Classes in order, those listed or those that occur.

    Raises InputError when a patch has a class that is not listed, none, or several where one is allowed.
    """
    found = sorted({name for patch in training for name in patch.classes})
    classes = list(listed) or found
    if missing := [name for name in found if name not in classes]:
        raise InputError(f"patches have the class {missing[0]}, slice.classes lists {classes}; add it there")
    if len(classes) < (1 if multi_label else 2):
        raise InputError(f"a classifier needs two classes at least, the patches have {classes}; add cases")
    for patch in [] if multi_label else training:
        if len(patch.classes) != 1:
            raise InputError(
                f"every patch needs one class, one of case {patch.case} has '{patch.class_}'; correct the "
                "sheet, or set fit.multi_label where classes do not exclude each other"
            )
    return classes


def _shape(patches: Sequence[Patch], opened: Arrays) -> tuple[int, int]:
    """Channels and side of all patches.

    Raises InputError when two differ.
    """
    first = patches[0]
    for patch in patches:
        found, expected = opened[patch.path].shape[1:], opened[first.path].shape[1:]
        if found != expected:
            raise InputError(
                f"patches need one shape (channels, rows, columns), case {first.case} has {list(expected)} "
                f"and case {patch.case} {list(found)}; set slice.colours to grey or rgb"
            )
    channels, size = opened[first.path].shape[1:3]
    return channels, size


def _gather(patches: Sequence[Patch], classes: Sequence[str], opened: Arrays, in_memory: bool) -> Patches:
    """Read the patches, or leave them to be read one by one."""
    truth = np.zeros((len(patches), len(classes)), dtype=np.float32)
    for row, patch in enumerate(patches):
        truth[row, [classes.index(name) for name in patch.classes if name in classes]] = 1
    pictures: Pictures = OnDisk([(opened[patch.path], patch.index) for patch in patches])
    if in_memory:
        pictures = pictures[range(len(patches))]
    return Patches(pictures, truth, [patch.case for patch in patches])


def _gigabytes(patches: Sequence[Patch], opened: Arrays) -> float:
    """Size of the arrays of all patches once decompressed."""
    return sum(float(opened[path].nbytes) for path in {patch.path for patch in patches}) / 1e9


def _identity(job: FitJob, settings: FitSettings, classes: list[str], patches: list[Patch]) -> dict[str, Any]:
    """Everything that decides the weights, by name, so that a change can be told apart."""
    rows = {row["case"]: [row.get("key", ""), row.get("sha256", "")] for row in read_cases(job.tables)}
    learned = [[patch.case, patch.index, patch.class_, *rows[patch.case]] for patch in patches]
    return session.deciding("fit", settings) | {
        "version": VERSION,
        "fold": job.fold,
        "classes": classes,
        "training patches": session.digest(learned),
    }
