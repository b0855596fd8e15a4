"""diff: takes two results folders, shows what is not the same in them."""

from __future__ import annotations

import sys

from segmake.audit.differences import Run, compare
from segmake.audit.listing import format_chapters
from segmake.errors import SegmakeError
from segmake.jobs import DiffJob


class RunsDiffer(SegmakeError):
    """Two runs are not the same; ends with 1, as diff, cmp and git diff do."""

    exit_code = 1


def run(job: DiffJob) -> None:
    """Print the differences.

    Raises:
        RunsDiffer: there are some.
        InputError: a folder is no results folder.
    """
    chapters = compare(Run(job.before), Run(job.after))
    sys.stdout.write(format_chapters(chapters, job.lines))
    different = [chapter.title for chapter in chapters if chapter.lines]
    if different:
        raise RunsDiffer(f"{job.before} and {job.after} differ in {', '.join(different)}")
