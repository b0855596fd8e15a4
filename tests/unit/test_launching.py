import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from test_stage_train import job, results  # noqa: F401  a fixture

from segmake.configuration import flags
from segmake.errors import ConfigError, SegmakeError
from segmake.learning import launching
from segmake.learning.checkpoint import load_model
from segmake.learning.interruption import Stopped
from segmake.learning.launching import launch
from segmake.stages import train


@pytest.fixture
def processes(monkeypatch):
    """Let `launch` run a piece of code, which knows its rank, instead of segmake."""

    def be(code):
        head = "import os, signal, sys, time\nrank = int(os.environ['RANK'])\n"
        monkeypatch.setattr(launching, "SEGMAKE", (sys.executable, "-c", head + code))

    return be


def test_the_first_process_speaks_and_each_knows_its_place(processes, caplog, tmp_path):
    caplog.set_level(logging.INFO, "segmake")
    processes(
        "open(f'{sys.argv[1]}/{rank}', 'w').write(os.environ['WORLD_SIZE'] + os.environ['LOCAL_RANK'])\n"
        "print('hello from', rank, file=sys.stderr)"
    )
    launch([str(tmp_path)], 3)
    assert [(tmp_path / str(rank)).read_text() for rank in range(3)] == ["30", "31", "32"]
    assert caplog.messages == ["hello from 0"]


def test_a_failed_process_is_quoted_and_ends_the_others(processes, monkeypatch):
    monkeypatch.setattr(launching, "GRACE_SECONDS", 0.2)
    processes("if rank: print('segmake: no such plan', file=sys.stderr); sys.exit(2)\ntime.sleep(60)")
    begun = time.perf_counter()
    with pytest.raises(SegmakeError, match=r"^no such plan$"):
        launch([], 2)
    assert time.perf_counter() - begun < 20


def test_an_explained_failure_goes_before_the_faults_that_follow(processes):
    processes("print('segmake: why', file=sys.stderr) if rank else None\nsys.exit(2 if rank else 1)")
    with pytest.raises(SegmakeError, match=r"^why$"):
        launch([], 2)


def test_a_killed_process_is_named(processes, monkeypatch):
    monkeypatch.setattr(launching, "GRACE_SECONDS", 0.2)
    processes("if rank: os.kill(os.getpid(), signal.SIGKILL)\ntime.sleep(60)")
    with pytest.raises(SegmakeError, match=r"process 1 of 2 was killed by SIGKILL.*last checkpoint"):
        launch([], 2)


def test_a_fault_is_one_of_ours(processes, caplog):
    processes("sys.exit('Traceback' if rank else 0)")
    with pytest.raises(RuntimeError, match="process 1 of 2: Traceback"):
        launch([], 2)
    assert "Traceback" in caplog.messages


@pytest.mark.parametrize("patient", [True, False])
def test_a_signal_reaches_all_and_is_told_as_one_stop(processes, patient):
    handler = "sys.exit(75 if not print('segmake: stopped by', n, file=sys.stderr) else 0)"
    listen = f"signal.signal(signal.SIGUSR1, lambda n, f: {handler})\n" if patient else ""
    processes(f"{listen}time.sleep(60)")
    threading.Timer(2.0, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    with pytest.raises(Stopped, match=r"stopped by (10|SIGUSR1 between steps)"):
        launch([], 2)


def test_gpus_that_are_not_there_stop_a_job_unless_the_cpu_was_asked_for(results, monkeypatch):  # noqa: F811
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device in ("auto", "cuda"):
        with pytest.raises(ConfigError, match=r"given gpu: 1, but 0 GPUs are usable here.* to cpu"):
            train.run(job(results, gpus=1, device=device))
    with pytest.raises(ConfigError, match="no usable CUDA device"):
        train.run(job(results, device="cuda"))
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    train.run(job(results, gpus=1, device="cpu", steps=1))
    torch.set_num_threads(before[0])
    torch.use_deterministic_algorithms(before[1])


@pytest.mark.slow
def test_a_job_of_two_processes_is_stopped_and_torchrun_goes_on_with_it(results):  # noqa: F811
    words = [f"--tables={path}" for path in job(results).tables]
    words += flags(job(results, device="cpu", steps=60, threads=2), leave_out=("tables",))
    command = [sys.executable, "-m", "segmake.cli", "train", *words]
    state = results / "train" / "unet" / "fold-1" / "state" / "state.pt"
    first = subprocess.Popen(
        [*command, "--gpus", "2", "--checkpoint_minutes", "1e-9"], stderr=subprocess.PIPE, text=True
    )
    while not state.exists() and first.poll() is None:
        time.sleep(0.05)
    first.send_signal(signal.SIGTERM)
    said = first.communicate(timeout=120)[1]
    assert first.returncode == 75, said
    assert said.splitlines()[-1].startswith("segmake: training was stopped by SIGTERM after step ")
    assert not job(results).output.exists()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m"]
    done = subprocess.run([*torchrun, *command[2:]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("going on after step") == 1
    published = json.loads(job(results).output.with_suffix(".manifest.json").read_text())
    assert published["reproducibility"]["processes"] == [2]
    assert published["reproducibility"]["level"] == "deterministic"
    model = load_model(Path(job(results).output), torch.device("cpu"))
    assert model.history["step"] == 60
    assert list(model.hashes) == ["1", "10", "60"]


@pytest.mark.slow
def test_a_job_of_two_processes_publishes_one_model_and_manifest(results):  # noqa: F811
    facts = train.run(job(results, gpus=2, device="cpu"))
    assert facts["training_cases"] == 3
    assert facts["reproducibility"]["processes"] == [2]
    model = load_model(job(results).output, torch.device("cpu"))
    assert facts["reproducibility"]["weights"] == model.hashes
    assert (job(results).output.parent / "history.csv").exists()
