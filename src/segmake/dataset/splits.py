"""A user's own folds: a table (case, fold), or nnU-Net's splits_final.json (a list of train and val)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from segmake.dataset.leakage import tell
from segmake.errors import InputError
from segmake.tables import read_table

Split = dict[str, list[str]]


def read_splits(path: Path) -> list[list[str]]:
    """Read the validation cases of each fold, as the file gives them.

    Raises:
        InputError: the file cannot be read, or its folds are not numbered 0, 1, 2 ... without a gap, or
            a fold of the JSON form does not train on exactly the cases that it does not validate on.
    """
    folds = _from_json(path) if path.suffix.lower() == ".json" else _from_table(path)
    if len(folds) < 2:
        raise InputError(f"cross-validation needs at least 2 folds, but {path} has {len(folds)}; add one")
    return folds


def own_folds(
    path: Path, folds: Sequence[Sequence[str]], groups: Mapping[str, str], lost: Collection[str] = ()
) -> dict[str, int]:
    """Case -> fold, checked against the labelled training cases.

    Args:
        path: The split file, for messages.
        folds: Validation cases of each fold.
        groups: Group (patient) of each labelled training case.
        lost: Cases that failed or were excluded; the file may name them, and they have no fold.

    Raises:
        InputError: a case or a patient is in two folds, a case is left out or unknown: all of it in one text.
    """
    times = Counter(case for fold in folds for case in fold)
    found = {case: number for number, fold in enumerate(folds) for case in fold if case in groups}
    places: dict[str, dict[int, str]] = {}
    for case, number in sorted(found.items()):
        places.setdefault(groups[case], {}).setdefault(number, case)
    split = [
        f"'{group}' has " + " and ".join(f"{case} in fold {k}" for k, case in sorted(where.items()))
        for group, where in sorted(places.items())
        if len(where) > 1
    ]
    problems = {
        "a case must stand in one fold, but these stand in several": sorted(
            c for c, n in times.items() if n > 1
        ),
        "a group (patient) must lie in one fold": split,
        "each labelled training case needs a fold, but these have none": sorted(groups.keys() - found.keys()),
        "these are no labelled training cases": sorted(times.keys() - groups.keys() - set(lost)),
    }
    sentences = [f"{rule}: {tell(finds)}" for rule, finds in problems.items() if finds]
    empty = sorted(set(range(len(folds))) - set(found.values()))
    if empty and not sentences:
        sentences = [f"folds {empty} hold no case that was converted"]
    if sentences:
        raise InputError(f"{path} (plan.splits): {'; '.join(sentences)}; correct the file")
    return dict(sorted(found.items()))


def _from_table(path: Path) -> list[list[str]]:
    rows = read_table(path)
    if not rows or not {"case", "fold"} <= rows[0].keys():
        raise InputError(f"{path} needs the columns case and fold, set apart by a tab; add them")
    folds: dict[int, list[str]] = {}
    for number, row in enumerate(rows, start=2):
        if not row["fold"].strip().isdecimal():
            raise InputError(
                f"{path}, row {number}: a fold is a number from 0, got '{row['fold']}'; correct it"
            )
        folds.setdefault(int(row["fold"]), []).append(row["case"].strip())
    if sorted(folds) != list(range(len(folds))):
        raise InputError(f"{path}: folds are numbered 0, 1, 2 ... without a gap, got {sorted(folds)}")
    return [folds[number] for number in sorted(folds)]


def _from_json(path: Path) -> list[list[str]]:
    try:
        splits = TypeAdapter(list[Split]).validate_python(json.loads(path.read_text(encoding="utf-8")))
        pairs = [(set(split["train"]), split["val"]) for split in splits]
    except (OSError, ValueError, KeyError) as error:
        reason = "it is none" if isinstance(error, ValidationError | KeyError) else str(error)
        raise InputError(
            f'{path} must be a JSON list of {{"train": [...], "val": [...]}}: {reason}; correct it'
        ) from error
    every = {case for train, val in pairs for case in (*train, *val)}
    for number, (train, val) in enumerate(pairs):
        if train != every - set(val):
            both, neither = sorted(train & set(val)), sorted(every - train - set(val))
            raise InputError(
                f"{path}, fold {number}: a fold trains on all cases that it does not validate on, but "
                f"{tell(both or neither)} stand in {'both lists' if both else 'neither list'}; correct it"
            )
    return [val for _, val in pairs]
