"""view: takes a results folder, makes nothing: it serves the folder to this machine for the viewer."""

from __future__ import annotations

import logging
import webbrowser

from segmake.errors import InputError
from segmake.presenting import ViewJob
from segmake.serving import FolderServer

log = logging.getLogger("segmake")
PAGES = ("report/index.html", "report/viewer.html")


def run(job: ViewJob) -> None:
    """Serve until interrupted.

    Raises:
        InputError: the folder has no report.
        ConfigError: the port cannot be had.
    """
    if not (job.folder / PAGES[0]).is_file():
        raise InputError(
            f"{job.folder} has no {PAGES[0]}; give a results folder (the configuration's workdir) whose "
            "report was made"
        )
    with FolderServer(job.folder, job.port) as server:
        log.info("Report: %s", server.address(PAGES[0]))
        if (job.folder / PAGES[1]).is_file():
            log.info("Viewer: %s", server.address(PAGES[1]))
        log.info("Only this machine can open them, and only with the whole address. Stop with Ctrl-C.")
        if job.open:
            webbrowser.open(server.address(PAGES[0]))
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            log.info("Stopped.")
