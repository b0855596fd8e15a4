"""Threads of libraries, in this process and in the workers of a stage."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from pathlib import Path

import blosc2
import numpy as np
import pytest
import SimpleITK as sitk

from segmake.cores import cores_in_use, limited, use_cores
from segmake.ledger import Item, Outcome, Shard
from segmake.stages import tune
from segmake.volume.store import load_array, save_array

POOLS = ("SimpleITK", "blosc2", "libscipy_openblas")


def threads_now() -> int:
    """Threads of this process, as the system counts them."""
    return len(os.listdir("/proc/self/task"))  # noqa: PTH208 - a number, not paths


def busy(folder: Path) -> None:
    """Work with every library that has threads."""
    square = np.random.default_rng(0).random((400, 400), np.float32)
    square @ square
    sitk.SmoothingRecursiveGaussian(sitk.GetImageFromArray(square), 2.0)
    save_array(folder / "array.b2nd", square)
    load_array(folder / "array.b2nd")
    blosc2.asarray(square)[:]


def work(item: Item, scratch: Path) -> Outcome:
    """Note the threads that are allowed, and those that there are more after some work than before it."""
    before = threads_now()
    busy(scratch)
    (scratch / f"{item.case}.txt").write_text("done")
    (scratch / "array.b2nd").unlink()
    allowed = cores_in_use()
    return Outcome(
        f"{item.case}.txt",
        {"allowed": max(allowed[name] for name in POOLS), "more": threads_now() - before},
    )


def test_libraries_take_what_they_are_told_and_get_back_what_they_had() -> None:
    before = cores_in_use()
    assert set(POOLS) <= set(before)
    with limited(3):
        assert {name: cores_in_use()[name] for name in POOLS} == dict.fromkeys(POOLS, 3)
        with limited(1):
            assert {name: cores_in_use()[name] for name in POOLS} == dict.fromkeys(POOLS, 1)
        assert {name: cores_in_use()[name] for name in POOLS} == dict.fromkeys(POOLS, 3)
    assert cores_in_use() == before


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads where Linux lists them")
@pytest.mark.parametrize(("threads", "count"), [(1, 2), (3, 3), (4, 1)])
def test_each_worker_of_a_stage_has_one_thread(tmp_path: Path, threads: int, count: int) -> None:
    items = [Item(f"case-{number}", ("key",)) for number in range(count)]
    with limited(4):  # as a machine with four cores would start
        rows = Shard("test", 1, tmp_path / "out/shard-00.tsv", {}, threads).run(items, work)
        assert cores_in_use()["SimpleITK"] == 4
    assert [(row["status"], row["allowed"], row["more"]) for row in rows] == [("ok", "1", "0")] * count


def test_workers_outside_of_the_ledger_have_one_thread_too() -> None:
    with limited(2):
        found = list(tune._each(2, functools.partial(_allowed), [None, None]))  # type: ignore[list-item]
    assert found == [1, 1]


def _allowed(_: object) -> int:
    return max(cores_in_use()[name] for name in POOLS)


def test_torch_uses_the_threads_of_its_job_whatever_the_environment_says() -> None:
    code = """
import torch
from segmake.cores import cores_in_use, use_cores
use_cores(3)
torch.rand(300, 300) @ torch.rand(300, 300)
print(torch.get_num_threads(), cores_in_use()["torch"])
"""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.split() == ["3", "3"]


def test_cores_stay_as_told() -> None:
    before = cores_in_use()["SimpleITK"]
    use_cores(before + 1)
    try:
        assert {name: cores_in_use()[name] for name in POOLS} == dict.fromkeys(POOLS, before + 1)
    finally:
        use_cores(before)
