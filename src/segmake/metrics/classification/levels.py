"""The same predictions seen per patch, per lesion and per patient.

A lesion's patches are views of one thing, a patient's lesions are several things: each step has a form of its
own (`aggregation`). A patient without any patch, because a detector found nothing, counts as surely negative:
what was missed before must not vanish from the patients' scores. A patient has what its cases are said to
have; where nothing is said of them, what any of its patches has.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from segmake.errors import InputError
from segmake.metrics.classification.aggregation import (
    How,
    Owners,
    aggregate,
    aggregate_exclusive,
    any_true,
    worst,
)
from segmake.metrics.classification.sweep import Flags
from segmake.metrics.statistics import Floats
from segmake.tables import Row

LOGIT = "logit_"
JOINT = "|"
SIGMOID = "sigmoid"
"""What the column `head` says of classes that do not exclude each other."""
NAMES = ("group", "case", "lesion", "patch", "split", "fold")


@dataclass(frozen=True)
class Task:
    """Classes in order; sigmoid: they do not exclude each other; positive: index of what it is about."""

    classes: tuple[str, ...]
    sigmoid: bool
    positive: int

    @classmethod
    def of(cls, rows: Sequence[Row], positive: str) -> Task:
        """The task of the rows that classify wrote.

        Raises:
            InputError: there are no rows, or no class is called `positive`.
        """
        classes = tuple(name.removeprefix(LOGIT) for name in (rows or [{}])[0] if name.startswith(LOGIT))
        if not classes:
            raise InputError(
                "the tables of classify hold no class probabilities; run slice, fit and classify"
            )
        if positive and positive not in classes:
            raise InputError(
                f"score.positive is '{positive}', but the classes are {', '.join(classes)}; name one"
            )
        index = classes.index(positive) if positive else len(classes) - 1
        return cls(classes, rows[0].get("head") == SIGMOID, index)

    @property
    def binary(self) -> bool:
        """Two classes that exclude each other: one probability says all."""
        return len(self.classes) == 2 and not self.sigmoid

    @property
    def judged(self) -> list[int]:
        """Indices of the classes that have scores of their own."""
        return [self.positive] if self.binary else list(range(len(self.classes)))

    def flags(self, names: str) -> list[bool]:
        """Which classes are among joined names."""
        return [name in names.split(JOINT) for name in self.classes]


@dataclass(frozen=True, eq=False)
class Patches:
    """All patches of some cases, and a row for each case without any."""

    task: Task
    logits: Floats
    """[rows, classes], 0 where there is no patch."""
    found: Flags
    """[rows] Whether there is a patch."""
    truth: Flags
    """[rows, classes]"""
    known: Flags
    """[rows] Whether the truth is."""
    of_case: tuple[Flags, Flags]
    """The same two of the patch's case."""
    rows: Sequence[Row]

    @classmethod
    def of(cls, rows: Sequence[Row], positive: str) -> Patches:
        """Read the rows that classify wrote."""
        task = Task.of(rows, positive)
        cells = [[row[LOGIT + name] for name in task.classes] for row in rows]
        found = np.array([bool(cell[0]) for cell in cells])
        logits = np.array([[float(word or 0) for word in cell] for cell in cells])
        truth = np.array([task.flags(row["class"]) for row in rows])
        case = np.array([task.flags(row.get("case_class", "")) for row in rows])
        told = np.array([row["split"] != "new" for row in rows])
        known = (told if task.sigmoid else truth.any(axis=1) & told, case.any(axis=1) & told)
        return cls(task, logits, found, truth, known[0], (case, known[1]), rows)

    def __len__(self) -> int:
        return len(self.rows)

    def of_rows(self, kept: Flags) -> Patches:
        """Some of the rows."""
        case = (self.of_case[0][kept], self.of_case[1][kept])
        rows = [row for row, keep in zip(self.rows, kept, strict=True) if keep]
        parts = (self.logits[kept], self.found[kept], self.truth[kept], self.known[kept])
        return Patches(self.task, *parts, case, rows)

    def column(self, name: str) -> list[str]:
        """Cells of a column."""
        return [row.get(name, "") for row in self.rows]


@dataclass(frozen=True, eq=False)
class Level:
    """Probabilities and truth of all patches, lesions or patients."""

    name: str
    task: Task
    probability: Floats
    """[units, classes]"""
    truth: Flags
    known: Flags
    columns: dict[str, list[str]]
    """`NAMES`, empty where a unit has several."""
    ranking: Floats
    """[units, classes] Probabilities before calibration: parts with temperatures of their own would not rank
    alike."""

    def of_units(self, kept: Flags) -> Level:
        """Some of the units."""
        columns = {
            name: [cell for cell, keep in zip(cells, kept, strict=True) if keep]
            for name, cells in self.columns.items()
        }
        parts = (self.probability[kept], self.truth[kept], self.known[kept], columns, self.ranking[kept])
        return Level(self.name, self.task, *parts)


