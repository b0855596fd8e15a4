"""Summarize: the scores of all shards -> one long table, and statistics over patients.

takes  the tables of evaluate and the cases' files beside them
makes  metrics.tsv (case, split, fold, label, metric, value, unit, status) and summary.tsv (a row per split,
       label and metric: mean, median, sd, interval of the mean, cases, patients, cases per status)

Training cases were predicted out of fold and are pooled as split `train`; other splits stand apart.
"""

from __future__ import annotations

import logging
from pathlib import Path

from segmake.errors import InputError
from segmake.jobs import SummarizeJob
from segmake.metrics.summary import Bootstrap, summary_rows, summary_text
from segmake.tables import read_cases, read_table, write_table

log = logging.getLogger("segmake")

COLUMNS = ("case", "split", "fold", "label", "metric", "value", "unit", "status")


def run(job: SummarizeJob) -> None:
    """Write metrics.tsv and summary.tsv."""
    _tell_failures(job)
    cases = read_cases(job.tables)
    if not cases:
        raise InputError(
            "no case has both a truth and a prediction, so there is nothing to summarize; "
            f"look for the reason in {', '.join(map(str, job.tables))}"
        )
    scores = [row for case in cases for row in read_table(Path(case["path"]))]
    bootstrap = Bootstrap(job.seed, job.resamples, job.confidence)
    write_table(job.metrics, scores, COLUMNS)
    write_table(job.output, summary_rows(scores, cases, bootstrap))


def format_summary(path: Path) -> str:
    """Render summary.tsv as aligned text: Dice, HD95 and NSD with intervals, missed and false alarms."""
    return summary_text(read_table(path))


def _tell_failures(job: SummarizeJob) -> None:
    """Name the cases that could not be scored: they are in no mean."""
    for table in job.tables:
        for row in read_table(table):
            if row["status"] != "ok":
                log.warning("summarize leaves out %s: %s", row["case"], row["reason"])
