"""verify: takes a results folder, checks every recorded file against its checksum."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

from segmake.errors import InputError
from segmake.jobs import VerifyJob
from segmake.ledger import damaged_files
from segmake.progress import track

log = logging.getLogger("segmake")


class DamagedFiles(InputError):
    """Files that are missing or are not what was recorded."""


def run(job: VerifyJob) -> None:
    """Check all records below the folder.

    Raises:
        DamagedFiles: some files are missing or changed; each is named.
        InputError: there is no record, so this is no results folder.
    """
    records = sorted(_records(job.folder))
    if not records:
        raise InputError(f"{job.folder} holds no records of segmake; give the workdir of a configuration")
    bad: list[str] = []
    for path in track(records, len(records), "verify"):
        record = json.loads(path.read_text(encoding="utf-8"))
        for name in damaged_files(path.parent, record):
            stage = path.parent.relative_to(job.folder).parts[0]
            bad.append(f"{path.parent / name} ({stage} of case {record['case']})")
    if bad:
        raise DamagedFiles(
            f"{len(bad)} files are missing or changed: {'; '.join(bad)}. "
            "Restore them with `snakemake -R <stage>`: only these cases are done again"
        )
    log.info("%d records, all files intact", len(records))


def _records(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*.json"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and not path.name.endswith(".manifest.json") and _is_record(path):
            yield path


def _is_record(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, json.JSONDecodeError):
        return False
    return isinstance(content, dict) and {"case", "key", "files"} <= content.keys()
