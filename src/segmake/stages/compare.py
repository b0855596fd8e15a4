"""compare: takes the scores of several models, makes a table of every pair and a ranking.

Models that differ by their seed alone are one model: the first stands for it, all of them say how much
another seed would change.
"""

from __future__ import annotations

import logging
from pathlib import Path

from segmake.errors import ConfigError, InputError
from segmake.jobs import CompareJob
from segmake.metrics.compare import COMPARISON, RANKING, comparison_rows, gather, ranking_rows
from segmake.metrics.statistics import Bootstrap
from segmake.tables import Row, read_cases, read_table, write_table

log = logging.getLogger("segmake")
NEEDED = {"case", "label", "metric", "value", "unit"}


def run(job: CompareJob) -> None:
    """Write the comparison and the ranking."""
    scores = _scores(job.metrics)
    runs = _runs(list(scores), job.replicates)
    cases: dict[str, list[Row]] = {}
    for table in job.tables:
        if table.parent.name not in scores:
            raise InputError(f"{table} is of no model that is compared ({', '.join(scores)}); leave it out")
        cases.setdefault(table.parent.name, []).extend(read_cases([table]))
    patients = {row["case"]: row["group"] for rows in cases.values() for row in rows}
    if not patients:
        log.warning(
            "without --tables each case counts as a patient; scans of one patient are not independent"
        )
    found = gather(scores, cases)
    bootstrap = Bootstrap(job.seed, job.resamples, job.confidence, job.permutations)
    compared = comparison_rows(found, patients, runs, bootstrap)
    if not compared and len(runs) > 1:
        raise InputError(f"{', '.join(runs)} share no case and metric, so nothing can be compared")
    write_table(job.output, compared, COMPARISON)
    write_table(job.ranking, ranking_rows(found, patients, list(runs), bootstrap), RANKING)


def _scores(paths: list[Path]) -> dict[str, list[Row]]:
    """Scores by model."""
    scores: dict[str, list[Row]] = {}
    for path in paths:
        model = path.absolute().parent.name if path.name == "metrics.tsv" else path.stem
        rows = read_table(path)
        if model in scores:
            raise InputError(f"two of the tables to compare are of model '{model}'; rename one of the files")
        if not rows or NEEDED - rows[0].keys():
            raise InputError(f"{path} holds no scores (columns {', '.join(sorted(NEEDED))}); run evaluate")
        scores[model] = rows
    if len(scores) < 2:
        raise InputError(f"a comparison needs two models at least, got {', '.join(scores)}; add --metrics")
    return scores


def _runs(models: list[str], replicates: list[list[str]]) -> dict[str, list[str]]:
    """Model -> its runs under several seeds; the first of them stands for the model."""
    named = [model for group in replicates for model in group]
    if len(set(named)) < len(named) or not set(named) <= set(models):
        raise ConfigError(
            f"replicates group models of {', '.join(models)}, each at most once, got {replicates}; correct it"
        )
    groups = {group[0]: group for group in replicates if group}
    return {model: groups.get(model, [model]) for model in models if model in groups or model not in named}
