"""Scores of parts of the cases: by site, size of the structure, any column; and when not to rely on them.

How many patients an interval needs: El Jurdi, Varoquaux & Colliot, "Confidence intervals for performance
estimates in brain MRI segmentation" (arXiv 2307.10926); the width falls with the root of the number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import ceil, isnan

import numpy as np

from segmake.metrics.policy import Status
from segmake.metrics.statistics import FEWEST, Bootstrap, Summary, summarize
from segmake.metrics.summary import rounded
from segmake.tables import Row

Cell = tuple[str, str, str, str]
"""Split, label, metric, level."""
SIZE = "size"
"""Subgroup made by us: thirds of the cases by the true volume of the structure."""
THIRDS = ("small", "medium", "large")
WIDEST = 0.1
"""Interval of a ratio (Dice, NSD ...) above which a mean is too vague to compare subgroups by."""
COLUMNS = (
    *("split", "subgroup", "level", "label", "metric", "unit", "cases", "patients"),
    *("mean", "ci_low", "ci_high", *map(str, Status), "warning"),
)


def subgroup_rows(
    scores: Sequence[Row],
    patients: Mapping[str, str],
    columns: Mapping[str, Mapping[str, str]],
    bootstrap: Bootstrap,
) -> list[dict[str, object]]:
    """Summarize the scores of every level of every subgroup.

    Args:
        scores: long rows with case, split, label, metric, value, unit, status.
        patients: patient of each case.
        columns: subgroup -> case -> level; `SIZE` needs no entries, it comes from the scores. A case
            without a level is in none; a subgroup with one level is left out.
        bootstrap: how intervals are made.
    """
    rows: list[dict[str, object]] = []
    for name, levels in columns.items():
        sized = size_levels(scores) if name == SIZE else {}
        cells: dict[Cell, list[Row]] = {}
        seen: dict[tuple[str, str], set[str]] = {}
        for row in scores:
            place = (row["split"], row["label"])
            level = sized.get((*place, row["case"]), "") if name == SIZE else levels.get(row["case"], "")
            if level:
                cells.setdefault((*place, row["metric"], level), []).append(row)
                seen.setdefault(place, set()).add(level)
        several = {key: found for key, found in cells.items() if len(seen[key[:2]]) > 1}
        rows += _rows(name, several, patients, bootstrap)
    return rows


def _rows(
    name: str,
    cells: Mapping[Cell, Sequence[Row]],
    patients: Mapping[str, str],
    bootstrap: Bootstrap,
) -> Iterator[dict[str, object]]:
    order = {(split, label, metric): at for at, (split, label, metric, _) in reversed(list(enumerate(cells)))}
    levels = THIRDS if name == SIZE else sorted({key[3] for key in cells})
    for key in sorted(cells, key=lambda key: (key[0], order[key[0], key[1], key[2]], levels.index(key[3]))):
        found = cells[key]
        split, label, metric, level = key
        values = [float(row["value"]) for row in found]
        groups = [patients.get(row["case"], row["case"]) for row in found]
        rng = bootstrap.rng("subgroups", name, *key)
        summary = summarize(values, groups, rng, bootstrap.resamples, bootstrap.confidence)
        numbers = (summary.mean, summary.ci_low, summary.ci_high)
        fates = [row["status"] for row in found]
        cells_of_row = (split, name, level, label, metric, found[0]["unit"], len(found), summary.patients)
        told = (*map(rounded, numbers), *map(fates.count, Status), warn(summary, found[0]["unit"]))
        yield dict(zip(COLUMNS, (*cells_of_row, *told), strict=True))


def size_levels(scores: Iterable[Row]) -> dict[tuple[str, str, str], str]:
    """Third by true volume of each (split, label, case) with the structure; equal volumes stay together."""
    volumes: dict[tuple[str, str], dict[str, float]] = {}
    for row in scores:
        if row["metric"] == "truth_ml" and float(row["value"]) > 0:
            volumes.setdefault((row["split"], row["label"]), {})[row["case"]] = float(row["value"])
    levels = {}
    for (split, label), found in volumes.items():
        edges = np.quantile(list(found.values()), (1 / 3, 2 / 3))
        for case, volume in found.items():
            levels[split, label, case] = THIRDS[int(np.searchsorted(edges, volume))]
    return levels


def warn(summary: Summary, unit: str) -> str:
    """Say why a mean carries no claim; nothing where it may."""
    if summary.patients < FEWEST:
        return f"too few patients ({summary.patients}, at least {FEWEST})"
    width = summary.ci_high - summary.ci_low
    if unit == "ratio" and not isnan(width) and width > WIDEST:
        needed = ceil(summary.patients * (width / WIDEST) ** 2)
        return f"interval {width:.2g} wide; about {needed} patients would make it {WIDEST:g}"
    return ""
