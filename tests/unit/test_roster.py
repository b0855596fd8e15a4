"""What became of each job of a run, by its files."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import pytest
from operation_cases import START, Run
from snakemake.persistence.file import FilePersistence

from segmake.errors import InputError
from segmake.operations.roster import ROSTER, Entry, State, mark_of, read_roster, write_roster


def test_a_roster_comes_back_as_it_was_written(tmp_path: Path) -> None:
    entries = [
        Entry("convert", "00", ("convert/shard-00.tsv",), "logs/a.log", "benchmarks/a.tsv", 4, False),
        Entry("train", "unet, 0", ("model.pt", "history.csv"), words=("--steps", "6")),
    ]
    write_roster(tmp_path, entries, cores=2)
    found = read_roster(tmp_path)
    assert list(found.entries) == entries
    assert (found.pid, found.host) == (os.getpid(), socket.gethostname())
    assert (found.cores, found.jobs_at_once) == (2, None)
    assert found.started == (tmp_path / ROSTER).stat().st_mtime


def test_each_job_is_in_one_state(tmp_path: Path) -> None:
    run = Run(tmp_path)
    made, old, kept, failed, earlier, _, running = (
        run.job("convert", name, todo=name != "kept")
        for name in ("made", "old", "kept", "failed", "earlier", "never", "running")
    )
    run.done(made, after=5)
    run.done(old, after=-5)  # stands from an earlier run, and is to be made again
    run.done(kept, after=-5)
    run.write(failed.log, "broken", after=5)
    run.write(earlier.log, "broken then", after=-5)
    run.begun(running, "begins")
    roster = run.roster()
    states = {entry.name: roster.state(entry, alive=True) for entry in roster.entries}
    assert states == {
        "made": State.DONE,
        "old": State.LEFT,
        "kept": State.DONE,
        "failed": State.FAILED,
        "earlier": State.LEFT,
        "never": State.LEFT,
        "running": State.RUNNING,
    }
    assert roster.state(running, alive=False) is State.LEFT  # cut off


def test_a_job_is_done_when_all_of_its_outputs_are(tmp_path: Path) -> None:
    run = Run(tmp_path)
    job = run.job("train", "0", outputs=("train/model.pt", "train/history.csv"))
    run.write("train/history.csv", after=3)
    assert run.roster().state(job, alive=True) is State.LEFT
    run.write("train/model.pt", after=3)
    assert run.roster().state(job, alive=True) is State.DONE


@pytest.mark.parametrize("output", ["convert/shard-00.tsv", "x/" + "long" * 100 + ".tsv"])
def test_marks_are_where_snakemake_puts_them(tmp_path: Path, output: str) -> None:
    persistence = FilePersistence(path=tmp_path / ".snakemake")
    persistence._mark_incomplete(output, None)
    assert mark_of(tmp_path, output).is_file()
    persistence._unmark_incomplete(output)
    assert not mark_of(tmp_path, output).exists()


def test_a_run_lives_as_long_as_its_process_here_and_its_locks_elsewhere(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.roster().alive()
    about = json.loads((tmp_path / ROSTER).read_text())
    (tmp_path / ROSTER).write_text(json.dumps(about | {"pid": 2**22 + 1}))
    assert not read_roster(tmp_path).alive()
    (tmp_path / ROSTER).write_text(json.dumps(about | {"host": "node-7"}))
    assert not read_roster(tmp_path).alive()
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").touch()
    assert read_roster(tmp_path).alive()


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no run .* give the workdir of a configuration"):
        read_roster(tmp_path)
    (tmp_path / ROSTER).parent.mkdir()
    (tmp_path / ROSTER).write_text('{"jobs": [')
    with pytest.raises(InputError, match=r"roster.json cannot be read: .*; start snakemake again"):
        read_roster(tmp_path)


def test_the_start_is_by_the_clock_of_the_file_system(tmp_path: Path) -> None:
    assert Run(tmp_path).roster().started == START
