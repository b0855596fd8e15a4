"""Figures about subgroups, models against each other, detectors, and single cases, from what was read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from segmake.figures.catalogue import Entry
from segmake.figures.detection import froc_curves
from segmake.figures.drawings import Drawing, Style, Tables, of_model
from segmake.figures.forest import difference_forest, subgroup_forest
from segmake.figures.overlay import draw_slices
from segmake.figures.records import SPLITS, number
from segmake.figures.slices import read_slices

COMPARED = ("dice", "nsd", "hd95")
RANKS = ("worst", "median", "best")


def model_drawings(tables: Tables, style: Style) -> Iterator[Drawing]:
    """Subgroups, comparisons, detectors, examples."""
    yield from _subgroups(tables, style)
    yield from _comparisons(tables, style)
    yield from _detectors(tables, style)
    yield from _examples(tables, style)


def _subgroups(tables: Tables, style: Style) -> Iterator[Drawing]:
    for path, rows in tables.subgroups.items():
        model = path.parent.name
        means = {(s.split, s.label): s.mean for s in of_model(tables.summaries, model) if s.metric == "dice"}
        for split in dict.fromkeys(row["split"] for row in rows):
            chosen = [row for row in rows if row["split"] == split and row["metric"] == "dice"]
            overall = {label: mean for (of, label), mean in means.items() if of == split}
            if not chosen:
                continue
            entry = Entry(
                name=f"subgroups_{model}_{split}",
                kind="subgroups",
                model=model,
                split=split,
                title=f"Subgroups, {model}, {split}",
                caption=f"Dice of {model} by subgroup. {SPLITS.get(split, split)}. Mean over patients with "
                f"its {tables.confidence} interval; n: patients. A hollow mark is too vague for a claim.",
                alt=f"Forest plot of mean Dice per subgroup and label, model {model}, split {split}",
            )

            draw = partial(subgroup_forest, chosen, overall, style.width)
            summary = [p for p, found in tables.summaries.items() if found and found[0].model == model]
            yield Drawing(entry, [path, *summary], draw)


def _comparisons(tables: Tables, style: Style) -> Iterator[Drawing]:
    for path, rows in tables.comparison.items():
        for split in dict.fromkeys(row["split"] for row in rows):
            chosen = [row for row in rows if row["split"] == split and row["metric"] in COMPARED]
            if not chosen:
                continue
            entry = Entry(
                name=f"comparison_{split}",
                kind="comparison",
                split=split,
                title=f"Differences between models, {split}",
                caption="Differences between models on the cases both were scored on. "
                f"{SPLITS.get(split, split)}. Mean over patients with its {tables.confidence} interval; p of "
                "the paired permutation test, adjusted by Holm over all pairs and labels of a metric. A "
                "hollow mark allows no claim.",
                alt=f"Forest plot of differences between models per metric and label, split {split}",
            )
            yield Drawing(entry, [path], partial(difference_forest, chosen, style.width))


def _detectors(tables: Tables, style: Style) -> Iterator[Drawing]:
    if not tables.detectors:
        return
    named = {detector_name(path): found for path, found in tables.detectors.items()}
    curves = [curve_of(path) for path in tables.detectors]
    entry = Entry(
        name="froc_detectors",
        kind="froc",
        title="FROC curves",
        caption="Sensitivity over false positives per scan (FROC); marks at the seven points that LUNA16 "
        f"averages to the CPM, with the {tables.confidence} interval over scans.",
        alt="FROC curves; the numbers are in the tables",
    )
    inputs = [*tables.detectors, *(path for path in curves if (tables.root / path).exists())]
    yield Drawing(entry, inputs, partial(froc_curves, named, style.width))


def detector_name(path: Path) -> str:
    """Name of a detector: its folder's where the table is called froc.tsv, else the table's."""
    return path.parent.name if path.stem == "froc" else path.stem


def curve_of(path: Path) -> Path:
    """Where the whole curve of a table of `segmake froc` is looked for."""
    return path.with_name(f"{path.stem}_curve.tsv")


def _examples(tables: Tables, style: Style) -> Iterator[Drawing]:
    """The cases that were cut out."""
    for table, examples in tables.examples.items():
        for example in sorted(examples, key=lambda e: (RANKS.index(e.rank), e.place)):
            scores = [p for p, found in tables.scores.items() if found and found[0].model == example.model]
            each = [
                f"{s.label} {number(s.value)}"
                for s in of_model(tables.scores, example.model)
                if s.case == example.case and s.metric == "dice"
            ]
            where = f"fold {example.fold}" if example.fold else example.split
            told = f"{example.case} ({where}): mean Dice {number(example.mean_dice)} ({', '.join(each)})"
            entry = Entry(
                name=f"example_{example.model}_{example.rank}-{example.place}",
                kind="example",
                model=example.model,
                split=example.split,
                case=example.case,
                title=f"{example.rank.capitalize()} cases of {example.model}, {example.place}",
                caption=f"{told}. Channel {example.channel}, radiological view.",
                alt=f"Slices of case {told} with outlines of truth and prediction",
            )
            path = table.parent / example.path.name
            whole = tables.root / path
            yield Drawing(entry, [path, *scores], partial(_example, whole, style.width))


def _example(path: Path, width: float) -> Figure:
    return draw_slices(read_slices(path), width)
