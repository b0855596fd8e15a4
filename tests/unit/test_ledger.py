import shutil
from functools import partial
from pathlib import Path

import pytest
from ledger_cases import Bench, work

from segmake.errors import CasesFailed, InputError
from segmake.ledger import Item, Outcome, Shard, attempt, damaged_files, read_record
from segmake.tables import hash_path, read_table


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_rows_files_and_records_say_the_same(bench):
    rows = bench.run()
    assert read_table(bench.folder / "out" / "shard-00.tsv") == rows
    assert [row["case"] for row in rows] == ["a", "b", "c"]
    assert rows[0] | {"key": "", "seconds": ""} == {
        "case": "a",
        "path": "a.txt",
        "key": "",
        "sha256": hash_path(bench.folder / "out" / "a.txt"),
        "seconds": "",
        "status": "ok",
        "reason": "",
        "length": "12",
    }
    assert (bench.folder / "out" / "a.txt").read_text() == "CONTENT OF A"
    record = read_record(bench.folder / "out", "a")
    assert record["details"] == {"text": "CONTENT OF A"}
    assert record["files"] == {"a.txt": rows[0]["sha256"]}
    assert (record["key"], record["stage"]) == (rows[0]["key"], "copy")
    assert len({row["key"] for row in rows}) == 3


def test_a_second_run_does_nothing_and_says_the_same(bench):
    first = bench.run()
    table = (bench.folder / "out" / "shard-00.tsv").read_bytes()
    stamps = {path: path.stat().st_mtime_ns for path in (bench.folder / "out").glob("?.*")}
    assert bench.run() == first
    assert bench.called() == []
    assert len(stamps) == 6
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps
    assert (bench.folder / "out" / "shard-00.tsv").read_bytes() == table


def test_a_changed_input_costs_its_case_only(bench):
    bench.run()
    (bench.folder / "b.in").write_text("new")
    assert bench.run()[1]["length"] == "3"
    assert bench.called() == ["b"]
    bench.upstream["c"] = "other key"
    bench.run()
    assert bench.called() == ["c"]
    bench.names = ["a", "b", "c", "d"]
    bench.upstream["d"] = "key"
    (bench.folder / "d.in").write_text("d")
    assert len(bench.run()) == 4
    assert bench.called() == ["d"]


@pytest.mark.parametrize("change", [{"settings": {"x": 2}}, {"version": 2}, {"stage": "other"}])
def test_changed_settings_and_versions_cost_all(bench, change):
    bench.run()
    bench.run(**change)
    assert bench.called() == ["a", "b", "c"]
    bench.run(**change)
    assert bench.called() == []


def test_threads_and_policy_are_no_reason_to_work_again(bench):
    bench.run(settings={"x": 1, "y": 2})
    bench.run(settings={"y": 2, "x": 1}, threads=2, on_error="exclude")
    assert bench.called() == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text(path.read_text().lower()),  # of the same size
        lambda path: path.write_text(""),
        lambda path: path.with_suffix(".json").unlink(),
        lambda path: path.with_suffix(".json").write_text("{"),
        lambda path: path.with_suffix(".json").write_text("[]"),
        lambda path: path.with_suffix(".json").write_bytes(b"\xff\xfe\x00"),
        lambda path: (path.unlink(), path.mkdir()),
    ],
)
def test_a_damaged_case_is_done_again_alone(bench, damage):
    rows = bench.run()
    files = bench.files()
    damage(bench.folder / "out" / "b.txt")
    again = bench.run()
    assert bench.called() == ["b"]
    assert bench.files() == files
    assert [row | {"seconds": ""} for row in again] == [row | {"seconds": ""} for row in rows]


