"""index: takes a folder in a known layout, makes the case sheet."""

from __future__ import annotations

import logging
import sys

from segmake.dataset.layouts import index_layout
from segmake.dataset.sheet import write_sheet
from segmake.jobs import IndexJob
from segmake.tables import write_text

log = logging.getLogger("segmake")


def run(job: IndexJob) -> None:
    """Write the sheet to a file or to standard output."""
    found = index_layout(job.layout, job.root)
    sheet = write_sheet(found.cases)
    if job.output is None:
        sys.stdout.write(sheet)
    else:
        write_text(job.output, sheet)
    log.info("%d cases, channels %s, labels %s", len(found.cases), found.channels, found.labels)
