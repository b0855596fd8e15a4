"""Disks, folders and processes that fail while segmake writes: a sentence, and nothing half-made."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from robustness.cases import (
    CHANNELS,
    FAULT,
    LABELS,
    TRUTH,
    Wrong,
    assert_clean,
    assert_refused,
    assert_sentence,
    assert_stopped,
    convert,
    convert_beside,
    run,
    write,
    write_good,
    write_sheet,
)
from segmake import ledger, tables
from segmake.stages import convert as stage

Capture = pytest.CaptureFixture[str]


def refusing(number: int, when: Callable[..., bool]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A function that the system refuses where `when` holds of its words."""

    def wrap(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*words: Any, **named: Any) -> Any:
            if when(*words):
                raise OSError(number, os.strerror(number), str(words[0]))
            return real(*words, **named)

        return call

    return wrap


def test_a_disk_that_fills_up_with_a_case(tmp_path: Path, capsys: Capture, monkeypatch: Any) -> None:
    def half(path: Path, *words: Any) -> None:
        real(path, *words)
        if path.name == "bad_label.nii.gz":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real = stage.write_nifti
    monkeypatch.setattr(stage, "write_nifti", half)
    cells = {"ct": write(tmp_path / "bad.nii"), "label": write(tmp_path / "bad_seg.nii", TRUTH)}
    ended = convert_beside(capsys, tmp_path, cells)
    says = ("the disk is full: a result cannot be written (No space left on device); free some space",)
    assert_refused(ended, Wrong(lambda _: {}, says), tmp_path)


def test_a_disk_that_is_full_at_the_end(tmp_path: Path, capsys: Capture, monkeypatch: Any) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    sheet = write_sheet(tmp_path, [write_good(tmp_path)])
    assert convert(capsys, tmp_path, "--cases", sheet).code == 0
    before = (tmp_path / "out" / "shard-00.tsv").read_bytes()
    sheet = write_sheet(tmp_path, [write_good(tmp_path), {"case": "more", "ct": "good.nii.gz"}])
    monkeypatch.setattr(tables.os, "fsync", full)
    ended = convert(capsys, tmp_path, "--cases", sheet)
    assert_stopped(ended, ("the disk is full", "; free some space and run again"))
    assert (tmp_path / "out" / "shard-00.tsv").read_bytes() == before
    assert_clean(tmp_path / "out")
    monkeypatch.undo()
    assert convert(capsys, tmp_path, "--cases", sheet).rows.keys() == {"good", "more"}


def test_a_file_where_the_results_should_be(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "out").write_text("precious")
    ended = convert(capsys, tmp_path, "--cases", write_sheet(tmp_path, [write_good(tmp_path)]))
    assert_stopped(ended, ("out stands where a folder is needed", "; remove it, or choose another output"))
    assert (tmp_path / "out").read_text() == "precious"


def test_a_folder_where_the_table_should_be(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "out" / "shard-00.tsv").mkdir(parents=True)
    sheet = write_sheet(tmp_path, [write_good(tmp_path)])
    ended = run(
        capsys, "convert", "--cases", sheet, *CHANNELS, *LABELS, "--output", tmp_path / "out" / "shard-00.tsv"
    )
    assert_stopped(ended, ("shard-00.tsv is a folder where a file is to be written; remove it",))
    assert_clean(tmp_path / "out")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_results_that_may_not_be_written(
    tmp_path: Path, capsys: Capture, monkeypatch: Any, number: int
) -> None:
    sheet = write_sheet(tmp_path, [write_good(tmp_path)])
    refuse = refusing(number, lambda path, *_: "out" in str(path))
    monkeypatch.setattr(Path, "mkdir", refuse(Path.mkdir))
    ended = convert(capsys, tmp_path, "--cases", sheet)
    assert_stopped(
        ended, ("out may not be written", os.strerror(number), "; change its permissions, or choose")
    )


def test_a_log_that_cannot_be_written_stops_no_work(tmp_path: Path, capsys: Capture) -> None:
    sheet = write_sheet(tmp_path, [write_good(tmp_path)])
    words = ("convert", "--cases", sheet, *CHANNELS, *LABELS, "--output", tmp_path / "out" / "shard-00.tsv")
    if Path("/dev/full").exists():
        ended = run(capsys, "--log", "/dev/full", *words)
        assert (ended.code, ended.said) == (0, "")
    ended = run(capsys, "--log", sheet / "a.log", *words)
    assert_stopped(ended, ("cases.tsv stands where a folder is needed", "; remove it, or"))