def test_folders_are_outputs_and_stale_files_go(bench):
    bench.payload["a"] = "more"
    bench.run()
    folder = bench.folder / "out" / "a.more"
    assert read_record(bench.folder / "out", "a")["files"]["a.more"] == hash_path(folder)
    (folder / "part").write_text("damaged")
    bench.run()
    assert bench.called() == ["a"]
    assert (folder / "part").read_text() == "CONTENT OF A" * 2
    bench.payload["a"] = "less"
    bench.upstream["a"] = "changed"
    bench.run()
    assert not folder.exists()
    assert sorted(bench.files()) == ["a.txt", "b.txt", "c.txt"]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_failing_case_is_a_row_and_the_others_are_done(bench, threads):
    bench.payload |= {"a": "fail", "b": "fault"}
    with pytest.raises(
        CasesFailed, match=r"copy: 2 of 3 cases failed \(a: the file is broken; mend it; b: Zero"
    ):
        bench.run(threads=threads)
    rows = read_table(bench.folder / "out" / "shard-00.tsv")
    assert [row["status"] for row in rows] == ["failed", "failed", "ok"]
    assert [row["reason"] for row in rows] == [
        "the file is broken; mend it",
        "ZeroDivisionError: by zero",
        "",
    ]
    assert [row["path"] for row in rows] == ["", "", "c.txt"]
    bench.run(threads=threads, on_error="exclude")
    assert read_table(bench.folder / "out" / "shard-00.tsv") == rows
    assert bench.called() == ["a", "b"]
    assert bench.left_over() == []


def test_a_missing_input_is_a_row(bench):
    (bench.folder / "b.in").unlink()
    rows = bench.run(on_error="exclude")
    assert [row["status"] for row in rows] == ["ok", "failed", "ok"]
    assert rows[1]["reason"].endswith("b.in does not exist; correct the path")


def test_the_result_does_not_depend_on_threads(bench):
    one = bench.run()
    files = bench.files()
    shutil.rmtree(bench.folder / "out")
    two = bench.run(threads=2)
    assert bench.called() == ["a", "b", "c"]
    assert bench.files() == files
    assert [row | {"seconds": ""} for row in one] == [row | {"seconds": ""} for row in two]


def test_a_name_that_begins_another_name_is_another_case(tmp_path):
    bench = Bench(tmp_path, "a a.b a-1 ab")
    bench.run()
    files = bench.files()
    assert len(files) == 4
    (bench.folder / "a.in").write_text("changed")
    bench.run()
    assert bench.called() == ["a"]
    assert {name for name, digest in bench.files().items() if digest != files[name]} == {"a.txt"}


def test_two_shards_share_a_folder(tmp_path):
    bench = Bench(tmp_path, "a b c d")
    every, bench.names = bench.names, ["a", "b"]
    first = bench.run()
    bench.names = ["c", "d"]
    second = bench.run(table=tmp_path / "out" / "shard-01.tsv")
    assert [row["case"] for row in first + second] == every
    bench.names = ["a", "b"]
    assert bench.run() == first
    assert bench.called() == []
    assert sorted(bench.files()) == ["a.txt", "b.txt", "c.txt", "d.txt"]


def test_a_file_of_several_channels_is_read_once(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr("segmake.ledger.hash_path", lambda path: read.append(path) or "digest")
    shard = Shard("copy", 1, tmp_path / "t.tsv", {})
    calls = tmp_path / "calls"
    item = Item("a", (tmp_path / "a.in",) * 4)
    (tmp_path / "a.in").write_text("x")
    assert attempt(shard, item, partial(work, calls=calls))["status"] == "ok"
    assert read.count(tmp_path / "a.in") == 1


def test_damaged_files_are_named(bench):
    bench.run()
    record = read_record(bench.folder / "out", "a")
    assert damaged_files(bench.folder / "out", record) == []
    (bench.folder / "out" / "a.txt").unlink()
    assert damaged_files(bench.folder / "out", record) == ["a.txt"]


@pytest.mark.parametrize("text", [None, "{", "[]", '{"case": "a"}'])
def test_no_record_is_explained(tmp_path, text):
    if text is not None:
        (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json"):
        read_record(tmp_path, "a")


def test_a_file_that_would_not_change_keeps_its_time(tmp_path):
    """Redoing a case because one of its files was lost leaves the other alone."""

    def two(item: Item, scratch: Path) -> Outcome:
        (scratch / f"{item.case}.txt").write_text("image")
        (scratch / f"{item.case}_label.txt").write_text("label")
        return Outcome(f"{item.case}.txt")

    shard = Shard("convert", 1, tmp_path / "shard-00.tsv", {})
    shard.run([Item("a", ("x",))], two)
    kept = (tmp_path / "a_label.txt").stat().st_mtime_ns
    (tmp_path / "a.txt").unlink()
    shard.run([Item("a", ("x",))], two)
    assert (tmp_path / "a.txt").read_text() == "image"
    assert (tmp_path / "a_label.txt").stat().st_mtime_ns == kept
