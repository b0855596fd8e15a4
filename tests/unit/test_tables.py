import hashlib
import os
from pathlib import Path

import pytest

from segmake import tables
from segmake.errors import InputError
from segmake.tables import hash_path, is_training, read_cases, read_table, write_table, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_text_is_written_as_given_and_replaces_what_was_there(tmp_path):
    path = tmp_path / "deep" / "a.txt"
    write_text(path, "first\r\nline\n")
    assert path.read_bytes() == b"first\r\nline\n"
    write_text(path, "ä")
    assert path.read_bytes() == b"\xc3\xa4"
    assert names(path.parent) == ["a.txt"]


def test_bytes_of_a_name_that_are_no_utf_8_are_written_so_that_they_can_be_read(tmp_path):
    write_text(tmp_path / "a.txt", "M\udcffller")
    assert (tmp_path / "a.txt").read_text() == "M\\udcffller"


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    monkeypatch.setattr(tables.os, "fsync", lambda _: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_table_has_the_given_columns_first_then_others_as_they_come(tmp_path):
    rows = [{"b": 1, "case": "x"}, {"case": "y", "c": 0.5}]
    write_table(tmp_path / "t.tsv", rows, ("case", "a"))
    assert (tmp_path / "t.tsv").read_text() == "case\ta\tb\tc\nx\t\t1\t\ny\t\t\t0.5\n"


def test_values_survive_the_round_trip(tmp_path):
    values = ["tab\there", "line\nbreak", 'quote "this"', "", "ümlaut", " space ", "'", "\\t", "1e5"]
    rows = [{"case": str(number), "reason": value} for number, value in enumerate(values)]
    write_table(tmp_path / "t.tsv", rows)
    assert read_table(tmp_path / "t.tsv") == rows


def test_an_empty_table_keeps_its_columns(tmp_path):
    write_table(tmp_path / "t.tsv", [], ("case", "status"))
    assert (tmp_path / "t.tsv").read_text() == "case\tstatus\n"
    assert read_table(tmp_path / "t.tsv") == []
    assert read_cases([tmp_path / "t.tsv"]) == []


def test_tables_of_spreadsheets_are_read(tmp_path):
    (tmp_path / "t.tsv").write_bytes(b"\xef\xbb\xbfcase\tx\r\na\t1\r\nb\r\n")
    assert read_table(tmp_path / "t.tsv") == [{"case": "a", "x": "1"}, {"case": "b", "x": ""}]


def test_commas_divide_what_is_called_csv(tmp_path):
    (tmp_path / "t.csv").write_text("step,loss\n1,0.5\n2,\n")
    assert read_table(tmp_path / "t.csv") == [{"step": "1", "loss": "0.5"}, {"step": "2", "loss": ""}]


@pytest.mark.parametrize("content", [None, b"case\n\xff\n", b"case\n" + b"x" * 200_000])
def test_an_unreadable_table_is_explained(tmp_path, content):
    if content is not None:
        (tmp_path / "t.tsv").write_bytes(content)
    with pytest.raises(InputError, match=r"t\.tsv (does not exist; correct|is no table of segmake: .*; run)"):
        read_table(tmp_path / "t.tsv")


def test_cases_are_the_good_rows_of_all_tables_sorted_with_paths_resolved(tmp_path):
    columns = ("case", "path", "status", "label", "other")
    for folder, rows in (
        ("one", [("c", "c.nii", "ok", "l.nii", "l.nii"), ("a", "", "failed", "", "")]),
        ("two", [("b", "b.nii", "ok", "", "")]),
    ):
        write_table(tmp_path / folder / "t.tsv", [dict(zip(columns, row, strict=True)) for row in rows])
    found = read_cases([tmp_path / "one" / "t.tsv", tmp_path / "two" / "t.tsv"])
    assert [row["case"] for row in found] == ["b", "c"]
    assert [row["path"] for row in found] == [str(tmp_path / "two/b.nii"), str(tmp_path / "one/c.nii")]
    assert [row["label"] for row in found] == ["", str(tmp_path / "one/l.nii")]
    assert found[1]["other"] == "l.nii"


def test_a_relative_table_gives_relative_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_table(Path("convert/t.tsv"), [{"case": "a", "status": "ok", "path": "a.nii"}])
    assert read_cases([Path("convert/t.tsv")])[0]["path"] == "convert/a.nii"


def test_a_foreign_table_is_explained(tmp_path):
    write_table(tmp_path / "sheet.tsv", [{"case": "a", "t1": "a.nii"}])
    with pytest.raises(InputError, match=r"sheet\.tsv has no columns case and status"):
        read_cases([tmp_path / "sheet.tsv"])


def test_hash_of_a_file_is_sha256_of_its_content(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert hash_path(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_hash_of_a_folder_depends_on_names_and_contents_alone(tmp_path):
    def folder(name: str, files: dict[str, str]) -> str:
        for path, content in files.items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(content)
        return hash_path(tmp_path / name)

    first = folder("first", {"b": "2", "a": "1", "deep/c": "3"})
    assert first == folder("second", {"deep/c": "3", "a": "1", "b": "2"})
    os.utime(tmp_path / "first" / "a", (0, 0))
    assert first == hash_path(tmp_path / "first")
    others = [
        folder("renamed", {"b": "2", "x": "1", "deep/c": "3"}),
        folder("swapped", {"b": "1", "a": "2", "deep/c": "3"}),
        folder("moved", {"b": "2", "a": "1", "c": "3"}),
        folder("fewer", {"b": "2", "a": "1"}),
    ]
    assert len({first, *others}) == 5
    single = folder("single", {"a": "abc"})
    assert single == hashlib.sha256(f"a:{hash_path(tmp_path / 'single' / 'a')}".encode()).hexdigest()


def test_a_missing_path_is_explained(tmp_path):
    with pytest.raises(InputError, match="nothing does not exist; correct the path"):
        hash_path(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("split", "label", "learns"),
    [("train", "a.nii.gz", True), ("train", "", False), ("test", "a.nii.gz", False)],
)
def test_cases_to_learn_from_are_labelled_training_cases(split, label, learns):
    assert is_training({"split": split, "label": label}) is learns
