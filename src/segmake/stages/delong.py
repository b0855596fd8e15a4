"""delong: takes the predictions of several classifiers, makes comparison.tsv: DeLong's test of every pair."""

from __future__ import annotations

from segmake.errors import InputError
from segmake.jobs import DelongJob
from segmake.metrics.classification.contest import COLUMNS, contest_rows
from segmake.tables import Row, read_table, write_table

NEEDED = {"level", "split", "class", "group", "case", "lesion", "patch"}


def run(job: DelongJob) -> None:
    """Write the comparison.

    Raises:
        InputError: there are fewer than two classifiers, or a table is none of score.
    """
    found: dict[str, list[Row]] = {}
    for path in job.predictions:
        name = path.absolute().parent.name
        rows = read_table(path)
        if rows and NEEDED - rows[0].keys():
            raise InputError(f"{path} is no table of predictions; give the predictions.tsv that score writes")
        if name in found:
            raise InputError(f"two tables are of classifier '{name}'; a classifier is called as its folder")
        found[name] = rows
    if len(found) < 2:
        raise InputError(f"a comparison needs two classifiers, got {', '.join(found)}; add --predictions")
    write_table(job.output, contest_rows(found, job.confidence), COLUMNS)
