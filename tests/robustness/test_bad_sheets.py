"""Case sheets that break a rule: one sentence with row and column, before any image is opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from robustness.cases import assert_clean, assert_sentence, assert_stopped, convert, run, write_good

HEAD = "case\tsplit\tct\tlabel\n"
GOOD = "good\ttrain\tgood.nii.gz\tgood_seg.nii.gz\n"
Sheet = str | bytes | Callable[[Path], object]


def row(case: str = "bad", split: str = "train", ct: str = "good.nii.gz", label: str = "") -> str:
    """The sheet of the good case and this one."""
    return f"{HEAD}{GOOD}{case}\t{split}\t{ct}\t{label}\n"


def sheet(content: str) -> str:
    return HEAD + GOOD + content


NAME = "a case name is letters, digits and . _ + - and starts with a letter or digit, got '"
BAD: dict[str, tuple[Sheet, tuple[str, ...]]] = {
    "missing": (lambda _: None, ("cases.tsv does not exist; correct the path",)),
    "folder": (Path.mkdir, ("cases.tsv is a folder, not a file; name the file in it",)),
    "broken link": (lambda path: path.symlink_to("gone"), ("cases.tsv is a link to gone", "; mend it")),
    "empty": ("", ("cases.tsv has no rows; write one with",)),
    "blank": ("\n \n\t\n", ("cases.tsv has no rows; write one with",)),
    "header only": (HEAD, ("cases.tsv has no rows; write one with",)),
    "UTF-16": (
        row().encode("utf-16"),
        (
            "cases.tsv",
            "no UTF-8 text (byte 0); save it",
        ),
    ),
    "latin-1": (
        row(ct="m\u00fcller.nii").encode("latin-1"),
        ("no UTF-8 text (byte", "; save it as text in UTF-8"),
    ),
    "NUL": (row(ct="a\0b"), ("cases.tsv, row 3: a NUL byte", "; save the table again")),
    "a spreadsheet": (b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0\xb5U0#", ("no UTF-8 text", "; save it as text")),
    "commas": (row().replace("\t", ","), ("row 1: tabs set columns apart, this looks like commas; save it",)),
    "semicolons": (
        row().replace("\t", ";"),
        (
            "row 1: tabs set",
            "looks like semicolons; save it with tabs",
        ),
    ),
    "spaces": (row().replace("\t", "  "), ("needs a column 'case'", "; add it")),
    "no case column": (row().replace("case", "name"), ("needs a column 'case', has name, split", "; add it")),
    "no channel column": (row().replace("\tct\t", "\tt1\t"), ("needs a column 'ct', has case", "; add it")),
    "capital column": (
        row().replace("\tct\t", "\tCT\t"),
        ("needs a column 'ct', has case, split, CT", "; add it"),
    ),
    "column twice": (row().replace("label", "ct"), ("row 1, column 4: 'ct' stands twice; rename or remove",)),
    "nameless column": (row().replace("\tct\t", "\t\t"), ("row 1, column 3: a header is missing; name",)),
    "too many cells": (sheet("bad\ttrain\ta\tb\tc\n"), ("row 3: there are more cells than columns; remove",)),
    "path empty": (row(ct=""), ("row 3, column ct: a path is missing; fill it",)),
    "too few cells": (sheet("bad\n"), ("row 3, column ct: a path is missing; fill it",)),
    "unknown split": (
        row(split="Training"),
        ("row 3, column split: must be one of train, test, new, got 'Training'; ",),
    ),
    "no name": (row(case=""), (f"row 3, column case: {NAME}'; rename",)),
    "name that climbs": (
        row(case="../../etc/passwd"),
        (f"row 3, column case: {NAME}../../etc/passwd'; rename",),
    ),
    "absolute name": (row(case="/etc/passwd"), (f"{NAME}/etc/passwd'; rename",)),
    "dots": (row(case=".."), (f"{NAME}..'; rename",)),
    "hidden name": (row(case=".bad"), (f"{NAME}.bad'; rename",)),
    "flag as name": (row(case="--output"), (f"{NAME}--output'; rename",)),
    "name with spaces": (row(case="a b"), (f"{NAME}a b'; rename",)),
    "name with a quotation mark": (row(case="a'b"), (f"{NAME}a'b'; rename",)),
    "name with an umlaut": (row(case="m\u00fcller"), (f"{NAME}m\u00fcller'; rename",)),
    "name that turns text around": (row(case="a\u202eb"), (NAME, "; rename")),
    "wildcard": (row(case="a*"), (f"{NAME}a*'; rename",)),
    "formula": (row(case="=1+1"), (f"{NAME}=1+1'; rename",)),
    "long name": (
        row(case="b" * 121),
        ("row 3, column case: a case name has up to 120 characters, got 121; ",),
    ),
    "device of Windows": (row(case="con"), ("'con' is a device on Windows", "; rename")),
    "twice": (sheet(GOOD), ("row 3, column case: 'good' stands twice; name it once",)),
    "letter case": (
        row(case="GOOD"),
        ("row 3, column case: 'GOOD' and 'good' differ by letter case", "; rename"),
    ),
    "file of another": (row(case="good_label"), ("'good' and 'good_label' would share a file; rename",)),
    "name of a table": (row(case="shard-00"), ("'shard-00' is called like a table", "; rename")),
    "huge cell": (
        row(ct="a" * 65_000),
        ("row 3, column ct: a cell has up to 4096 characters, got 65000; look",),
    ),
    "huger cell": (row(ct="a" * 200_000), ("row 3: a cell does not end or is too long", "; look for")),
    "open quotation": (row(ct='"a'), ("row ", "; look for a quotation mark that is not closed")),
    "line break in a cell": (
        row(ct='"a\nb"'),
        ("row 3, column ct: a line break stands in the cell; remove",),
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    content, says = BAD[name]
    write_good(tmp_path)
    path = tmp_path / "cases.tsv"
    if callable(content):
        content(path)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    ended = convert(capsys, tmp_path, "--cases", path)
    assert_stopped(ended, says, tmp_path / "out")


GOOD_ALL_THE_SAME = {
    "BOM": ("\ufeff" + row()).encode(),
    "line ends of Windows": row().replace("\n", "\r\n").encode(),
    "mixed line ends": (HEAD.replace("\n", "\r\n") + GOOD + "bad\ttrain\tgood.nii.gz\t\r").encode(),
    "old line ends": row().replace("\n", "\r").encode(),
    "no end": row().rstrip("\n").encode(),
    "blank lines and cells": row().replace("\n", "\t\t\n\n").encode(),
    "spaces around cells": row().replace("\t", " \t ").encode(),
    "quoted cells": "\n".join(
        "\t".join(f'"{cell}"' for cell in line.split("\t")) for line in row().splitlines()
    ).encode(),
}


@pytest.mark.parametrize("name", GOOD_ALL_THE_SAME)
def test_what_spreadsheets_do_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    write_good(tmp_path)
    (tmp_path / "cases.tsv").write_bytes(GOOD_ALL_THE_SAME[name])
    ended = convert(capsys, tmp_path, "--cases", tmp_path / "cases.tsv")
    assert ended.code == 0
    assert {case: found["status"] for case, found in ended.rows.items()} == {"bad": "ok", "good": "ok"}


FILES = (
    "a b.nii.gz",
    "a'b\".nii.gz",
    "-a.nii.gz",
    "a;b$(c)`d`.nii.gz",
    "\u5f71\u50cf \u00e4.nii.gz",
    "a#1.2.nii.gz",
    "%s{0}.nii.gz",
)


@pytest.mark.parametrize("file", FILES)
def test_odd_file_names_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str) -> None:
    write_good(tmp_path)
    (tmp_path / "good.nii.gz").rename(tmp_path / file)
    escaped = '"' + file.replace('"', '""') + '"'
    (tmp_path / "cases.tsv").write_text(f'case\tct\nodd\t{escaped}\ngone\t{escaped[:-1]}.gone"\n')
    ended = convert(capsys, tmp_path, "--cases", tmp_path / "cases.tsv")
    assert (ended.code, ended.rows["odd"]["status"]) == (2, "ok")
    assert_sentence(ended.rows["gone"]["reason"], (f"{file}.gone does not exist; correct the path",))


def test_a_channel_cannot_be_called_like_a_column(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_good(tmp_path)
    (tmp_path / "cases.tsv").write_text(row())
    for name in ("label", "split", "case", "problem"):
        ended = convert(
            capsys, tmp_path, "--cases", tmp_path / "cases.tsv", flags=("--channels", f'{{"{name}": "ct"}}')
        )
        assert_stopped(ended, (f"'{name}'", "rename"), tmp_path / "out")


def test_a_case_left_out_by_hand_is_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_good(tmp_path)
    text = "case\tct\tlabel\tproblem\nbad\t\t\tmoved too much\ngood\tgood.nii.gz\tgood_seg.nii.gz\t\n"
    (tmp_path / "cases.tsv").write_text(text)
    ended = convert(capsys, tmp_path, "--cases", tmp_path / "cases.tsv")
    assert ended.code == 0
    assert [ended.rows[case]["status"] for case in ("bad", "good")] == ["excluded", "ok"]
    assert ended.rows["bad"]["reason"] == "moved too much"
    assert_clean(tmp_path / "out")


def test_a_sheet_is_checked_without_converting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cases.tsv").write_text(row(case="a/b"))
    before = sorted(tmp_path.iterdir())
    ended = run(capsys, "index", "sheet", tmp_path / "cases.tsv", "--check")
    assert_stopped(ended, ("row 3, column case", NAME))
    assert sorted(tmp_path.iterdir()) == before
