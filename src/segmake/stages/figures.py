"""figures: takes tables, JSON and the slices of examples, makes every figure and figures.tsv, their list.

The same tables give the same bytes, on any machine with the same versions. `segmake verify FOLDER --figures`
draws them again and compares.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from segmake.drawing import FiguresJob
from segmake.errors import InputError
from segmake.figures.catalogue import read_catalogue
from segmake.progress import tell
from segmake.redrawing import draw, find_tables


def run(job: FiguresJob) -> dict[str, list[Path]]:
    """Draw all figures, and return their files; those that are not drawn any more are removed."""
    root = job.folder or Path()
    found = job.model_copy(update=find_tables(root)) if job.folder else job
    old = _drawn(job.output)
    entries = draw(found, root, job.output.parent)
    for name in old - {name for entry in entries for name in entry.files}:
        (job.output.parent / name).unlink(missing_ok=True)
    tell("%d figures in %s", len(entries), job.output.parent)
    return {"outputs": [job.output.parent / name for entry in entries for name in entry.files]}


def _drawn(table: Path) -> set[str]:
    """Files of an earlier drawing that are still there."""
    if not table.exists():
        return set()
    with suppress(InputError):
        return {name for entry in read_catalogue(table) for name in entry.files}
    return set()
