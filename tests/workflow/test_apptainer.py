"""`container:` with Apptainer, whose part a script plays: each job goes through the image."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from experiment import Experiment

pytestmark = pytest.mark.workflow
# Says its version; else keeps its words and runs the command that stands behind the image.
APPTAINER = """#!/bin/sh
case "$1" in
--version) echo "apptainer version 1.3.4" ;;
*) echo "$@" >> "$CALLS"; for word; do last=$word; done; exec bash -c "$last" ;;
esac
"""


def test_jobs_run_in_the_image_that_the_configuration_names(tmp_path: Path) -> None:
    image = tmp_path / "segmake.sif"
    image.touch()
    (tmp_path / "bin").mkdir()
    for name in ("apptainer", "singularity"):
        (tmp_path / "bin" / name).write_text(APPTAINER, encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    calls = tmp_path / "calls"
    config = {
        "shards": 1,
        "container": str(image),
        "data": {"layout": "phantom"},
        "phantom": {"count": 4, "test": 0, "size": 24},
    }
    command = Experiment(tmp_path, config).command("--until", "phantom")
    command += ["--software-deployment-method", "apptainer", "--apptainer-args", "--bind /data"]
    path = os.pathsep.join([str(tmp_path / "bin"), *os.get_exec_path()])
    environment = os.environ | {"PATH": path, "CALLS": str(calls)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (call,) = calls.read_text(encoding="utf-8").splitlines()
    assert call.startswith("exec ")
    assert " --bind /data " in call
    assert f" {image} bash -c " in call
    assert "segmake --log logs/phantom/shard-00.log phantom" in call
    assert (tmp_path / "results/phantom/shard-00.tsv").exists()
