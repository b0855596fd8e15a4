"""What the page says of models against each other and of subgroups, each with what forbids a claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segmake.figures.page import Block, Cell, Note
from segmake.figures.records import MEAN, NOTHING, metric_title, number, to_number
from segmake.figures.sections import cut
from segmake.tables import Row

SHOWN = ("dice", "nsd", "hd95", "lesion_wise_dice")
"""Metrics on the page; the tables in the results folder have all."""


def comparison(rows: Sequence[Row], ranking: Sequence[Row]) -> list[Block]:
    """Every pair of models with its verdict, and the ranking; nothing when there is one model."""
    if not rows:
        return []
    told = (
        "A difference is of the means over patients, model minus other, on the cases both were scored on. "
        "p is of the paired permutation test, adjusted by Holm over all pairs and labels of a metric. Seed "
        "noise is what two trainings of one model differ by in 1 of 20 pairs; without repeated seeds nobody "
        "knows it."
    )
    columns = ["Label", "Split", "Metric", "Model", "Other", "Patients", "Unpaired cases", "Difference"]
    columns += ["p", "p Wilcoxon", "d_z", "Seed noise", "Verdict"]
    shown = [row for row in rows if row["metric"] in SHOWN]
    cells = [[*_place(row), *_pair(row)] for row in shown]
    return [
        Note(told),
        *cut("Pairs of models", columns, cells, frozenset(columns[5:12])),
        *_ranking(ranking),
    ]


def _pair(row: Row) -> list[Cell]:
    return [
        *(row[name] for name in ("model", "other", "patients", "unpaired")),
        _with_interval(row, "difference"),
        *(_short(row[name]) for name in ("p_holm", "p_wilcoxon")),
        number(to_number(row["cohen_dz"]), 2),
        number(to_number(row["seed_noise"])),
        row["verdict"],
    ]


def _ranking(rows: Sequence[Row]) -> list[Block]:
    columns = ["Label", "Split", "Metric", "Place", "Model", "Patients", "Mean", "Mean rank", "Place kept"]
    cells = [
        [
            *_place(row),
            *(row[name] for name in ("place", "model", "patients")),
            number(to_number(row["mean"])),
            number(to_number(row["mean_rank"]), 2),
            f"{to_number(row['kept']):.0%}",
        ]
        for row in rows
        if row["metric"] in SHOWN
    ]
    caption = "Ranking by mean rank over patients, and how often a place is kept with other patients"
    return cut(caption, columns, cells, frozenset({"Place", *columns[5:]})) if cells else []


def subgroups(tables: Mapping[str, Sequence[Row]]) -> list[Block]:
    """Scores by subgroup of each model, with warnings; nothing when there are no subgroups."""
    chosen = [(model, row) for model, rows in tables.items() for row in rows if row["metric"] in SHOWN]
    if not chosen:
        return []
    columns = ["Label", "Split", "Metric", "Model", "Subgroup", "Level", "Patients", "Mean", "Warning"]
    cells: list[list[Cell]] = [
        [
            *_place(row),
            *(model, row["subgroup"], row["level"], row["patients"]),
            _with_interval(row, "mean"),
            row["warning"],
        ]
        for model, row in chosen
    ]
    warned = sum(bool(row["warning"]) for _, row in chosen)
    blocks = cut("Scores by subgroup", columns, cells, frozenset(columns[6:8]))
    if warned:
        told = f"{warned} of {len(chosen)} subgroup scores rest on too few patients for a claim."
        return [Note(told, "warning"), *blocks]
    return blocks


def _place(row: Row) -> list[Cell]:
    label = "mean of labels" if row["label"] == MEAN else row["label"]
    return [label, row["split"], metric_title(row["metric"], row["unit"])]


def _with_interval(row: Row, name: str) -> Cell:
    low, high = (to_number(row[end]) for end in ("ci_low", "ci_high"))
    interval = f"[{number(low)}, {number(high)}]" if row["ci_low"] else NOTHING
    return number(to_number(row[name])), interval


def _short(cell: str) -> str:
    return f"{float(cell):.3g}" if cell else NOTHING
