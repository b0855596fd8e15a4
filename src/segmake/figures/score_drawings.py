"""Figures about trainings and scores, from what was read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np

from segmake.figures.catalogue import Entry
from segmake.figures.curves import dice_agreement, training_curves, volume_agreement
from segmake.figures.drawings import Drawing, Style, Tables, with_split
from segmake.figures.learning_curve import curve_points, learning_curves
from segmake.figures.plots import box_plots
from segmake.figures.records import SPLITS, STATUSES, Score
from segmake.figures.tallies import splits
from segmake.volume.volume import Array

NOT_SCORES = ("truth_ml", "prediction_ml", "scored_lesions")
"""Metrics that say how large something is, not how good."""
SCORES = {"dice": ("dice",), "surface": ("nsd", "hd95")}
"""Kind of figure -> its metrics; all others are drawn together."""
BETTER = "↑ higher is better, ↓ lower is better."
NARROW_INCHES = 4.4
"""Width of a figure of one panel in a double column."""


def score_drawings(tables: Tables, style: Style) -> Iterator[Drawing]:
    """Trainings first, then scores by split, then by model."""
    yield from _training(tables, style)
    for split in splits(score for scores in tables.scores.values() for score in scores):
        yield from _scores(tables, style, split)
        yield from _learning(tables, style, split)
    yield from _volumes(tables, style)
    yield from _foretold(tables, style)


def _training(tables: Tables, style: Style) -> Iterator[Drawing]:
    for folder in dict.fromkeys(path.parent.parent for path in tables.histories):
        model, stage = folder.name, folder.parent.name
        found = {path: rows for path, rows in tables.histories.items() if path.parent.parent == folder}
        folds = {path.parent.name.replace("-", " "): rows for path, rows in found.items()}
        caption = "Pale: each recorded step; strong: its running mean."
        if any("val_loss" in row for rows in folds.values() for row in rows):
            caption += " Dotted: loss on the validation cases of the fold."
        entry = Entry(
            name=f"training_{'classifier-' if stage == 'fit' else ''}{model}",
            kind="training",
            model=model,
            title=f"Training of {model}",
            caption=caption,
            alt=f"Curves of loss and learning rate over training steps of model {model}, one per fold",
        )
        yield Drawing(entry, list(found), partial(training_curves, folds, style.width))


def _scores(tables: Tables, style: Style, split: str) -> Iterator[Drawing]:
    """Distributions of Dice, of surface metrics and of all others in a split."""
    every = [score for scores in tables.scores.values() for score in scores if score.split == split]
    known = {metric for metrics in SCORES.values() for metric in metrics}
    others = dict.fromkeys(s.metric for s in every if s.metric not in known | set(NOT_SCORES))
    for kind, metrics in (SCORES | {"scores": tuple(others)}).items():
        chosen = [score for score in every if score.metric in metrics]
        if not chosen:
            continue
        means = [s for found in tables.summaries.values() for s in found if s.split == split]
        title = {"dice": "Dice", "surface": "Surface metrics", "scores": "Further scores"}[kind]
        entry = Entry(
            name=f"{kind}_{split}",
            kind=kind,
            split=split,
            title=f"{title}, {split}",
            caption=_scores_caption(chosen, split, style, tables.confidence),
            alt=f"Distribution of {title} per label and model, split {split}; the numbers are in the tables",
        )

        draw = partial(box_plots, chosen, means, style.width, style.violin)
        yield Drawing(entry, with_split(tables.scores, split) + with_split(tables.summaries, split), draw)


def _scores_caption(scores: Sequence[Score], split: str, style: Style, confidence: str) -> str:
    shape = "boxes span the quartiles, whiskers reach the last case within 1.5 times the box"
    if style.violin:
        shape = "violins show the density, bars in them the quartiles"
    told = (
        f"{SPLITS.get(split, split)}. Each point is a case; {shape}; diamonds are means over patients with "
        f"their {confidence} interval. {BETTER}"
    )
    if {score.status for score in scores} & {"missed", "false_alarm"}:
        told += (
            f" A {STATUSES['missed']} label or a {STATUSES['false_alarm']} counts with the worst value: 0, "
            "or for distances the diagonal of the image."
        )
    return told


def _learning(tables: Tables, style: Style, split: str) -> Iterator[Drawing]:
    summaries = [summary for found in tables.summaries.values() for summary in found]
    points = curve_points(tables.manifests, summaries, split)
    if points:
        entry = Entry(
            name=f"learning_{split}",
            kind="learning",
            split=split,
            title=f"Learning curve, {split}",
            caption=f"Learning curve. {SPLITS.get(split, split)}. Each point is a trained model with the "
            f"{tables.confidence} interval of its mean over patients; lines join the means.",
            alt=f"Mean Dice over the number of training cases, split {split}",
        )
        yield Drawing(
            entry,
            with_split(tables.summaries, split),
            partial(learning_curves, points, min(style.width, NARROW_INCHES)),
        )


def _volumes(tables: Tables, style: Style) -> Iterator[Drawing]:
    for path, scores in tables.scores.items():
        pairs = volume_pairs(scores)
        if pairs:
            model = scores[0].model
            entry = Entry(
                name=f"volumes_{model}",
                kind="volumes",
                model=model,
                title=f"Agreement of volumes, {model}",
                caption="All splits, Bland-Altman: difference over mean, "
                "a point per case. Solid: mean difference (bias); dashed: 1.96 standard deviations from it.",
                alt=f"Bland-Altman plots of predicted and true volume per label, model {model}",
            )
            yield Drawing(entry, [path], partial(volume_agreement, pairs, style.width))


def volume_pairs(scores: Iterable[Score]) -> dict[str, tuple[Array, Array]]:
    """Label -> true and predicted volumes in ml, where there is either."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for score in scores:
        if score.metric in ("truth_ml", "prediction_ml") and score.status != "both_empty":
            found.setdefault(score.label, {}).setdefault(score.case, {})[score.metric] = score.value
    pairs = {
        label: np.array([[v["truth_ml"], v["prediction_ml"]] for v in cases.values() if len(v) == 2])
        for label, cases in found.items()
    }
    return {label: (pair[:, 0], pair[:, 1]) for label, pair in pairs.items() if len(pair)}


def _foretold(tables: Tables, style: Style) -> Iterator[Drawing]:
    """The Dice that models let expect against the real one."""
    for path, scores in tables.scores.items():
        expected = {key: value for found in tables.foretold.values() for key, value in found.items()}
        pairs: dict[str, dict[str, list[tuple[float, float]]]] = {}
        for s in scores:
            if s.metric == "dice" and (s.model, s.case, s.label) in expected:
                told = (expected[s.model, s.case, s.label], s.value)
                pairs.setdefault(s.label, {}).setdefault(s.split, []).append(told)
        if not pairs:
            continue
        model = scores[0].model
        split = {label: {s: _columns(v) for s, v in found.items()} for label, found in pairs.items()}
        entry = Entry(
            name=f"foretold_{model}",
            kind="foretold",
            model=model,
            title=f"Expected and real Dice, {model}",
            caption=f"The Dice that {model} lets expect without a truth, from its probabilities alone, "
            "against the real one. On the dashed line they agree; below it the model trusts itself too much.",
            alt=f"Real Dice over expected Dice per label, model {model}",
        )
        made = [p for p, found in tables.foretold.items() if any(key[0] == model for key in found)]
        yield Drawing(entry, [path, *made], partial(dice_agreement, split, style.width))


def _columns(pairs: Sequence[tuple[float, float]]) -> tuple[Array, Array]:
    first, second = np.array(pairs).T
    return first, second