def test_a_source_that_is_gone_while_it_is_read(tmp_path: Path, capsys: Capture, monkeypatch: Any) -> None:
    def hash_and_lose(path: Path) -> str:
        digest = real(path)
        if path.name == "bad.nii":
            path.unlink()
        return digest

    real = ledger.hash_path
    monkeypatch.setattr(ledger, "hash_path", hash_and_lose)
    ended = convert_beside(capsys, tmp_path, {"ct": write(tmp_path / "bad.nii")})
    assert_refused(ended, Wrong(lambda _: {}, ("bad.nii does not exist; correct the path",)), tmp_path)


def test_memory_that_is_not_there(tmp_path: Path, capsys: Capture, monkeypatch: Any) -> None:
    def hungry(item: Any, *words: Any, **named: Any) -> Any:
        if item.case == "bad":
            raise MemoryError("Unable to allocate 64.0 GiB")
        return real(item, *words, **named)

    real = stage._convert
    monkeypatch.setattr(stage, "_convert", hungry)
    ended = convert_beside(capsys, tmp_path, {"ct": write(tmp_path / "bad.nii")})
    says = ("there is not enough memory (Unable to allocate 64.0 GiB); give the job more mem_mb",)
    assert_refused(ended, Wrong(lambda _: {}, says), tmp_path)


def test_what_a_killed_run_left_is_cleaned(tmp_path: Path, capsys: Capture) -> None:
    scratch = tmp_path / "out" / ".good.work"
    scratch.mkdir(parents=True)
    (scratch / "good.nii.gz").write_bytes(b"half")
    (tmp_path / "out" / "good.nii.gz").write_bytes(b"half")
    (tmp_path / "out" / "good.json").write_text('{"case": "go')
    ended = convert(capsys, tmp_path, "--cases", write_sheet(tmp_path, [write_good(tmp_path)]))
    assert (ended.code, ended.rows["good"]["status"]) == (0, "ok")
    assert_clean(tmp_path / "out")
    assert json.loads((tmp_path / "out" / "good.json").read_text())["case"] == "good"
    assert tables.hash_path(tmp_path / "out" / "good.nii.gz") == ended.rows["good"]["sha256"]


def test_a_case_that_turns_bad_leaves_its_old_row_behind(tmp_path: Path, capsys: Capture) -> None:
    sheet = write_sheet(tmp_path, [write_good(tmp_path) | {"case": "bad"}, write_good(tmp_path)])
    assert convert(capsys, tmp_path, "--cases", sheet).code == 0
    (tmp_path / "good_seg.nii.gz").write_bytes(b"not an image")
    ended = convert(capsys, tmp_path, "--cases", sheet)
    assert ended.code == 2
    assert [row["status"] for row in ended.rows.values()] == ["failed", "failed"]
    assert [row["path"] for row in ended.rows.values()] == ["", ""]


def process(*words: object, **more: Any) -> subprocess.Popen[str]:
    """The program itself."""
    command = [sys.executable, "-m", "segmake.cli", *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, **(pipes | more))


def test_the_program_says_it_in_one_line(tmp_path: Path) -> None:
    sheet = write_sheet(tmp_path, [{"case": "bad", "ct": "gone.nii"}, write_good(tmp_path)])
    words = ("convert", "--cases", sheet, *CHANNELS, *LABELS, "--output", tmp_path / "out" / "shard-00.tsv")
    started = [
        process(*words),
        process("index", "sheet", tmp_path / "gone.tsv"),
        process("plan", "--folds", "x"),
    ]
    ended = [(child.communicate()[1], child.returncode) for child in started]
    assert [code for _, code in ended] == [2, 2, 2]
    for said, _ in ended:
        assert_sentence(said.strip().splitlines()[-1], ("segmake: ",))
        assert not FAULT.search(said)
    assert_clean(tmp_path / "out")


def test_a_killed_program_goes_on(tmp_path: Path, capsys: Capture) -> None:
    rows = [write_good(tmp_path) | {"case": f"c{number}"} for number in range(60)]
    sheet = write_sheet(tmp_path, rows)
    words = ("convert", "--cases", sheet, *CHANNELS, *LABELS, "--output", tmp_path / "out" / "shard-00.tsv")
    child = process(*words)
    end = time.monotonic() + 30
    while time.monotonic() < end and not (tmp_path / "out" / "c03.json").exists() and len(done(tmp_path)) < 3:
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    first = done(tmp_path)
    assert not (tmp_path / "out" / "shard-00.tsv").exists()
    ended = convert(capsys, tmp_path, "--cases", sheet)
    assert (ended.code, len(ended.rows)) == (0, 60)
    assert ended.said.count("already done") == len(first) > 0
    assert_clean(tmp_path / "out")


def done(folder: Path) -> list[Path]:
    return sorted((folder / "out").glob("c*.json")) if (folder / "out").exists() else []
