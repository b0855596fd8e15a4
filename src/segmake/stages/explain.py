"""explain: takes a file of a results folder, says what made it, from what, and why it would be made again."""

from __future__ import annotations

import sys

from segmake.audit.configured import read_configuration
from segmake.audit.lineage import tell_story
from segmake.audit.telling import coloured, format_story
from segmake.jobs import ExplainJob


def run(job: ExplainJob) -> None:
    """Print the file's story."""
    settings = read_configuration(job.config) if job.config else None
    text = format_story(tell_story(job.file, job.depth, settings))
    sys.stdout.write(coloured(text) if sys.stdout.isatty() else text)
