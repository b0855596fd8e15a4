"""divide: takes the tables of slice, makes folds.tsv and guards.tsv.

Steps: take the folds of the 3D branch (its plan), a user's own, or deal whole patients into new ones; look
for what makes scores too good: patients and images on two sides, classes that need no picture.
"""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from segmake.dataset.folds import assign_folds
from segmake.dataset.honesty import (
    Guard,
    Member,
    Pair,
    gravest_first,
    guard_duplicates,
    guard_group,
    guard_patients,
    guard_shortcut,
    side_of,
)
from segmake.dataset.sheet import shard_of
from segmake.dataset.splits import own_folds, read_splits
from segmake.errors import InputError
from segmake.jobs import DivideJob
from segmake.patches import JOINT, Patch, read_patches
from segmake.plan import Plan
from segmake.prepare.likeness import alike, close_pairs, look, unpack
from segmake.tables import Row, read_cases, read_table, write_table
from segmake.volume.store import load_array
from segmake.volume.volume import Array

log = logging.getLogger("segmake")

COLUMNS = ("case", "group", "split", "fold")
PAIRS = ("case", "side", "other", "other_side", "likeness")


def run(job: DivideJob) -> None:
    """Write the folds of all cases, and what the guards found.

    Raises:
        InputError: a guard stops, or there are too few patients or classes.
    """
    rows = [row | {"group": row["group"] or row["case"]} for row in read_cases(job.tables)]
    patches = read_patches(job.tables)
    _check(rows, patches)
    folds = _folds(job, rows, patches)
    kinds = _classes(patches)
    members = [_member(row, folds.get(row["case"]), kinds.get(row["case"], ())) for row in rows]
    by_case = {member.case: member for member in members}
    pairs = _across(by_case, patches)
    write_table(job.guards.with_name("duplicates.tsv"), [_pair_row(pair, by_case) for pair in pairs], PAIRS)
    guards = [
        guard_duplicates(pairs, by_case),
        guard_shortcut(members),
        guard_patients(members),
        guard_group(members, pictures=all(patch.x_mm is None for patch in patches)),
    ]
    guards = [guard.allowed(job.allow) for guard in guards]
    write_table(job.guards, [guard.row() for guard in guards])
    _tell(guards)
    table = [
        {name: row[name] for name in COLUMNS[:3]} | {"fold": str(folds.get(row["case"], ""))} for row in rows
    ]
    write_table(job.output, table, COLUMNS)


def _check(rows: Sequence[Row], patches: Sequence[Patch]) -> None:
    """Raise an InputError for patches that no network can learn from."""
    kinds: dict[str, str] = {}
    for row in rows:
        kinds.setdefault(row["channels"], row["case"])
    if len(kinds) > 1:
        said = " and ".join(f"{case} has {count}" for count, case in sorted(kinds.items()))
        raise InputError(
            f"all patches must have as many channels, but {said}; set slice.colours to grey or rgb, or mend "
            "the images"
        )
    learnt = [patch for patch in patches if patch.split == "train"]
    classes = sorted({patch.class_ for patch in learnt})
    if len(classes) < 2:
        raise InputError(
            f"a classifier needs training patches of two classes, got {len(learnt)} patches of "
            f"{', '.join(classes) or 'none'}; fill the column class, or check slice.source"
        )
    if nameless := [patch for patch in learnt if not patch.class_]:
        log.warning(
            "%d of %d training patches have no class: in a multi-label task they show nothing, in others "
            "they teach nothing",
            len(nameless),
            len(learnt),
        )


def _folds(job: DivideJob, rows: Sequence[Row], patches: Sequence[Patch]) -> dict[str, int]:
    """Fold of each training case: the user's, the plan's, or dealt anew."""
    train = [row for row in rows if row["split"] == "train"]
    if job.splits is not None:
        failed = {row["case"] for table in job.tables for row in read_table(table) if row["status"] != "ok"}
        patients = {row["case"]: row["group"] for row in train}
        return own_folds(job.splits, read_splits(job.splits), patients, failed)
    if job.plan is not None:
        return _planned(Plan.load(job.plan).folds, train)
    groups = _joined(train, patches) if job.join else [row["group"] for row in train]
    return assign_folds([row["case"] for row in train], groups, _strata(train, patches), job.folds, job.seed)


def _planned(given: Mapping[str, int], train: Sequence[Row]) -> dict[str, int]:
    """The plan's folds; a case that it has not goes with its patient, or where the patient's name falls."""
    folds = max(given.values(), default=0) + 1
    where = {row["group"]: given[row["case"]] for row in train if row["case"] in given}
    return {
        row["case"]: given.get(row["case"], where.get(row["group"], shard_of(row["group"], folds)))
        for row in train
    }


