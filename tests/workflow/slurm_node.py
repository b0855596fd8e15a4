"""A one-node Slurm in a folder of its own: munged, slurmctld and slurmd on loopback, one pretended GPU.

    python tests/workflow/slurm_node.py FOLDER     # runs until Ctrl-C; prints what another shell needs

Outside the folder there is one link, /etc/slurm/slurm.conf: jobs do not inherit SLURM_CONF, and the commands
in them must find this Slurm too. A machine with a Slurm of its own is left alone. Debian: slurm-wlm, munge.
"""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

TEMPLATES = Path(__file__).resolve().parent / "slurm"
INSTALLED = Path("/etc/slurm/slurm.conf")
DAEMONS = ("munged", "slurmctld", "slurmd")
PATIENCE_SECONDS = 60


def missing() -> str:
    """Why no Slurm can be started here; empty when it can."""
    absent = [name for name in DAEMONS if _program(name) is None]
    if absent:
        return f"no {', '.join(absent)} here (Debian: apt-get install slurm-wlm munge)"
    if os.geteuid() != 0:
        return "the daemons of Slurm are started as root"
    own = INSTALLED.exists() and not INSTALLED.is_symlink()
    return f"this machine has a Slurm of its own ({INSTALLED})" if own else ""


@dataclass
class SlurmNode:
    """The daemons, and the environment in which sbatch, squeue and Snakemake find them."""

    folder: Path
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        """Write the configuration, start the daemons, wait until the node is idle."""
        for name in ("controller", "node"):
            (self.folder / name).mkdir(parents=True)
        names = {
            "host": socket.gethostname().partition(".")[0],
            "user": getpass.getuser(),
            "folder": str(self.folder),
            "controller_port": str(_free_port()),
            "node_port": str(_free_port()),
        }
        for template in TEMPLATES.glob("*.conf"):
            text = template.read_text(encoding="utf-8")
            for name, value in names.items():
                text = text.replace("{" + name + "}", value)
            (self.folder / template.name).write_text(text, encoding="utf-8")
        INSTALLED.unlink(missing_ok=True)
        INSTALLED.symlink_to(self.folder / "slurm.conf")
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        self.revive("munged")
        self._wait(lambda: (self.folder / "munge.socket").exists(), "munged has no socket")
        self.revive("slurmctld")
        self.revive("slurmd")
        self._wait(lambda: self._states() == {"idle"}, "the node is not idle")

    def revive(self, name: str) -> None:
        """Start a daemon, or start it again: it knows its jobs from its folder."""
        paths = [f"--{kind}-file={self.folder}/munge.{kind}" for kind in ("key", "pid", "seed", "log")]
        socket_path = f"--socket={self.folder}/munge.socket"
        words = ["--foreground", "--force", socket_path, *paths] if name == "munged" else ["-D"]
        with (self.folder / f"{name}.out").open("ab") as stream:
            command = [str(_program(name)), *words]
            self.daemons[name] = subprocess.Popen(command, env=self.environment, stdout=stream, stderr=stream)

    def command(self, *words: str) -> str:
        """What a Slurm command prints; its complaints are nobody's while the daemons start."""
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False)
        return done.stdout

    def stop(self) -> None:
        """End the jobs, then the daemons in reverse order."""
        self.command("scancel", "--user", getpass.getuser(), "--signal=KILL", "--full")
        for process in reversed(self.daemons.values()):
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        INSTALLED.unlink(missing_ok=True)

    def logs(self) -> str:
        """Last lines of what the daemons said."""
        found = sorted([*self.folder.glob("*.log"), *self.folder.glob("*.out")])
        return "\n".join(f"{path.name}\n{path.read_text(errors='replace')[-2000:]}" for path in found)

    def _states(self) -> set[str]:
        return set(self.command("sinfo", "-h", "-o", "%T").split())

    def _wait(self, ready: Callable[[], bool], complaint: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not ready():
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{complaint}\n{self.logs()}")
            time.sleep(0.2)


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.pathsep.join([*os.get_exec_path(), "/usr/sbin", "/sbin"]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    node = SlurmNode(Path(sys.argv[1]).resolve())
    node.start()
    sys.stdout.write(f"export SLURM_CONF={node.folder}/slurm.conf\n")
    sys.stdout.flush()
    try:
        signal.pause()
    except KeyboardInterrupt:
        node.stop()
