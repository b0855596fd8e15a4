import logging
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from segmake import lease as module
from segmake.errors import ConfigError
from segmake.lease import lease

HOLD = """
import sys, time
from pathlib import Path
from segmake.lease import lease
with lease(sys.argv[3:], int(sys.argv[2]), Path(sys.argv[1])) as held:
    print(*held, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(module, "POLL_SECONDS", 0.02)


@pytest.fixture
def holder(tmp_path):
    """Another process that holds `count` of these devices; ended with the test."""
    running = []

    def hold(count, *devices):
        words = [sys.executable, "-c", HOLD, str(tmp_path / "locks"), str(count), *devices]
        running.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True))
        return running[-1], [int(word) for word in running[-1].stdout.readline().split()]

    yield hold
    for process in running:
        process.kill()
        process.communicate()


def test_two_jobs_never_hold_the_same_device(tmp_path, holder):
    assert holder(1, "a", "b", "c")[1] == [0]
    with lease(["a", "b", "c"], 2, tmp_path / "locks") as held:
        assert held == [1, 2]


def test_a_device_is_known_by_what_it_is_not_by_its_number(tmp_path, holder):
    holder(1, "b")
    with lease(["c", "b", "a"], 2, tmp_path / "locks") as held:
        assert held == [0, 2]


def test_a_killed_holder_frees_its_device_and_who_waits_says_so(tmp_path, holder, caplog):
    caplog.set_level(logging.INFO, "segmake")
    process, held = holder(2, "a", "b")
    assert held == [0, 1]
    timer = threading.Timer(0.3, os.kill, (process.pid, signal.SIGKILL))
    timer.start()
    begun = time.perf_counter()
    with lease(["a", "b"], 1, tmp_path / "locks") as held:
        assert held == [0]
    assert time.perf_counter() - begun > 0.25
    assert caplog.messages == [
        "all GPUs are used by other trainings on this machine; waiting for 1 to be free"
    ]


def test_who_waits_for_several_holds_none(tmp_path, holder):
    process, _ = holder(1, "b")
    found = []

    def wait():
        with lease(["a", "b"], 2, tmp_path / "locks") as held:
            found.append(held)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.1)
    with lease(["a"], 1, tmp_path / "locks") as held:
        assert held == [0]
    process.kill()
    waiting.join(10)
    assert found == [[0, 1]]


def test_many_that_want_all_get_their_turn(tmp_path):
    inside, seen = [], []

    def take():
        with lease(["a", "b", "c"], 3, tmp_path / "locks") as held:
            inside.append(1)
            seen.append((held, len(inside)))
            time.sleep(0.01)
            inside.pop()

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert seen == [([0, 1, 2], 1)] * 4


def test_a_lease_ends_with_its_block_also_after_an_error(tmp_path):
    with pytest.raises(ValueError, match="inside"), lease(["a"], 1, tmp_path / "locks"):
        raise ValueError("inside")
    with lease(["a"], 1, tmp_path / "locks") as held:
        assert held == [0]


def test_other_users_may_lock_the_same_files(tmp_path):
    with lease(["a"], 1, tmp_path / "locks"):
        pass
    assert stat.S_IMODE((tmp_path / "locks").stat().st_mode) == 0o1777
    assert (tmp_path / "locks" / "a.lock").stat().st_mode & stat.S_IROTH


def test_more_than_there_are_is_explained(tmp_path):
    with (
        pytest.raises(
            ConfigError, match="2 GPUs were asked for, but this job may use 1 on this machine; lower"
        ),
        lease(["a"], 2, tmp_path),
    ):
        pass
