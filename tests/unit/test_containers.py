"""The images: a pinned base, one install step that reads the lock, no root, nothing forgotten."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
INSTALL = "/opt/workflow/workflow/envs/install.sh /opt/segmake slurm"
PINNED = re.compile(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}")
NEEDED = (
    "Snakefile",
    "workflow",
    "config",
    "src",
    "pyproject.toml",
    "requirements.lock",
    "README.md",
    "LICENSE",
)
RECORD = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$2" in venv) mkdir -p "$3/bin"; cp "$0" "$3/bin/python";; esac
"""


def instructions() -> list[tuple[str, str]]:
    """Dockerfile as (instruction, words)."""
    lines = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    split = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    return [(word, rest) for word, rest in split]


def sections() -> dict[str, list[str]]:
    """Lines of each section of the Apptainer definition."""
    found: dict[str, list[str]] = {"": []}
    for line in (CHECKOUT / "segmake.def").read_text(encoding="utf-8").splitlines():
        if line.startswith("%"):
            found[line[1:]] = []
        elif line.strip() and not line.startswith("#"):
            found[list(found)[-1]].append(line.strip())
    return found


def test_both_images_start_from_the_same_pinned_base() -> None:
    base = dict(instructions())["ARG"].removeprefix("BASE=")
    assert PINNED.fullmatch(base)
    assert f"From: {base}" in sections()[""]
    assert [rest for word, rest in instructions() if word == "FROM"] == ["${BASE} AS installed", "${BASE}"]


def test_the_lock_is_all_that_is_installed_from() -> None:
    assert [rest for word, rest in instructions() if word == "RUN"] == [INSTALL]
    assert sections()["post"] == ["export SOURCE_DATE_EPOCH=0", INSTALL]
    assert ("ENV", "SOURCE_DATE_EPOCH=0") in instructions()


def test_the_image_runs_as_nobody_in_particular() -> None:
    words = instructions()
    user = words.index(("USER", "1000:1000"))
    assert all(word not in ("RUN", "COPY", "ADD", "USER") for word, _ in words[user + 1 :])


def test_the_context_holds_what_is_needed_and_nothing_else() -> None:
    rules = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert rules[1] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(NEEDED)
    assert [line.split()[0] for line in sections()["files"]] == list(NEEDED)
    assert all((CHECKOUT / name).exists() for name in NEEDED)
    readme, *licences = re.findall(r'^(?:readme = |license-files = \[)"(.+?)"', _pyproject(), re.MULTILINE)
    assert {readme, *licences} <= set(NEEDED)


def _pyproject() -> str:
    return (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_install_script_takes_its_versions_from_the_lock(tmp_path: Path) -> None:
    recorder = tmp_path / "python"
    recorder.write_text(RECORD, encoding="utf-8")
    recorder.chmod(0o755)
    calls = tmp_path / "calls"
    environment = os.environ | {"PYTHON": str(recorder), "CALLS": str(calls)}
    script = CHECKOUT / "workflow/envs/install.sh"
    words = [str(script), str(tmp_path / "root"), "dev,slurm", "--editable"]
    subprocess.run(words, env=environment, cwd=tmp_path, check=True)
    install = calls.read_text(encoding="utf-8").splitlines()[-1]
    assert install.startswith("-m pip install ")
    assert install.endswith(f"--constraint {CHECKOUT}/requirements.lock --editable {CHECKOUT}[dev,slurm]")


def test_an_old_python_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    words = [str(CHECKOUT / "workflow/envs/install.sh"), str(tmp_path / "root"), "slurm"]
    done = subprocess.run(words, env=os.environ | {"PYTHON": str(old)}, check=False)
    assert done.returncode == 1
    assert not (tmp_path / "root").exists()


def test_every_dependency_has_an_exact_version_in_the_lock() -> None:
    lock = (CHECKOUT / "requirements.lock").read_text(encoding="utf-8")
    pinned = {_canonical(line.split("==")[0]) for line in lock.splitlines() if "==" in line}
    block = _pyproject().partition("dependencies = [")[2].partition("\n]")[0]
    wanted = {_canonical(name) for name in re.findall(r'"([A-Za-z][\w.-]*)', block)}
    assert len(wanted) > 15
    assert wanted - pinned == set()


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
