"""verify: takes a results folder, checks every recorded file against its checksum, or repeats its trainings.

The files of cases are checked against the ledger's records; plan, models, tables and pages against the
manifests beside them. With --train the first steps of every training are done again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from segmake.errors import InputError
from segmake.jobs import VerifyJob
from segmake.ledger import damaged_files, load_record
from segmake.progress import track
from segmake.repetition import find_trainings, repeat
from segmake.tables import hash_path, read_table

log = logging.getLogger("segmake")
NAMED = 10


class DamagedFiles(InputError):
    """Files that are missing or are not what was recorded."""


class DifferentWeights(InputError):
    """Trainings that did not give the same weights again."""


def run(job: VerifyJob) -> None:
    """Check all records below the folder, or repeat the trainings there.

    Raises:
        DamagedFiles: some files are missing or changed; each is named.
        DifferentWeights: some trainings gave other weights; each is named.
        InputError: there is no record or training, so this is no results folder.
    """
    if job.train:
        _repeat_trainings(job.folder, job.steps)
    else:
        _check_files(job.folder)


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


def _check_files(folder: Path) -> None:
    """Check every file that is recorded."""
    records = sorted(set(_records(folder)))
    if not records:
        raise InputError(f"{folder} holds no records of segmake; give the workdir of a configuration")
    bad = [line for path in track(records, len(records), "verify") for line in _damage(path)]
    bad += _changed_outputs(folder)
    for line in bad:
        log.error("%s", line)
    if bad:
        more = f"; and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        raise DamagedFiles(
            f"{len(bad)} files are missing or changed: {'; '.join(bad[:NAMED])}{more}. "
            "Restore them with `snakemake -R <stage>`: only these cases are done again"
        )
    log.info("%d records, all files intact", len(records))


def _records(folder: Path) -> Iterator[Path]:
    """Every record that is there, and every one that a row of a shard table says should be."""
    for table in folder.rglob("shard-*.tsv"):
        for row in read_table(table):
            if row.get("status") == "ok" and row.get("case"):
                yield table.parent / f"{row['case']}.json"
    for path in folder.rglob("*.json"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and not path.name.endswith(".manifest.json") and _is_record(path):
            yield path


def _changed_outputs(folder: Path) -> Iterator[str]:
    """A line for each result that is not what the manifest beside it says."""
    for path in sorted(folder.rglob("*.manifest.json")):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        output = path.parent / str(manifest.get("output", ""))
        if "sha256" in manifest and not (output.is_file() and hash_path(output) == manifest["sha256"]):
            yield f"{output} ({manifest['stage']})"


def _is_record(path: Path) -> bool:
    with suppress(InputError):
        return bool(load_record(path))
    return False


def _damage(path: Path) -> list[str]:
    """A line for each file of a record that is not as it was recorded, or for the record itself."""
    try:
        record = load_record(path)
    except InputError:
        return [f"{path} (record of case {path.stem})"]
    place = f"{record['stage']} of case {record['case']}"
    return [f"{path.parent / name} ({place})" for name in damaged_files(path.parent, record)]
