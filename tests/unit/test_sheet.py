import os
from pathlib import Path

import pytest

from segmake.dataset.sheet import (
    Case,
    cases_from_rows,
    on_disk,
    read_sheet,
    shard_name,
    shard_of,
    write_sheet,
)
from segmake.errors import InputError


def sheet(folder: Path, *lines: str) -> Path:
    path = folder / "cases.tsv"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def test_a_row_becomes_a_case_with_paths_beside_the_sheet(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        "case\tgroup\tsite\tsplit\tt1\tflair\tlabel\tclass\tage",
        "b\tp1\toslo\ttest\tb 1, first.nii\t/data/b2.nii\tb_seg.nii\tmalignant\t61",
        "a\t\t\t\ta1.nii\ta2.nii\t\t\t7",
    )
    a, b = read_sheet(path, ["flair", "t1"])
    assert b == Case(
        name="b",
        channels={"flair": Path("/data/b2.nii"), "t1": tmp_path / "b 1, first.nii"},
        label=tmp_path / "b_seg.nii",
        group="p1",
        site="oslo",
        split="test",
        class_="malignant",
        extra={"age": "61"},
    )
    assert list(b.channels) == ["flair", "t1"]
    assert b.sources() == [Path("/data/b2.nii"), tmp_path / "b 1, first.nii", tmp_path / "b_seg.nii"]
    assert (a.group, a.split, a.label, a.site, a.class_) == ("a", "train", None, "", "")
    assert a.sources() == [tmp_path / "a2.nii", tmp_path / "a1.nii"]


def test_without_named_channels_every_other_column_is_one(tmp_path: Path) -> None:
    path = sheet(tmp_path, "case\tt1\tflair", "a\tx.nii\ty.nii")
    assert list(read_sheet(path, [])[0].channels) == ["t1", "flair"]


def test_cases_are_sorted_whatever_the_order_of_rows(tmp_path: Path) -> None:
    path = sheet(tmp_path, "case\tt1", *(f"{name}\tx.nii" for name in "cab"))
    assert [case.name for case in read_sheet(path, ["t1"])] == ["a", "b", "c"]


