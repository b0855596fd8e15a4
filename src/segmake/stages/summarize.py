"""Summarize: the scores of all shards -> one long table, and statistics over patients.

takes  the tables of evaluate and the cases' files beside them; for subgroups and failures those of convert
       and predict, and the case sheet
makes  metrics.tsv (case, split, fold, label, metric, value, unit, status), summary.tsv (a row per split,
       label and metric: mean, median, sd, interval of the mean, cases, patients, cases per status, failed
       cases) and subgroups.tsv (the same by site, size and other columns, with warnings)

Training cases were predicted out of fold and are pooled as split `train`; other splits stand apart.
"""

from __future__ import annotations

import logging
from pathlib import Path

from segmake.dataset.delimited import read_rows
from segmake.errors import ConfigError, InputError
from segmake.jobs import SummarizeJob
from segmake.metrics.statistics import Bootstrap
from segmake.metrics.subgroups import COLUMNS as SUBGROUP_COLUMNS
from segmake.metrics.subgroups import SIZE, subgroup_rows
from segmake.metrics.summary import summary_rows, summary_text
from segmake.tables import Row, check_table_format, read_cases, read_table, write_scores, write_table

log = logging.getLogger("segmake")

COLUMNS = ("case", "split", "fold", "label", "metric", "value", "unit", "status")


def run(job: SummarizeJob) -> None:
    """Write metrics.tsv (or .parquet), summary.tsv and subgroups.tsv."""
    check_table_format(job.metrics)
    cases = read_cases(job.tables)
    if not cases:
        raise InputError(
            "no case has both a truth and a prediction, so there is nothing to summarize; "
            f"look for the reason in {', '.join(map(str, job.tables))}"
        )
    scores = [row for case in cases for row in read_table(Path(case["path"]))]
    bootstrap = Bootstrap(job.seed, job.resamples, job.confidence)
    write_scores(job.metrics, scores, COLUMNS)
    write_table(job.output, summary_rows(scores, cases, bootstrap, _failed(job)))
    if job.subgroup_table:
        patients = {case["case"]: case["group"] for case in cases}
        rows = subgroup_rows(scores, patients, _subgroups(job), bootstrap)
        write_table(job.subgroup_table, rows, SUBGROUP_COLUMNS)


def format_summary(path: Path) -> str:
    """Render summary.tsv as aligned text: Dice, HD95 and NSD with intervals, missed and false alarms."""
    return summary_text(read_table(path))


def _failed(job: SummarizeJob) -> list[str]:
    """Splits of the cases that a stage failed on or left out (they are in no mean); each is named."""
    splits = {row["case"]: row["split"] for row in read_cases(job.cases)}
    reasons: dict[str, str] = {}
    for table in (*job.cases, *job.predictions, *job.tables):
        for row in read_table(table):
            if row["status"] != "ok":
                reasons.setdefault(row["case"], row["reason"])
    for case, reason in reasons.items():
        log.warning("summarize leaves out %s: %s", case, reason)
    return [splits.get(case, "") for case in reasons]


def _subgroups(job: SummarizeJob) -> dict[str, dict[str, str]]:
    """Subgroup -> case -> level, from the tables of convert and the case sheet.

    Raises:
        ConfigError: a subgroup is no column of either.
    """
    rows: dict[str, Row] = {row["case"]: row for row in read_cases(job.cases)}
    for row in read_rows(job.sheet) if job.sheet else []:
        if (case := row.cells.get("case", "")) in rows:
            rows[case] = row.cells | rows[case]
    known = {name for row in rows.values() for name in row}
    unknown = [name for name in job.subgroups if name not in known and name not in (SIZE, "site")]
    if unknown:
        raise ConfigError(
            f"evaluate.subgroups names '{unknown[0]}', which is no column of the case sheet "
            f"({', '.join(sorted(known))}); correct it (pseudonymised cases keep the site alone)"
        )
    return {name: {case: row.get(name, "") for case, row in rows.items()} for name in job.subgroups}
