"""index: takes a folder in a known layout or a case sheet, makes the sheet; --check says what convert would.

With --check every file is opened as convert opens it, and nothing is written but the sheet. A line for each
case with something to say goes to standard output: status, case, sentence.
"""

from __future__ import annotations

import functools
import logging
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace

from segmake.cores import limited
from segmake.dataset.layouts import Dataset, index_layout
from segmake.dataset.leakage import find_leaks
from segmake.dataset.sheet import Case, read_sheet, write_sheet
from segmake.errors import CasesFailed, InputError, explained
from segmake.jobs import IndexJob
from segmake.prepare.intake import Intake, take_in
from segmake.progress import track
from segmake.settings import DataSettings, IntakeSettings
from segmake.tables import Row, write_text

log = logging.getLogger("segmake")
STATUSES = {
    "stopped": "would stop",
    "excluded": "would be left out",
    "warned": "with a warning",
    "repaired": "repaired",
    "ok": "without a remark",
}
"""What may become of a case, the gravest first, and how the summary says it."""


def run(job: IndexJob) -> None:
    """Write the sheet to a file, or to standard output unless the cases are checked.

    Raises:
        CasesFailed: the cases were checked, and some would stop or be left out.
    """
    found = _find(job)
    if job.output is not None:
        write_text(job.output, write_sheet(found.cases))
    elif not job.check:
        sys.stdout.write(write_sheet(found.cases))
    log.info("%d cases, channels %s, labels %s", len(found.cases), found.channels, found.labels)
    if job.check:
        _report(list(_checked(found, job)), found)


def _find(job: IndexJob) -> Dataset:
    """The cases with their channels and labels; what the flags say wins over the layout."""
    if job.layout == "sheet":
        found = Dataset(read_sheet(job.root, job.channels))
    else:
        found = index_layout(job.layout, job.root, job.channels)
    channels, labels = job.channels or found.channels, job.labels or found.labels
    labels = {name: value for name, value in labels.items() if value != job.ignore}
    return Dataset([_renamed(case, list(channels)) for case in found.cases], channels, labels, found.regions)


def _renamed(case: Case, channels: list[str]) -> Case:
    """A case whose only channel has the name that the flags give it."""
    if len(channels) == len(case.channels) == 1:
        return replace(case, channels={channels[0]: next(iter(case.channels.values()))})
    return case


def _checked(found: Dataset, job: IndexJob) -> Iterator[Row]:
    """A row for each case, in the order of the cases."""
    named = {"channels": found.channels, "labels": found.labels}
    data = DataSettings(**named, label_map=job.label_map, ignore=job.ignore)
    check = functools.partial(check_case, data=data, convert=job)
    if job.threads == 1:
        yield from track(map(check, found.cases), len(found.cases), "index")
        return
    try:
        with limited(1), ProcessPoolExecutor(job.threads, multiprocessing.get_context("fork")) as pool:
            yield from track(pool.map(check, found.cases, chunksize=4), len(found.cases), "index")
    except BrokenProcessPool as error:
        raise InputError(
            "a process that checked cases was killed, perhaps for lack of memory; give fewer --threads"
        ) from error


def check_case(case: Case, data: DataSettings, convert: IntakeSettings) -> Row:
    """What convert would make of a case: its status and the sentence, and what tells copies apart."""
    row = {"case": case.name, "group": case.group, "split": case.split, "label": str(case.label or "")}
    if case.problem:
        return row | {"status": "excluded", "sentence": case.problem}
    try:
        taken = take_in(case.channels, case.label, data, convert)
    except Exception as error:
        log.debug("index %s", case.name, exc_info=True)
        sentence = explained(error) or f"{type(error).__name__}: {error}"
        return row | {"status": "stopped", "sentence": " ".join(sentence.split())}
    return row | _remarks(taken)


def _remarks(taken: Intake) -> Row:
    repairs, warnings = taken.told("repair"), taken.told("warning")
    passport = taken.passport
    return {
        "status": "warned" if warnings else "repaired" if repairs else "ok",
        "sentence": "; ".join(text for text in (warnings, repairs) if text),
        "voxels_sha256": passport["voxels_sha256"],
        "label_sha256": passport["label_sha256"],
        **{f"ml_{value}": str(found["ml"]) for value, found in passport["labels"].items()},
    }


def _report(rows: list[Row], found: Dataset) -> None:
    """Write what there is to say, and raise when a case is lost."""
    said = [f"{row['status']}\t{row['case']}\t{row['sentence']}" for row in rows if row["sentence"]]
    leaks = find_leaks([row for row in rows if "voxels_sha256" in row])
    said += [f"leak\t\t{sentence}" for sentence in leaks]
    count = Counter(row["status"] for row in rows)
    parts = [f"{count[status]} {words}" for status, words in STATUSES.items() if count[status]]
    said.append(f"{len(rows)} cases: {', '.join(parts)}")
    if not found.labels and (values := _values(rows)):
        said.append(f"label maps hold the values {', '.join(values)}; name them in data.labels")
    sys.stdout.write("".join(f"{line}\n" for line in said))
    lost = count["stopped"] + count["excluded"]
    if lost or leaks:
        raise CasesFailed(
            f"index: {lost} of {len(rows)} cases cannot be used as they are"
            f"{' and scores would be too good' if leaks else ''}; see the lines above"
        )


def _values(rows: Iterable[Row]) -> list[str]:
    """Label values in any case, in ascending order."""
    values = {name.removeprefix("ml_") for row in rows for name in row if name.startswith("ml_")}
    return sorted(values, key=int)