def test_a_sheet_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cases.tsv"
    path.write_bytes("case\tt1\tsite\r\na\tx.nii\tTrømsø\r\n".encode("utf-8-sig"))
    (case,) = read_sheet(path, ["t1"])
    assert (case.name, case.site, case.channels["t1"]) == ("a", "Trømsø", tmp_path / "x.nii")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            ["case\tt1\tsplit", "a\tx\ttrain", "b\tx\tvalid"],
            "row 3, column split: must be one of train, test",
        ),
        (["case\tt1", "a\tx", "b\t "], "row 3, column t1: a path is missing; fill it or remove the row"),
        (["case\tsplit\tt1", "a\ttrain"], "row 2, column t1: a path is missing"),
        (["case\tt1", "a\tx", "a\ty"], "row 3, column case: 'a' stands twice; name it once"),
        (["case\tt1", "a b\tx"], "row 2, column case: a case name is .*, got 'a b'; rename it"),
        (["case\tt1", "../up\tx"], "row 2, column case: .*got '../up'"),
        (["case\tt1", "/etc/passwd\tx"], "row 2, column case: .*got '/etc/passwd'"),
        (["case\tt1", "C:\\scan\tx"], "row 2, column case: .*got 'C:"),
        (["case\tt1", "æ1\tx"], "row 2, column case: .*got 'æ1'"),
        (["case\tt1", "..\tx"], r"row 2, column case: .*got '\.\.'"),
        (["case\tt1", "-rf\tx"], "row 2, column case: .*got '-rf'"),
        (["case\tt1", "a\tx", "A\ty"], "row 3, column case: 'A' and 'a' differ by letter case alone"),
        (["case\tt1", "nul\tx"], "row 2, column case: 'nul' is a device on Windows"),
        (["case\tt1", "COM1.a\tx"], "row 2, column case: 'COM1.a' is a device on Windows"),
        (["case\tt1", f"{'a' * 121}\tx"], "row 2, column case: .* up to 120 characters, got 121; rename it"),
        (["case\tt1", f"a\t{'x' * 65_000}"], "row 2, column t1: a cell has up to 4096 characters, got 65000"),
        (["case\tt1\tt1", "a\tx\ty"], "row 1, column 3: 't1' stands twice; rename or remove one of them"),
        (["case\t\tt1", "a\tx\ty"], "row 1, column 2: a header is missing"),
        (["case;t1", "a;x"], "row 1: tabs set columns apart, this looks like semicolons"),
        (["Case\tt1", "a\tx"], "needs a column 'case', has Case, t1; add it"),
        (["case\tt1", "a\tx\0"], "row 2: a NUL byte stands in the text"),
        (["case\tt1", '"a\tx', "b\ty"], "a cell does not end or is too long"),
        (["case\tt1", 'a\t"x', 'y"'], "row 2, column t1: a line break stands in the cell"),
        (["case\tt1\tsplit", "a\tx\tTRAIN"], "row 2, column split: .* got 'TRAIN'"),
        (["case\tt1", "", "a\tx", "\t", "b c\ty"], "row 5, column case: .*got 'b c'"),
        (["case\tt1", "\tx"], "row 2, column case: .*got ''"),
        (["case\tt1", ".hidden\tx"], "row 2, column case: .*got '.hidden'"),
        (["case\tt1", "a\tx\ty"], "row 2: there are more cells than columns"),
        (["case\tct", "a\tx"], "needs a column 't1', has case, ct; add it"),
        (["name\tt1", "a\tx"], "needs a column 'case', has name, t1; add it"),
        (["case,t1", "a,x"], "row 1: tabs set columns apart, this looks like commas; save it with tabs"),
        (["case\tt1"], "has no rows; write one with `segmake index"),
        ([], "has no rows"),
    ],
)
def test_a_broken_rule_names_row_and_column(tmp_path: Path, lines: list[str], message: str) -> None:
    with pytest.raises(InputError, match=rf"cases\.tsv.*{message}"):
        read_sheet(sheet(tmp_path, *lines), ["t1"])


def test_a_missing_or_binary_sheet_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.tsv does not exist"):
        read_sheet(tmp_path / "gone.tsv", ["t1"])
    (tmp_path / "scan.nii.gz").write_bytes(b"\x1f\x8b\xff\xfe")
    with pytest.raises(InputError, match=r"scan\.nii\.gz cannot be read"):
        read_sheet(tmp_path / "scan.nii.gz", ["t1"])


def test_a_written_sheet_is_read_back(tmp_path: Path) -> None:
    rows = [
        {
            "case": "a",
            "t1": 'deep/a, "1".nii',
            "label": "a_seg.nii",
            "group": "p",
            "split": "test",
            "class": "x",
        },
        {"case": "b", "t1": "/b#1.2.3", "site": "oslo", "class": "", "age": "61", "problem": ""},
        {"case": "c", "t1": "", "label": "c_seg.nii", "class": "", "problem": "label c_seg.nii has no image"},
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    cases = cases_from_rows(
        [{name: row.get(name, "") for name in columns} for row in rows], ["t1"], tmp_path, "rows"
    )
    assert cases[2].channels == {}
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "cases.tsv").write_text(write_sheet(cases), encoding="utf-8")
    assert read_sheet(tmp_path / "elsewhere" / "cases.tsv", ["t1"]) == cases
    assert read_sheet(tmp_path / "elsewhere" / "cases.tsv", []) == cases


def test_columns_behind_class_are_no_channels(tmp_path: Path) -> None:
    path = sheet(tmp_path, "case\tt1\tlabel\tclass\tage", "a\tx.nii\t\t\t61")
    (case,) = read_sheet(path, [])
    assert (list(case.channels), case.extra) == (["t1"], {"age": "61"})


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a\tb.nii", "a.tb.nii"), ("a\nb.nii", "a.nb.nii"), (os.fsdecode(b"caf\xe9.nii"), "caf.xe9.nii")],
)
def test_a_name_that_no_sheet_can_carry_is_shown(tmp_path: Path, name: str, shown: str) -> None:
    cases = [Case("a", {"t1": tmp_path / name})]
    with pytest.raises(
        InputError, match=rf"case a: '.*{shown}' holds a tab, a line break or bytes that are no UTF-8"
    ):
        write_sheet(cases)


