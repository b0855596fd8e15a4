import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from segmake import jobs
from segmake.cli import Segmake, main, parse
from segmake.errors import InputError, SegmakeError

COMMANDS = [name for name in Segmake.model_fields if name not in ("log", "debug")]


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """`main` sets the log up for a process; leave it as it was for the next test."""
    root, ours = logging.getLogger(), logging.getLogger("segmake")
    before = list(root.handlers), root.level, ours.level
    yield
    for handler in [*ours.handlers]:
        ours.removeHandler(handler)
        handler.close()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> list[BaseModel]:
    """Stand-in for the stages verify and report: it keeps the jobs it was given."""
    ran: list[BaseModel] = []

    class Stage:
        run = ran.append

    monkeypatch.setitem(sys.modules, "segmake.stages.verify", Stage)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "segmake.stages.report", Stage)  # type: ignore[arg-type]
    return ran


def breaks_with(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    class Stage:
        @staticmethod
        def run(_: BaseModel) -> None:
            logging.getLogger("segmake").info("under way")
            raise error

    monkeypatch.setitem(sys.modules, "segmake.stages.verify", Stage)  # type: ignore[arg-type]


TRAIN = ["--tables", "a.tsv", "--plan", "p.json", "--output", "m.pt"]


def test_without_arguments_help_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: segmake ")
    assert "convert -> plan -> resample -> train -> predict -> evaluate -> report" in text
    places = [text.index(f"\n    {command} ", text.index("subcommands:")) for command in COMMANDS]
    assert places == sorted(places)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_explains_every_flag(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    annotation: Any = Segmake.model_fields[command].annotation
    for name, field in annotation.__args__[0].model_fields.items():
        flag = field.alias or name
        assert flag in text or flag.upper() in text


def test_a_job_that_is_done_is_0(stage: list[BaseModel], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "my results, old"]) == 0
    assert stage == [jobs.VerifyJob(folder=Path("my results, old"))]
    assert capsys.readouterr() == ("", "")


def test_a_manifest_is_left_beside_the_output(stage: list[BaseModel], tmp_path: Path) -> None:
    (tmp_path / "index.html").touch()
    words = ["--plan", "p", "--cases", "c", "--metrics", "m", "--summary", "s", "--title", "Ours"]
    assert main(["report", *words, "--output", str(tmp_path / "index.html")]) == 0
    manifest = json.loads((tmp_path / "index.manifest.json").read_text(encoding="utf-8"))
    assert manifest["stage"] == "report"
    assert manifest["settings"]["title"] == "Ours"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "--plan", "p", "--output", "o"], "the command line needs 'train.tables'; give it a value"),
        (
            ["train", *TRAIN, "--lr", "fast"],
            "the command line: train.lr is 'fast': it must be a valid number",
        ),
        (["predict", "--model", "m", "--output", "o"], "predict takes either --table or --image"),
        (["convert", "--output", "o", "--labels", "core"], "write mappings as JSON in quotes"),
        (["plan", "--folds", "1"], "plan.folds is '1': it must be greater than or equal to 2"),
        (["--debug"], "no sub-command was given; see `segmake --help`"),
    ],
)
def test_a_wrong_command_line_is_a_sentence_and_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert sentence in err
    assert err.startswith("segmake: ")
    assert "--debug" in words or err.count("\n") == 1


@pytest.mark.parametrize("words", [["trian"], ["train", "--colour", "red"], ["index", "brats"]])
def test_an_unknown_word_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code: Any = main(words)
    except SystemExit as error:
        code = error.code
    assert code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_explained_error_is_one_sentence_and_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    breaks_with(monkeypatch, InputError("a.nii is damaged; copy it again"))
    assert main(["verify", "x"]) == 2
    assert capsys.readouterr().err == "under way\nsegmake: a.nii is damaged; copy it again\n"


def test_debug_shows_where_it_came_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    breaks_with(monkeypatch, InputError("a.nii is damaged; copy it again"))
    assert main(["--debug", "verify", "x"]) == 2
    err = capsys.readouterr().err
    assert "segmake: a.nii is damaged; copy it again\nTraceback (most recent call last)" in err


def test_a_fault_of_ours_is_traced_and_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    breaks_with(monkeypatch, ZeroDivisionError("oops"))
    assert main(["verify", "x"]) == 1
    err = capsys.readouterr().err
    assert "this is a fault of segmake" in err
    assert err.endswith("ZeroDivisionError: oops\n")


def test_an_interruption_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    breaks_with(monkeypatch, KeyboardInterrupt())
    assert main(["verify", "x"]) == 130
    assert "interrupted; run the same command again to go on" in capsys.readouterr().err


def test_a_log_file_takes_every_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    breaks_with(monkeypatch, InputError("a.nii is damaged; copy it again"))
    assert main(["--log", str(tmp_path / "logs" / "a.log"), "verify", "x"]) == 2
    assert capsys.readouterr().err == "segmake: a.nii is damaged; copy it again\n"
    lines = (tmp_path / "logs" / "a.log").read_text(encoding="utf-8").splitlines()
    assert [line.split(" ", 2)[2] for line in lines] == [
        "under way",
        "segmake: a.nii is damaged; copy it again",
    ]


def test_parsing_raises_an_explained_error() -> None:
    with pytest.raises(SegmakeError, match=r"train.steps is '0': it must be greater than 0"):
        parse(["train", *TRAIN, "--steps", "0"])


def test_processes_that_train_together_end_without_the_endings_of_others(tmp_path: Path) -> None:
    """An interpreter that takes torch down may abort after all is written: these do not begin to."""
    ending = (
        "import atexit, segmake.learning.distributed; atexit.register(print, 'taken down'); "
        "from segmake.cli import start; start()"
    )
    place = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    told = {}
    for name, extra in (("alone", {}), ("together", place)):
        for words in (["--help"], ["verify", str(tmp_path / "nothing")]):
            done = subprocess.run(
                [sys.executable, "-c", ending, *words],
                capture_output=True,
                text=True,
                check=False,
                env=dict(os.environ) | extra,
            )
            told[name, words[0]] = done.returncode, done.stdout, done.stderr
    for word, code in (("--help", 0), ("verify", 2)):
        alone, together = told["alone", word], told["together", word]
        assert alone[0] == together[0] == code
        assert alone[1] == together[1] + "taken down\n"
        assert alone[2] == together[2]
    assert "usage" in told["together", "--help"][1]
    assert "segmake: " in told["together", "verify"][2]


@pytest.mark.parametrize("broken", [False, True])
def test_a_command_collects_no_garbage_of_imports_nor_at_its_end_but_while_it_works(
    tmp_path: Path, broken: bool
) -> None:
    """A stage runs with the collector on; what was there before it and what is left is out of its sight."""
    program = (
        "import atexit, gc, segmake.stages.verify as verify\n"
        "def run(job):\n"
        "    print(gc.isenabled(), gc.get_freeze_count() > 0)\n"
        f"    if {broken}: raise ValueError('a fault')\n"
        "verify.run = run\n"
        "atexit.register(lambda: print(len(gc.get_objects()) < 1000))\n"
        "from segmake.cli import start; start()\n"
    )
    command = [sys.executable, "-c", program, "verify", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True"] * 3
    assert done.returncode == int(broken)
