"""segmake status: the tables, and JSON for programs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from operation_cases import START, Run

from segmake.cli import main
from segmake.operations.roster import ROSTER
from segmake.stages.status import in_words

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = Run(tmp_path)
    made.done(made.job("convert", "00"), seconds=120, rows="ok excluded")
    made.write(
        made.job("convert", "01").log, "1 convert 1/2 a 3 s\n2 segmake: the disk is full; free some space"
    )
    made.begun(made.job("convert", "02"), "3 convert 1/2 d 3 s\n")
    made.job("plan", "")
    made.roster(cores=1)
    return made


def ended(folder: Path) -> None:
    """As if snakemake had been killed."""
    about = json.loads((folder / ROSTER).read_text())
    (folder / ROSTER).write_text(json.dumps(about | {"pid": 2**22 + 1}))
    os.utime(folder / ROSTER, (START, START))


def test_a_run_is_told_by_stage_job_and_failure(run: Run, capsys: Capture) -> None:
    assert main(["status", str(run.folder)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].endswith("is running, 3 jobs left, about 2 min and plan to go")
    assert told[2].split() == [
        *("stage", "done", "running", "failed", "left"),
        *("cases", "failed", "left", "out", "time", "left"),
    ]
    assert told[3].split() == ["convert", "1", "1", "1", "1", "2", "min"]
    assert told[4].split() == ["plan", "1", "?"]
    assert told[6:8] == ["running", "  convert 02 50 % after 0 s: 3 convert 1/2 d 3 s"]
    assert told[9:] == [
        "failed",
        "  convert 01: the disk is full; free some space",
        f"    {run.folder / 'logs/convert/01.log'}",
        "    | 1 convert 1/2 a 3 s",
    ]


def test_json_holds_the_same(run: Run, capsys: Capture) -> None:
    assert main(["status", str(run.folder), "--json", "--lines", "0"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["running"], found["seconds_left"]) == (True, None)
    assert found["stages"][0]["jobs"] == {"done": 1, "running": 1, "failed": 1, "left": 0}
    assert found["stages"][0]["excluded_cases"] == 1
    assert found["stages"][0]["running"][0]["progress"] == 0.5
    assert found["failures"][0]["reason"] == "the disk is full; free some space"
    assert found["failures"][0]["last"] == []


def test_a_run_that_was_killed_says_how_to_go_on(run: Run, capsys: Capture) -> None:
    ended(run.folder)
    assert main(["status", str(run.folder)]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert first.endswith("has ended with 3 jobs left; run it again to go on")
    (run.folder / ".snakemake/locks").mkdir(parents=True)
    (run.folder / ".snakemake/locks/0.input.lock").touch()
    assert main(["status", str(run.folder)]) == 0
    assert "`snakemake --unlock` first" in capsys.readouterr().out.splitlines()[0]


def test_a_run_that_is_done_says_so(tmp_path: Path, capsys: Capture) -> None:
    made = Run(tmp_path)
    made.done(made.job("convert", "00"))
    made.roster()
    ended(tmp_path)
    assert main(["status", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith(f"{tmp_path}: everything is done\n")


def test_a_folder_without_a_run_is_one_sentence(tmp_path: Path, capsys: Capture) -> None:
    assert main(["status", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (7260, "2 h 01 min")]
)
def test_durations_are_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