def _strata(rows: Sequence[Row], patches: Sequence[Patch]) -> list[str]:
    """Site and classes of each case."""
    kinds = _classes(patches)
    return [f"{row.get('site', '')}|{','.join(kinds.get(row['case'], ()))}" for row in rows]


def _classes(patches: Sequence[Patch]) -> dict[str, tuple[str, ...]]:
    """Classes of the patches of each case."""
    held: dict[str, set[str]] = {}
    for patch in patches:
        held.setdefault(patch.case, set()).add(patch.class_)
    return {case: tuple(sorted(kinds)) for case, kinds in held.items()}


def _joined(rows: Sequence[Row], patches: Sequence[Patch]) -> list[str]:
    """Groups of the cases, where those with an image in common are one group."""
    group = {row["case"]: row["group"] for row in rows}
    first = {name: name for name in group.values()}

    def root(name: str) -> str:
        while first[name] != name:
            name = first[name]
        return name

    among = [patch for patch in patches if patch.case in group]
    pairs = _shared(
        [patch for patch in among if patch.dhash], [patch.group for patch in among if patch.dhash]
    )
    for pair in pairs:
        one, other = sorted((root(group[pair.one]), root(group[pair.other])))
        first[other] = one
    if pairs:
        log.info("%d pairs of cases with an image in common share a fold", len(pairs))
    return [root(row["group"]) for row in rows]


def _member(row: Row, fold: int | None, kinds: tuple[str, ...]) -> Member:
    classes = tuple(sorted({name for kind in kinds for name in kind.split(JOINT) if name}))
    names = ("width_px", "height_px", "metadata")
    properties = {name: row[name] for name in names} if row.get("width_px") else None
    return Member(row["case"], row["group"], side_of(row["split"], fold), classes, properties)


def _across(members: Mapping[str, Member], patches: Sequence[Patch]) -> list[Pair]:
    """Pairs of cases on two sides that have an image in common."""
    compared = [patch for patch in patches if patch.dhash and members[patch.case].side]
    return gravest_first(_shared(compared, [members[patch.case].side for patch in compared]), members)


def _pair_row(pair: Pair, members: Mapping[str, Member]) -> dict[str, str]:
    sides = members[pair.one].side, members[pair.other].side
    values = (pair.one, sides[0], pair.other, sides[1], "same" if pair.same else "near")
    return dict(zip(PAIRS, values, strict=True))


def _shared(patches: Sequence[Patch], sides: Sequence[str]) -> list[Pair]:
    """Pairs of cases on different sides that have an image in common."""
    found: dict[tuple[str, str], bool] = {}
    copies: dict[str, list[int]] = {}
    for number, patch in enumerate(patches):
        copies.setdefault(patch.pixels, []).append(number)
    for numbers in copies.values():
        for i, j in itertools.combinations(numbers, 2):
            if sides[i] != sides[j] and patches[i].pixels:
                found[patches[i].case, patches[j].case] = True
    pairs = close_pairs(unpack([patch.dhash for patch in patches]), _numbered(sides))
    looked = np.unique(pairs[:, :2])
    looks = np.array([look(_array(patches[number].path)[patches[number].index]) for number in looked])
    pairs[:, :2] = np.searchsorted(looked, pairs[:, :2])
    for i, j, _ in alike(looks, pairs).tolist():
        found.setdefault((patches[looked[i]].case, patches[looked[j]].case), False)
    return [Pair(one, other, same) for (one, other), same in sorted(found.items())]


def _numbered(sides: Sequence[str]) -> Array:
    """A number for each side."""
    numbers = {side: number for number, side in enumerate(sorted(set(sides)))}
    return np.array([numbers[side] for side in sides], dtype=np.int64)


@functools.lru_cache(maxsize=1)
def _array(path: Path) -> Array:
    return load_array(path)


def _tell(guards: Sequence[Guard]) -> None:
    """Say what the guards found, and stop where one does."""
    for guard in guards:
        if guard.status == "warn":
            log.warning("guard %s: %s", guard.guard, guard.detail)
        else:
            log.info("guard %s: %s, %s", guard.guard, guard.status, guard.detail)
    stopped = [guard for guard in guards if guard.status == "stop"]
    if stopped:
        names = [guard.guard for guard in stopped]
        advice = "; divide.join: true keeps copies in one fold" if "duplicates" in names else ""
        raise InputError(
            f"{'; '.join(guard.detail for guard in stopped)}. Correct the sheet (patients in the column "
            f"group, copies of duplicates.tsv removed), or go on all the same with divide.allow: "
            f"[{', '.join(names)}]{advice}"
        )
