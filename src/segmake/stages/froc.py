"""froc: takes a detector's marks and the annotations of LUNA16, makes the table of the challenge's scores.

The table has a row per operating point (sensitivity at so many false positives per scan, with its interval),
the CPM, and the counts behind them.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np

from segmake.dataset.annotations import (
    Nodule,
    Point,
    read_annotations,
    read_detections,
    read_excluded,
    read_scans,
)
from segmake.errors import InputError
from segmake.jobs import FrocJob
from segmake.metrics.candidates import MISSED, Findings, Marks, Matches, match_marks
from segmake.metrics.froc import FP_PER_SCAN, Froc, score_detections
from segmake.metrics.statistics import Bootstrap, Floats
from segmake.metrics.summary import rounded
from segmake.tables import write_table

log = logging.getLogger("segmake")
Row = dict[str, object]
T = TypeVar("T")


def run(job: FrocJob) -> None:
    """Write the scores, and the curve where it is asked for."""
    scans = _scans(job)
    if not sum(len(scan.nodules) for scan in scans.values()):
        raise InputError(f"{job.annotations} has no nodule in these scans, so there is no sensitivity")
    matches = list(scans.values())
    bootstrap = Bootstrap(job.seed, job.resamples, job.confidence)
    found = score_detections(matches, bootstrap.rng("froc"), job.resamples, job.confidence)
    write_table(job.output, [*_score_rows(found), *_count_rows(matches)])
    if job.curve:
        curve = zip(found.curve.thresholds, found.curve.fp_per_scan, found.curve.sensitivity, strict=True)
        names = ("threshold", "fp_per_scan", "sensitivity")
        write_table(job.curve, [dict(zip(names, map(rounded, point), strict=True)) for point in curve])
    low, high = found.cpm_interval
    log.info("CPM %.4f [%.4f, %.4f], %d scans", found.cpm, low, high, len(scans))


def _scans(job: FrocJob) -> dict[str, Matches]:
    """Match the marks of each scan; what lies in other scans is left out and counted in the log."""
    marks = _by_scan((row.case, (row.centre_mm, row.probability)) for row in read_detections(job.candidates))
    nodules = _by_scan((row.case, row) for row in read_annotations(job.annotations))
    excluded = _by_scan((row.case, row) for row in (read_excluded(job.excluded) if job.excluded else []))
    if job.scans:
        scans = read_scans(job.scans)
    else:
        scans = sorted(marks.keys() | nodules.keys())
        log.warning(
            "without --scans the %d scans with a mark or a nodule count: any other is missed", len(scans)
        )
    for path, found in ((job.candidates, marks), (job.annotations, nodules)):
        outside = sum(len(rows) for scan, rows in found.items() if scan not in set(scans))
        if outside:
            log.warning("%d rows of %s are of other scans and left out", outside, path)
    return {
        scan: match_marks(_marks(marks.get(scan, [])), _findings(nodules, scan), _findings(excluded, scan))
        for scan in scans
    }


def _by_scan(rows: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for scan, row in rows:
        found.setdefault(scan, []).append(row)
    return found


def _marks(rows: Sequence[tuple[Point, float]]) -> Marks:
    return Marks(_points([centre for centre, _ in rows]), np.array([score for _, score in rows], dtype=float))


def _findings(found: Mapping[str, Sequence[Nodule]], scan: str) -> Findings:
    rows = found.get(scan, [])
    diameters = np.array([row.diameter_mm for row in rows], dtype=float)
    return Findings(_points([row.centre_mm for row in rows]), diameters)


def _points(points: Sequence[Point]) -> Floats:
    return np.array(points, dtype=float).reshape(-1, 3)


def _score_rows(found: Froc) -> Iterator[Row]:
    columns = ("measure", "fp_per_scan", "value", "ci_low", "ci_high")
    points = zip(FP_PER_SCAN, found.sensitivities, found.intervals, strict=True)
    for at, value, interval in points:
        yield dict(zip(columns, ("sensitivity", at, rounded(value), *map(rounded, interval)), strict=True))
    yield dict(zip(columns, ("cpm", "", rounded(found.cpm), *map(rounded, found.cpm_interval)), strict=True))


def _count_rows(scans: Sequence[Matches]) -> Iterator[Row]:
    counts = {
        "scans": len(scans),
        "nodules": sum(len(scan.nodules) for scan in scans),
        "found": sum(int(np.count_nonzero(scan.nodules != MISSED)) for scan in scans),
        "false_positives": sum(len(scan.false_positives) for scan in scans),
        "doubles": sum(scan.doubles for scan in scans),
        "ignored": sum(scan.ignored for scan in scans),
    }
    for measure, count in counts.items():
        yield {"measure": measure, "value": count}
