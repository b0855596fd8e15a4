"""verify: takes a results folder, checks every recorded file against its checksum, or repeats its trainings.

The files of cases are checked against the ledger's records; plan, models, tables, figures and pages against
the manifests beside them; records and manifests against their own seal. A changed file is named with the
figures that depend on it. With --train the first steps of every training are done again,
with --figures all figures are drawn again.
"""

from __future__ import annotations

import logging
from pathlib import Path

from segmake.audit.integrity import figures_of, find_damage, read_recorded
from segmake.errors import InputError
from segmake.jobs import VerifyJob
from segmake.repetition import find_trainings, repeat

log = logging.getLogger("segmake")
NAMED = 10


class DamagedFiles(InputError):
    """Files that are missing or are not what was recorded."""


class DifferentWeights(InputError):
    """Trainings that did not give the same weights again."""


class DifferentFigures(InputError):
    """Figures that are not drawn to the same bytes again."""


def run(job: VerifyJob) -> None:
    """Check all records below the folder, or repeat the trainings there.

    Raises:
        DamagedFiles: some files are missing or changed; each is named.
        DifferentWeights: some trainings gave other weights; each is named.
        DifferentFigures: some figures were drawn to other bytes; each is named.
        InputError: there is no record or training, so this is no results folder.
    """
    if job.figures:
        _redraw(job.folder)
    elif job.train:
        _repeat_trainings(job.folder, job.steps)
    else:
        _check_files(job.folder, job.threads)


def _repeat_trainings(folder: Path, steps: int) -> None:
    """Repeat every training, a line for each."""
    found = find_trainings(folder)
    if not found:
        raise InputError(f"{folder} holds no trained model; give a workdir, or train/MODEL/fold-K in it")
    different = []
    for path in found:
        repetition = repeat(path, steps)
        line = f"{path.parent}: {repetition.sentence}"
        log.log(logging.INFO if repetition.differs is None else logging.ERROR, "%s", line)
        if repetition.differs is not None:
            different.append(line)
    if different:
        raise DifferentWeights(
            f"{len(different)} of {len(found)} trainings did not give the same weights again: "
            f"{'; '.join(different)}. Take the versions, the kind of processor and the threads of their "
            "manifests to repeat them"
        )


def _redraw(folder: Path) -> None:
    """Draw all figures again, a line for each that differs."""
    from segmake.redrawing import redraw  # matplotlib takes a second

    different = redraw(folder)
    for line in different:
        log.error("%s", line)
    if different:
        more = f"; and {len(different) - NAMED} more" if len(different) > NAMED else ""
        raise DifferentFigures(
            f"{len(different)} files of figures are not what their tables give: "
            f"{'; '.join(different[:NAMED])}{more}. Draw them again with `snakemake figures`, if the tables "
            "are right (`segmake verify` says so)"
        )
    log.info("all figures were drawn again to the same bytes")


def _check_files(folder: Path, threads: int) -> None:
    """Check every file that is recorded."""
    recorded = read_recorded(folder)
    if not recorded.checks:
        raise InputError(f"{folder} holds no records of segmake; give the workdir of a configuration")
    damaged = find_damage(recorded.checks, threads)
    here = folder.absolute()
    lines = [f"{_shown(check.path, folder)} ({check.told})" for check in damaged]
    drawn: dict[str, None] = {}
    for line, check in zip(lines, damaged, strict=True):
        names = figures_of(check.path, here, recorded.dependents)
        drawn |= dict.fromkeys(names)
        log.error("%s%s", line, f"; figures made from it: {', '.join(names)}" if names else "")
    if damaged:
        more = f"; and {len(lines) - NAMED} more" if len(lines) > NAMED else ""
        figures = f" Figures that depend on them: {', '.join(drawn)}." if drawn else ""
        count = f"{len(lines)} files are" if len(lines) > 1 else "1 file is"
        raise DamagedFiles(
            f"{count} missing or changed: {'; '.join(lines[:NAMED])}{more}.{figures} "
            "Restore them with `snakemake -R <stage>`: only these cases are done again"
        )
    log.info("%d files of %d cases, all intact", len(recorded.checks), recorded.records)


def _shown(path: Path, folder: Path) -> str:
    """A path as it was given: below `folder`."""
    return str(folder / path.relative_to(folder.absolute()))