def test_a_series_in_a_folder_of_several_stands_on_its_folder(tmp_path: Path) -> None:
    (tmp_path / "scan").mkdir()
    (tmp_path / "odd#name").mkdir()
    (tmp_path / "seg").mkdir()
    assert on_disk(tmp_path / "gone#1.2") == tmp_path / "gone#1.2"
    assert on_disk(tmp_path / "scan#1.2.840") == tmp_path / "scan"
    assert on_disk(tmp_path / "odd#name") == tmp_path / "odd#name"
    assert on_disk(tmp_path / "odd#name#1.2") == tmp_path / "odd#name"
    case = Case("a", {"ct": tmp_path / "scan#1.2"}, tmp_path / "seg#1")
    assert case.sources() == [tmp_path / "scan", tmp_path / "seg"]
    assert case.paths() == [tmp_path / "scan#1.2", tmp_path / "seg#1"]


def test_ten_thousand_cases_are_read_without_asking_for_their_files(tmp_path: Path, monkeypatch) -> None:
    rows = [f"case-{n:05d}\t" + "\t".join(f"/data/{n}/{c}.nii.gz" for c in "abcde") for n in range(10_000)]
    path = sheet(tmp_path, "case\tt1\tt1ce\tt2\tflair\tlabel", *rows)
    asked = []
    for name in ("stat", "lstat", "readlink", "scandir"):
        real = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *args, real=real, **more: asked.append(args) or real(*args, **more)
        )
    assert len(read_sheet(path, ["t1", "t1ce", "t2", "flair"])) == 10_000
    assert len(asked) < 100  # of a network drive, where each question takes a millisecond


def test_shards_are_stable() -> None:
    assert [shard_of(f"case-{number}", 4) for number in range(8)] == [3, 2, 3, 3, 3, 0, 1, 2]


def test_new_cases_have_shards_of_their_own(tmp_path: Path) -> None:
    scan = tmp_path / "scan.nii.gz"
    known = [Case(f"case-{n}", {"t1": scan}, split=split) for split in ("train", "test") for n in range(8)]
    new = [Case(f"case-{n}", {"t1": scan}, split="new") for n in range(8)]
    judged = [Case(f"case-{n}", {"t1": scan}, scan, split="new") for n in range(8)]
    assert [case.shard(4) for case in known] == [3, 2, 3, 3, 3, 0, 1, 2] * 2
    assert [case.shard(4) for case in new] == [7, 6, 7, 7, 7, 4, 5, 6]
    assert [case.shard(4) for case in judged] == [3, 2, 3, 3, 3, 0, 1, 2]  # their truth is scored
    assert {case.shard(1) for case in (*known, *new)} == {0}  # `segmake convert` by hand takes all
    assert [case.is_new() for case in (known[0], new[0], judged[0])] == [False, True, False]


def test_shards_are_about_equal() -> None:
    count = [0] * 8
    for number in range(4000):
        count[shard_of(f"case-{number}", 8)] += 1
    assert min(count) > 420
    assert max(count) < 580


def test_a_new_case_touches_one_shard() -> None:
    names = [f"case-{number}" for number in range(100)]

    def shards(cases: list[str]) -> list[list[str]]:
        return [[name for name in cases if shard_of(name, 5) == shard] for shard in range(5)]

    changed = [a != b for a, b in zip(shards(names), shards([*names, "new"]), strict=True)]
    assert changed.count(True) == 1


@pytest.mark.parametrize(
    ("shard", "shards", "name"), [(3, 4, "03"), (0, 1, "00"), (7, 100, "07"), (7, 101, "007")]
)
def test_shard_numbers_sort_as_text(shard: int, shards: int, name: str) -> None:
    assert shard_name(shard, shards) == name
