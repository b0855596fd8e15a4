"""Real disks that are full or read-only, limits on files: a sentence, and the run goes on after."""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from robustness.cases import CHANNELS, LABELS, assert_clean, write, write_good, write_sheet
from segmake.learning import checkpoint
from segmake.tables import read_table
from segmake.volume.store import load_array, save_array

LARGE = np.random.default_rng(1).integers(-999, 999, (48, 48, 48)).astype(np.int16)
"""Noise: it stays as large when it is packed."""


def mount(*words: str) -> bool:
    """Whether this user may mount, and did."""
    if sys.platform != "linux" or shutil.which("mount") is None:
        return False
    return subprocess.run(["mount", *words], capture_output=True, check=False).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 160 kB: room for one small case, not for a large one."""
    place = tmp_path / "disk"
    place.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=160k", "tmpfs", str(place)):
        pytest.skip("only root may mount a small disk")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def segmake(*words: object, limit: Callable[[], None] | None = None) -> tuple[int, str]:
    """Exit code and last line of standard error of the program itself."""
    command = [sys.executable, "-m", "segmake.cli", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=limit)
    return done.returncode, (done.stderr.strip().splitlines() or [""])[-1]


def large_case(folder: Path) -> dict[str, object]:
    return {"case": "large", "ct": write(folder / "large.nii", LARGE)}


def words_for(sheet: Path, output: Path) -> tuple[object, ...]:
    return ("convert", "--cases", sheet, *CHANNELS, *LABELS, "--output", output / "shard-00.tsv")


def test_a_full_disk_is_one_sentence_and_the_run_goes_on_when_there_is_room(
    tmp_path: Path, small_disk: Path
) -> None:
    out = small_disk / "out"
    words = words_for(write_sheet(tmp_path, [write_good(tmp_path), large_case(tmp_path)]), out)
    code, said = segmake(*words)
    assert code == 2
    assert "large: the disk is full: " in said
    assert "No space left on device" in said
    assert said.startswith("segmake: convert: 1 of 2 cases failed")
    assert_clean(out)
    kept = (out / "good.json").stat().st_mtime_ns
    assert mount("-o", "remount,size=4m", str(small_disk))
    code, said = segmake(*words)
    assert (code, [row["status"] for row in read_table(out / "shard-00.tsv")]) == (0, ["ok", "ok"])
    assert (out / "good.json").stat().st_mtime_ns == kept  # nothing computed was lost
    assert mount("-o", "remount,ro", str(small_disk))
    code, said = segmake(*words)
    assert code == 2
    assert "may not be written (Read-only file system); change its permissions" in said


def test_a_limit_on_files_is_one_sentence(tmp_path: Path) -> None:
    words = words_for(write_sheet(tmp_path, [write_good(tmp_path), large_case(tmp_path)]), tmp_path / "out")
    code, said = segmake(*words, limit=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)))
    assert code == 2
    assert "large: a result is larger than a file may be here (File too large); raise the limit" in said
    assert_clean(tmp_path / "out")
    assert segmake(*words)[0] == 0


def test_an_array_that_does_not_fit_is_an_error_of_the_system(tmp_path: Path, small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left on device"):
        save_array(small_disk / "array.b2nd", LARGE[np.newaxis])
    save_array(tmp_path / "array.b2nd", LARGE[np.newaxis])
    assert np.array_equal(load_array(tmp_path / "array.b2nd"), LARGE[np.newaxis])


def test_a_checkpoint_that_does_not_fit_leaves_the_last_one(small_disk: Path) -> None:
    checkpoint.write({"step": 1}, small_disk / "state.pt")
    before = (small_disk / "state.pt").read_bytes()
    with pytest.raises(OSError, match="No space left on device"):
        checkpoint.write({"step": 2, "weights": "x" * 400_000}, small_disk / "state.pt")
    assert (small_disk / "state.pt").read_bytes() == before
    assert [path.name for path in small_disk.iterdir()] == ["state.pt"]