def levels(patches: Patches, probability: Floats, patch_how: How, lesion_how: How) -> list[Level]:
    """Patches, lesions (where there are any) and patients.

    Args:
        patches: rows; each patient's all together.
        probability: [rows, classes] of the patches.
        patch_how: how the patches of a lesion become one, and those of a patient without lesions.
        lesion_how: how the lesions of a patient become one.
    """
    probability = np.where(patches.found[:, None], probability, _nothing(patches.task))
    result = [_of_patches(patches, probability)]
    lesions = patches.found & np.array([bool(name) for name in patches.column("lesion")], dtype=np.bool_)
    if lesions.any():
        result.append(_of_lesions(patches.of_rows(lesions), probability[lesions], patch_how))
    return [*result, _of_patients(patches, probability, lesions, (patch_how, lesion_how))]


def _of_patches(patches: Patches, probability: Floats) -> Level:
    kept = patches.found
    some = patches.of_rows(kept)
    return _level(("patch", some), probability[kept], some.truth, some.known, np.arange(len(some)))


def _of_lesions(patches: Patches, probability: Floats, how: How) -> Level:
    first, owner = _numbered(list(zip(patches.column("case"), patches.column("lesion"), strict=True)))
    joined = _joined(patches.task, probability, owner, len(first), how)
    return _level(("lesion", patches), joined, patches.truth, patches.known, owner)


def _of_patients(patches: Patches, probability: Floats, lesions: Flags, how: tuple[How, How]) -> Level:
    """Patches -> lesions -> patients; cases without a patch count where their patient has nothing else."""
    first, owner = _numbered(patches.column("group"))
    count, task = len(first), patches.task
    has_patch, has_lesion = (
        any_true(flags[:, None], owner, count)[:, 0] for flags in (patches.found, lesions)
    )
    used = np.flatnonzero(patches.found | ~has_patch[owner])
    places = list(zip(patches.column("case"), patches.column("lesion"), strict=True))
    keys = [(owner[row], places[row] if has_lesion[owner[row]] else None) for row in used]
    part, part_of = _numbered(keys)
    joined = _joined(task, probability[used], part_of, len(part), how[0])
    joined = _joined(task, joined, owner[used[part]], count, how[1])
    case, case_known = patches.of_case
    said = patches.truth | case if task.sigmoid else np.where(case_known[:, None], case, patches.truth)
    return _level(("patient", patches), joined, said, patches.known | case_known, owner)


def _level(
    what: tuple[str, Patches], probability: Floats, truth: Flags, known: Flags, owner: Owners
) -> Level:
    """Units with their own truth; truth, known and owner are of the rows."""
    name, patches = what
    count, task = len(probability), patches.task
    truth = any_true(truth & known[:, None], owner, count)
    columns = {column: _common(patches.column(column), owner, count) for column in NAMES}
    known = any_true(known[:, None], owner, count)[:, 0]
    truth = truth if task.sigmoid else worst(truth, task.positive)
    return Level(name, task, probability, truth, known, columns, probability)


def _joined(task: Task, probability: Floats, owner: Owners, count: int, how: How) -> Floats:
    if task.sigmoid:
        return aggregate(probability, owner, count, how)
    return aggregate_exclusive(probability, owner, count, how, task.positive)


def _nothing(task: Task) -> Floats:
    """Probabilities where there is nothing: none of the classes, or else the first that is not positive."""
    found = np.zeros(len(task.classes))
    if not task.sigmoid:
        found[1 if task.binary and task.positive == 0 else 0] = 1
    return found


def _numbered(keys: Sequence[Hashable]) -> tuple[list[int], Owners]:
    """First row of each key in order of appearance, and the key's number for each row."""
    first: dict[Hashable, int] = {}
    numbers: dict[Hashable, int] = {}
    for row, key in enumerate(keys):
        if key not in numbers:
            numbers[key], first[key] = len(numbers), row
    return list(first.values()), np.array([numbers[key] for key in keys], dtype=np.intp)


def _common(cells: Sequence[str], owner: Owners, count: int) -> list[str]:
    """The cell that all rows of a unit share, empty where they do not."""
    found: list[str | None] = [None] * count
    for cell, unit in zip(cells, owner.tolist(), strict=True):
        found[unit] = cell if found[unit] in (None, cell) else ""
    return [cell or "" for cell in found]
