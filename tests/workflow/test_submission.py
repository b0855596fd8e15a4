"""The profiles for LSF and Kubernetes: what their scripts tell the scheduler and how they read it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from experiment import CHECKOUT

pytestmark = pytest.mark.workflow
# The second attempt of train succeeds: a job that failed is tried again with more memory.
SNAKEFILE = """
rule all:
    input: "train.txt"

rule convert:
    output: "convert.txt"
    threads: 2
    resources: mem_mb=3000, runtime=30
    shell: "touch {output}"

rule train:
    input: "convert.txt"
    output: "train.txt"
    resources: mem_mb=lambda wildcards, attempt: 5000 * attempt
    shell: "if [ -e tried ]; then touch {output}; else touch tried; exit 1; fi"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a small Snakefile and the pretended commands."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "bin").mkdir()
    for name in ("bsub", "bjobs", "bkill", "kubectl"):
        shutil.copy(Path(__file__).with_name("pretended.py"), tmp_path / "bin" / name)
        text = (tmp_path / "bin" / name).read_text(encoding="utf-8")
        (tmp_path / "bin" / name).write_text(f"#!{sys.executable}\n{text}", encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    path = os.pathsep.join([str(place / "bin"), str(Path(sys.executable).parent), *os.get_exec_path()])
    return os.environ | {"PATH": path, "PRETENDED": str(place / "jobs")}


def run(place: Path, profile: str) -> list[list[str]]:
    """Run the small Snakefile through a profile; the words each job was submitted with, in order."""
    words = [
        sys.executable,
        "-m",
        "snakemake",
        "--workflow-profile",
        str(CHECKOUT / "workflow/profiles" / profile),
    ]
    words += [
        "--seconds-between-status-checks",
        "1",
        "--latency-wait",
        "2",
        "--max-status-checks-per-second",
        "10",
    ]
    done = subprocess.run(
        words, cwd=place, env=environment(place), capture_output=True, text=True, check=False, timeout=120
    )
    said = [path.read_text(encoding="utf-8") for path in sorted(place.glob("jobs/*/said"))]
    assert done.returncode == 0, "\n".join([done.stdout, done.stderr, *said])
    return [path.read_text(encoding="utf-8").splitlines() for path in sorted(place.glob("jobs/*/words"))]


def script(profile: str, name: str, place: Path, *words: str) -> str:
    command = [str(CHECKOUT / "workflow/profiles" / profile / name), *words]
    done = subprocess.run(command, env=environment(place), capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_lsf_is_told_what_the_rules_ask_for(place: Path) -> None:
    convert, failed, train = (" ".join(words) for words in run(place, "lsf"))
    assert "-n 2 -o logs/lsf/%J.log -R span[hosts=1] -M 3000MB -R rusage[mem=3000MB] -W 30" in convert
    assert "-gpu" not in convert
    assert "-J train -n 1 " in failed
    assert "-M 5000MB" in failed
    assert "-M 10000MB" in train
    assert "-W" not in train
    assert "-gpu num=1" in train


def test_kubernetes_gets_jobs_after_the_template(place: Path) -> None:
    convert, failed, train = (json.loads(words[0]) for words in run(place, "kubernetes"))
    assert convert["spec"]["activeDeadlineSeconds"] == 30 * 60
    assert _resources(convert) == {
        "requests": {"cpu": "2", "memory": "3000Mi"},
        "limits": {"memory": "3000Mi"},
    }
    assert _resources(failed)["limits"] == {"memory": "5000Mi", "nvidia.com/gpu": "1"}
    assert _resources(train)["limits"] == {"memory": "10000Mi", "nvidia.com/gpu": "1"}
    assert train["metadata"]["labels"] == {"app": "segmake", "rule": "train"}
    pod = train["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["containers"][0]["workingDir"] == str(place)
    assert sys.executable not in pod["containers"][0]["command"][2]
    assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == {
        volume["name"] for volume in pod["volumes"]
    }


def _resources(manifest: dict) -> dict:
    return manifest["spec"]["template"]["spec"]["containers"][0]["resources"]


@pytest.mark.parametrize("profile", ["lsf", "kubernetes"])
def test_states_of_jobs_are_read(place: Path, profile: str) -> None:
    for number, code in (("1001", None), ("1002", "0"), ("1003", "137")):
        (place / "jobs" / number).mkdir()
        if code is not None:
            (place / "jobs" / number / "code").write_text(code, encoding="utf-8")
    said = [script(profile, "status", place, number) for number in ("1001", "1002", "1003")]
    assert said == ["running", "success", "failed"]


def test_a_kubernetes_job_that_is_gone_has_failed(place: Path) -> None:
    assert script("kubernetes", "status", place, "1001") == "failed"


@pytest.mark.parametrize(("profile", "told"), [("lsf", "7 8"), ("kubernetes", "delete job --wait=false 7 8")])
def test_jobs_are_cancelled_together(place: Path, profile: str, told: str) -> None:
    script(profile, "cancel", place, "7", "8")
    assert (place / "jobs" / "cancelled").read_text(encoding="utf-8") == told
