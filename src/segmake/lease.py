"""Devices of this machine that one job holds and no other takes: locks on files, which end with the process.

A lock file per device lies in the folder for temporary files, which is the machine's own. It is locked, never
written; the kernel releases it when its holder ends, however that comes about. Devices are named by what they
are (the UUID of a GPU), so that jobs which see different ones, or number them differently, agree.
"""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from segmake.errors import ConfigError

log = logging.getLogger("segmake")
POLL_SECONDS = 1.0


@contextmanager
def lease(devices: Sequence[str], count: int, folder: Path | None = None) -> Iterator[list[int]]:
    """Hold `count` of these devices until the end of the block; gives their numbers in the list.

    Waits, with a line in the log, until so many are free at once; meanwhile it holds none.

    Raises:
        ConfigError: there are not so many.
    """
    if count > len(devices):
        raise ConfigError(
            f"{count} GPUs were asked for, but this job may use {len(devices)} on this machine; lower the "
            "job's gpu resource (--gpus), or set device to cpu"
        )
    folder = folder or Path(tempfile.gettempdir()) / "segmake-devices"
    held = _take(devices, count, folder)
    if held is None:
        log.info("all GPUs are used by other trainings on this machine; waiting for %d to be free", count)
        while held is None:
            time.sleep(POLL_SECONDS)
            held = _take(devices, count, folder)
    try:
        yield sorted(held)
    finally:
        for file in held.values():
            os.close(file)


def _take(devices: Sequence[str], count: int, folder: Path) -> dict[int, int] | None:
    """Lock files of `count` free devices by number, or None (and none locked) when fewer are free."""
    gate = _open(folder, "gate")
    fcntl.flock(gate, fcntl.LOCK_EX)  # one job looks at a time, or two could take half each for ever
    held: dict[int, int] = {}
    try:
        for number, device in enumerate(devices):
            if len(held) < count:
                file = _open(folder, device)
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    held[number] = file
                except BlockingIOError:
                    os.close(file)
    finally:
        os.close(gate)
    if len(held) == count:
        return held
    for file in held.values():
        os.close(file)
    return None


def _open(folder: Path, name: str) -> int:
    """Open the lock file of a device, for reading alone: other users' files may be locked too."""
    path = folder / f"{name}.lock"
    if not path.exists():
        with suppress(FileExistsError):
            folder.mkdir(parents=True)
            folder.chmod(0o1777)
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDONLY, 0o644))
    return os.open(path, os.O_RDONLY)
