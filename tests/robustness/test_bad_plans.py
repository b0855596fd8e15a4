"""Cases that are good one by one and cannot be learnt from together: plan stops before any training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from robustness.cases import (
    CHANNELS,
    LABELS,
    NOISE,
    TRUTH,
    Cells,
    Ended,
    assert_stopped,
    convert,
    run,
    write,
    write_sheet,
)

COUNT = 6


def write_cases(folder: Path, changes: Sequence[Cells]) -> Path:
    """Sheet of six sound cases, each of its own patient, with what is changed of the first ones."""
    rows = []
    for number in range(COUNT):
        row: dict[str, object] = {"case": f"c{number}", "group": f"g{number}", "site": "", "split": "train"}
        row |= dict(changes[number]) if number < len(changes) else {}
        like = int(str(row.pop("voxels", number)))
        truth = int(str(row.pop("truth", number)))
        row |= {"ct": write(folder / f"{number}.nii.gz", np.roll(NOISE, like))}
        if truth >= 0:
            row |= {"label": write(folder / f"{number}_seg.nii.gz", np.roll(TRUTH, truth, 0))}
        rows.append(row)
    return write_sheet(folder, rows)


def plan(capsys: pytest.CaptureFixture[str], folder: Path, changes: Sequence[Cells], *flags: object) -> Ended:
    """Convert these cases, and plan."""
    ended = convert(capsys, folder, "--cases", write_cases(folder, changes))
    assert ended.code == 0
    files = ("--tables", folder / "out" / "shard-00.tsv", "--output", folder / "plan" / "plan.json")
    return run(capsys, "plan", *files, *CHANNELS, *LABELS, *flags)


def folds(*parts: str) -> list[dict[str, list[str]]]:
    """Splits as nnU-Net writes them, from the validation cases of each fold."""
    every = [f"c{number}" for number in range(COUNT)]
    return [
        {"train": [case for case in every if case not in part.split()], "val": part.split()} for part in parts
    ]


BAD: dict[str, tuple[Sequence[Cells], tuple[str, ...], tuple[str, ...]]] = {
    "same voxels twice": (
        ({"voxels": 1},),
        (),
        ("two cases hold the same image voxels (c0 and c1); remove one of each two",),
    ),
    "same label twice": (
        ({"truth": 1},),
        (),
        ("two cases hold the same label map (c0 and c1); correct the label",),
    ),
    "patient in train and test": (
        ({"split": "test", "group": "g1"},),
        (),
        ("'g1' has c1 in train and c0 in test; move or remove one",),
    ),
    "fewer patients than folds": (
        ({"group": "p"},) * 3,
        (),
        ("5 folds need at least 5 groups (patients) with a label, got 4; lower plan.folds",),
    ),
    "no labels": (
        ({"truth": -1},) * COUNT,
        (),
        ("at least one case with split=train and a label, got none; check",),
    ),
    "no training cases": (
        ({"split": "test"},) * COUNT,
        (),
        ("with split=train and a label, got none; check",),
    ),
    "no sites": (
        (),
        ("--folds", "leave-one-site-out"),
        ("needs a site for each case, but c0, c1", "; fill the column site"),
    ),
    "one site": (
        ({"site": "a"},) * COUNT,
        ("--folds", "leave-one-site-out"),
        ("at least two sites, got a; fill",),
    ),
    "patient at two sites": (
        ({"site": "a", "group": "p"}, {"site": "b", "group": "p"}, *({"site": "c"},) * 4),
        ("--folds", "leave-one-site-out"),
        ("must have one site, but 'p' (a, b) have several; correct",),
    ),
    "one fold": ((), ("--folds", "1"), ("plan.folds is '1'", "equal to 2 or 'leave-one", "; correct it")),
    "budget in another unit": ((), ("--budget", "8 apples"), ("GPU memory such as", "8 apples")),
    "spacing of nothing": ((), ("--spacing_mm", "[1,1,0]"), ("spacing_mm", "greater than 0", "; correct it")),
}
SPLITS: dict[str, tuple[object, tuple[str, ...]]] = {
    "unknown case": (
        folds("c0 c1 c2", "c3 c4 c5 zoe"),
        ("splits.json, fold 0", "zoe stand in neither list; correct it"),
    ),
    "case left out": (
        folds("c0 c1", "c3 c4 c5"),
        ("each labelled training case needs a fold", "have none: c2; correct the file"),
    ),
    "case in two folds": (
        folds("c0 c1 c2 c3", "c3 c4 c5"),
        ("a case must stand in one fold", "c3", "; correct"),
    ),
    "one fold": (folds("c0 c1 c2 c3 c4 c5"), ("cross-validation needs at least 2 folds, but",)),
    "a word": ("folds", ("splits.json", "must be a JSON list", "; correct it")),
    "other keys": (
        [{"training": [], "validation": []}] * 2,
        ("splits.json must be a JSON list", "; correct it"),
    ),
    "case in both lists": ([{"train": ["c0"], "val": ["c0"]}] * 2, ("c0 stand in both lists; correct it",)),
    "nothing": (None, ("splits.json must be a JSON list", "; correct it")),
}


@pytest.mark.parametrize("name", BAD)
def test_cases_that_cannot_be_planned(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    changes, flags, says = BAD[name]
    ended = plan(capsys, tmp_path, changes, *flags)
    assert_stopped(ended, says, tmp_path / "plan")


@pytest.mark.parametrize("name", SPLITS)
def test_own_folds_that_break_a_rule(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    content, says = SPLITS[name]
    path = tmp_path / "splits.json"
    path.write_text("" if content is None else json.dumps(content))
    ended = plan(capsys, tmp_path, (), "--splits", path)
    assert_stopped(ended, says, tmp_path / "plan")
