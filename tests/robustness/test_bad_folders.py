"""Folders in a layout, settings, plans and splits that are wrong: exit code 2 and one sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robustness.cases import (
    CHANNELS,
    LABELS,
    NOISE,
    TRUTH,
    assert_clean,
    assert_sentence,
    assert_stopped,
    convert,
    run,
    write,
    write_good,
    write_sheet,
)

TASK = {"modality": {"0": "CT"}, "labels": {"0": "background", "1": "core"}}
PAIR = {"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}
NNUNET = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "core": 1}, "file_ending": ".nii.gz"}


def described(content: Any) -> Callable[[Path], object]:
    """A folder with this dataset.json."""
    text = content if isinstance(content, str) else json.dumps(content)
    return lambda root: (root / "dataset.json").write_text(text)


def files(*names: str) -> Callable[[Path], object]:
    def make(root: Path) -> None:
        for name in names:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(b"0")

    return make


def changed(**values: Any) -> Callable[[Path], object]:
    return described(NNUNET | TASK | values)


def nothing(_: Path) -> None:
    """Leave the folder empty."""


NOT = "dataset.json is not as this layout defines it: "
LAYOUTS: dict[str, tuple[str, Callable[[Path], object], tuple[str, ...]]] = {
    "no such folder": (
        "pairs",
        lambda root: root.rmdir(),
        ("data.root must be a folder", "; correct the path"),
    ),
    "a file": (
        "msd",
        lambda root: (root.rmdir(), root.touch()),
        ("data.root must be a folder", "; correct the"),
    ),
    "empty": ("pairs", nothing, ("holds no case in pairs layout; check data.root",)),
    "other things": (
        "pairs",
        files("readme.txt", "images/readme.txt"),
        ("holds no case in pairs layout; check",),
    ),
    "no dataset.json": ("nnunet", nothing, ("this layout has a dataset.json", "does not exist; correct")),
    "dataset.json of no bytes": (
        "msd",
        described(""),
        (NOT, "EOF while parsing", "line 1 column 0; repair it"),
    ),
    "dataset.json cut off": (
        "msd",
        described(json.dumps(TASK)[:30]),
        (NOT, "EOF while parsing", "; repair it"),
    ),
    "dataset.json of UTF-16": (
        "msd",
        lambda root: (root / "dataset.json").write_bytes("{}".encode("utf-16")),
        ("dataset.json is no UTF-8 text (byte 0); save it",),
    ),
    "dataset.json is a list": ("msd", described([]), (NOT, "it should be an object; repair it")),
    "dataset.json is null": ("nnunet", described("null"), (NOT, "it should be an object; repair it")),
    "dataset.json is a folder": (
        "msd",
        lambda root: (root / "dataset.json").mkdir(),
        ("is a folder, not a file",),
    ),
    "labels are a list": ("nnunet", changed(labels=["core"]), (NOT, "labels should be an object; repair it")),
    "label is a word": ("nnunet", changed(labels={"core": "one"}), ("labels.core is 'one'", "; repair it")),
    "channels are words": (
        "nnunet",
        changed(channel_names={"a": "CT"}),
        (NOT, "channel_names.a should be a valid"),
    ),
    "training is a word": (
        "msd",
        changed(training="Tr"),
        (NOT, "training should be a valid array; repair it"),
    ),
    "image without a label": (
        "msd",
        changed(training=[{"image": "a"}]),
        (NOT, "training.0.label is missing; "),
    ),
    "fewer images than channels": (
        "nnunet",
        changed(channel_names={0: "CT", 1: "PET"}, dataset={"a": {"images": ["a.nii"], "label": "b.nii"}}),
        ("lists 1 images for case a, but 2 channels; repair it",),
    ),
    "no modality": ("msd", described({"labels": {}, "training": [PAIR]}), ("names no modality; add it",)),
    "two names one value": (
        "nnunet",
        lambda root: (changed(labels={"a": 1, "b": 1})(root), files("imagesTr/a_0000.nii.gz")(root)),
        ("each label needs a value of its own, got {'a': 1, 'b': 1}; merge",),
    ),
    "channel called like a column": (
        "nnunet",
        lambda root: (changed(channel_names={0: "label"})(root), files("imagesTr/a_0000.nii.gz")(root)),
        ("'label' is a column of every case sheet", "; rename the channel"),
    ),
    "two files of one case": (
        "pairs",
        files("images/a.nii", "images/a.nii.gz", "labels/a.nii"),
        ("a.nii", "same file of a case; rename"),
    ),
    "names alike": (
        "pairs",
        files("images/a.nii", "images/A.nii"),
        ("stands twice", "; give each a name of its"),
    ),
    "unknown layout": ("dicoms", nothing, ("convert.layout is 'dicoms': it must be 'msd', ", "; correct it")),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_bad_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    layout, make, says = LAYOUTS[name]
    (tmp_path / "root").mkdir()
    make(tmp_path / "root")
    flags = ("--channels", "{}", "--labels", "{}")
    ended = convert(capsys, tmp_path, "--layout", layout, "--root", tmp_path / "root", flags=flags)
    assert_stopped(ended, says, tmp_path / "out")


def test_a_name_that_is_no_text_leaves_its_case_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("good.nii", os.fsdecode(b"bad_M\xfcller.nii")):
        write(tmp_path / "root" / "images" / name, NOISE)
        write(tmp_path / "root" / "labels" / name, TRUTH)
    ended = convert(capsys, tmp_path, "--layout", "pairs", "--root", tmp_path / "root")
    assert ended.code == 0
    assert {case: row["status"] for case, row in ended.rows.items()} == {
        "bad_M_ller": "excluded",
        "good": "ok",
    }
    assert_sentence(ended.rows["bad_M_ller"]["reason"], (r"bad_M\xfcller.nii' holds", "no UTF-8; rename it"))
    assert_clean(tmp_path / "out")


def test_odd_bytes_in_every_place_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / os.fsdecode(b"caf\xe9 \xf0\x9f\x92\xa9'\"")
    sheet = write_sheet(home, [write_good(home)])
    words = ("convert", "--cases", sheet, *CHANNELS, *LABELS, "--output", home / "out" / "shard-00.tsv")
    ended = run(capsys, "--log", home / "logs" / "convert.log", *words)
    assert (ended.code, ended.said) == (0, "")
    assert "good" in (home / "logs" / "convert.log").read_text()
    (home / "good.nii.gz").unlink()
    ended = run(capsys, *words)
    assert ended.code == 2
    assert_sentence(ended.said.splitlines()[0], (r"caf\xe9", "good.nii.gz does not exist; correct the path"))


LEFT_OUT: dict[str, tuple[tuple[str, ...], str, str]] = {
    "label without an image": (
        ("images/good.nii",),
        "excluded",
        "label bad.nii has no image; add the image or",
    ),
    "image without a label": (("images/good.nii", "images/bad.nii"), "ok", ""),
}


@pytest.mark.parametrize("name", LEFT_OUT)
def test_half_a_pair(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    images, status, says = LEFT_OUT[name]
    for number, path in enumerate(images):
        write(tmp_path / "root" / path, np.roll(NOISE, number))
    for case in ("good",) if len(images) > 1 else ("good", "bad"):
        write(tmp_path / "root" / "labels" / f"{case}.nii", np.roll(TRUTH, len(case), 0))
    ended = convert(capsys, tmp_path, "--layout", "pairs", "--root", tmp_path / "root")
    assert (ended.code, ended.rows["good"]["status"], ended.rows["bad"]["status"]) == (0, "ok", status)
    assert says in ended.rows["bad"]["reason"]
    if status == "excluded":
        assert_clean(tmp_path / "out")
    else:
        assert ended.rows["bad"]["split"] == "new"
        assert "1 cases have no label and are taken as new, to be predicted: bad" in ended.said


def test_a_channel_that_one_case_lacks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(11):
        for channel in ("t1", "t2"):
            if (number, channel) != (3, "t2"):
                place = tmp_path / "root" / f"p{number}" / f"p{number}_{channel}.nii"
                write(place, np.roll(NOISE, number))
        write(tmp_path / "root" / f"p{number}" / f"p{number}_seg.nii", TRUTH)
    flags = ("--channels", '{"t1": "mr", "t2": "mr"}', "--labels", '{"core": 1}')
    ended = convert(capsys, tmp_path, "--layout", "brats", "--root", tmp_path / "root", flags=flags)
    assert ended.code == 0
    assert [case for case, row in ended.rows.items() if row["status"] == "excluded"] == ["p3"]
    assert_sentence(ended.rows["p3"]["reason"], ("p3 has no t2, which other cases have; add the file",))
    assert_clean(tmp_path / "out", "p3")


def test_a_check_says_what_convert_would(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [write_good(tmp_path), {"case": "bad", "ct": "gone.nii"}, {"case": "pipe", "ct": "pipe.nii"}]
    os.mkfifo(tmp_path / "pipe.nii")
    sheet = write_sheet(tmp_path, rows)
    before = sorted(tmp_path.iterdir())
    ended = run(capsys, "index", "sheet", sheet, "--check", *CHANNELS, *LABELS)
    assert_stopped(ended, ("2 of 3 cases cannot be used as they are; see the lines above",))
    told = dict(line.split("\t")[1:] for line in ended.told.splitlines() if "\t" in line)
    assert_sentence(told["bad"], ("gone.nii does not exist; correct the path",))
    assert_sentence(told["pipe"], ("pipe.nii is neither a file nor a folder; name a file",))
    assert sorted(tmp_path.iterdir()) == before
