"""A pretended bsub, bjobs, bkill and kubectl: what they are told is kept, jobs run on this machine.

A job's folder holds `words` (what it was submitted with) and, once it has ended, `code`. Each command is this
file under another name; PRETENDED names the folder that it keeps.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

KEPT = Path(os.environ["PRETENDED"])


def submit(words: list[str], command: str) -> str:
    """Start a job and give its number."""
    number = str(1001 + len(list(KEPT.glob("1*"))))
    folder = KEPT / number
    folder.mkdir()
    (folder / "words").write_text("\n".join(words), encoding="utf-8")
    script = (
        f"({command}) > {folder}/said 2>&1; echo $? > {folder}/code.part; mv {folder}/code.part {folder}/code"
    )
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    subprocess.Popen(["/bin/sh", "-c", script], start_new_session=True, **streams)
    return number


def code(number: str) -> str:
    """How a job ended; empty while it runs."""
    path = KEPT / number / "code"
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def bsub(words: list[str]) -> str:
    return f"Job <{submit(words, f'/bin/sh {words[-1]}')}> is submitted to default queue <normal>."


def bjobs(words: list[str]) -> str:
    return {"": "RUN", "0": "DONE"}.get(code(words[-1]), "EXIT")


def kubectl(words: list[str]) -> str:
    if words[0] == "create":
        manifest = json.load(sys.stdin)
        container = manifest["spec"]["template"]["spec"]["containers"][0]
        shell, flag, command = container["command"]
        assert (shell, flag) == ("/bin/sh", "-c")
        os.chdir(container["workingDir"])
        return submit([json.dumps(manifest)], command)
    ended = {"": "", "0": "Complete "}.get(code(words[2]), "Failed ")
    return f"{ended}found" if (KEPT / words[2]).exists() else ""


def cancel(words: list[str]) -> str:
    (KEPT / "cancelled").write_text(" ".join(words), encoding="utf-8")
    return ""


if __name__ == "__main__":
    name = Path(sys.argv[0]).name
    chosen = {"bsub": bsub, "bjobs": bjobs, "bkill": cancel, "kubectl": kubectl}[name]
    if name == "kubectl" and sys.argv[1] == "delete":
        chosen = cancel
    sys.stdout.write(chosen(sys.argv[1:]) + "\n")
