"""Failed jobs: reasons, logs, the table."""

from __future__ import annotations

from pathlib import Path

from operation_cases import Run

from segmake.operations.failures import (
    FAILURES,
    SILENT,
    find_failures,
    format_failures,
    last_lines,
    reason_in,
    write_failures,
)
from segmake.tables import read_table

LOG = """2026-11-22 18:28:17,440 convert 1/3 a 0.3 s
2026-11-22 18:28:18,440 convert 2/3 b failed: b.nii is empty

2026-11-22 18:28:18,671 convert 3/3 c 0.344 s
2026-11-22 18:28:18,824 segmake: convert: 1 of 3 cases failed (b: b.nii is empty); mend it
"""


def test_a_failure_has_its_sentence_and_what_was_said_before_it(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.done(run.job("convert", "00"))
    run.write(run.job("convert", "01").log, LOG)
    (found,) = find_failures(run.roster(), alive=True, lines=2)
    assert (found.stage, found.job, found.log) == ("convert", "01", tmp_path / "logs/convert/01.log")
    assert found.reason == "convert: 1 of 3 cases failed (b: b.nii is empty); mend it"
    assert [line[24:] for line in found.last] == [
        "convert 2/3 b failed: b.nii is empty",
        "convert 3/3 c 0.344 s",
    ]
    assert find_failures(run.roster(), alive=True, lines=0)[0].last == ()
    assert find_failures(run.roster(), alive=True, lines=0)[0].reason == found.reason


def test_a_log_that_ends_in_the_middle_is_said_to(tmp_path: Path) -> None:
    assert reason_in(["18:00 step 3"]) == f"{SILENT} (last line: 18:00 step 3)"
    assert reason_in([]) == SILENT
    assert reason_in(["x segmake: first; do this", "Traceback"]) == "first; do this"


def test_last_lines_of_a_long_log_are_read_from_its_end(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"\xff\xfe broken\n" + b"x" * 200_000 + b"\n\nlast but one\nlast\n")
    assert last_lines(log, 2) == ["last but one", "last"]
    assert last_lines(tmp_path / "none.log", 2) == []


def test_the_table_names_every_failure_and_goes_when_there_is_none(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for name in ("00", "01"):
        run.write(run.job("evaluate", name).log, f"1 segmake: {name} is\tbroken; mend it")
    failures = find_failures(run.roster(), alive=True)
    path = write_failures(tmp_path, failures)
    assert path == tmp_path / FAILURES
    assert [(row["job"], row["reason"]) for row in read_table(path)] == [
        ("00", "00 is\tbroken; mend it"),
        ("01", "01 is\tbroken; mend it"),
    ]
    told = format_failures(failures)
    assert told.splitlines()[0] == "  evaluate 00: 00 is\tbroken; mend it"
    assert told.splitlines()[1] == f"    {tmp_path / 'logs/evaluate/00.log'}"
    assert not write_failures(tmp_path, []).exists()
    write_failures(tmp_path, [])
