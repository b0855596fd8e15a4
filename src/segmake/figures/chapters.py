"""The page's chapters in order, each with its figures, from what was read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from segmake.errors import SegmakeError
from segmake.figures import comparisons, quality, runs, sections, tallies
from segmake.figures.curves import training_curves, volume_agreement
from segmake.figures.foretold import foretold
from segmake.figures.learning_curve import curve_points, learning_curves
from segmake.figures.overlay import overlay
from segmake.figures.page import Block, Facts, Note, Picture, Section
from segmake.figures.passports import Passport
from segmake.figures.plots import box_plots
from segmake.figures.records import MEAN, SPLITS, Score, Summary, number, rank_cases
from segmake.figures.slices import clearest_channel
from segmake.figures.style import to_png, to_svg
from segmake.plan import Plan
from segmake.tables import Row
from segmake.volume.volume import Array

NOT_SCORES = ("truth_ml", "prediction_ml", "scored_lesions")
"""Metrics that say how large something is, not how good."""


@dataclass(frozen=True)
class Views:
    """What an overlay shows, on one canonical grid."""

    image: Array
    """[C, X, Y, Z]"""
    truth: Array
    """[X, Y, Z], as the prediction."""
    prediction: Array
    spacing_mm: tuple[float, float, float]


Load = Callable[[str, str], Views]
"""(model, case) -> volumes; raises SegmakeError when they cannot be read."""


@dataclass(frozen=True)
class Material:
    """Everything the page is made of."""

    plan: Plan
    cases: list[Row]
    """Rows of the converted cases."""
    failed: list[sections.Failure] = field(default_factory=list)
    """Cases that failed or were excluded."""
    passports: list[Passport] = field(default_factory=list)
    predicted: dict[str, set[str]] = field(default_factory=dict)
    """Model -> cases it predicted."""
    foretold: dict[tuple[str, str, str], float] = field(default_factory=dict)
    """(model, case, label) -> Dice that was expected without a truth."""
    scores: list[Score] = field(default_factory=list)
    summaries: list[Summary] = field(default_factory=list)
    histories: dict[tuple[str, str], list[dict[str, float]]] = field(default_factory=dict)
    """(model, fold) -> rows."""
    manifests: list[dict[str, Any]] = field(default_factory=list)
    comparison: list[Row] = field(default_factory=list)
    """Rows of every pair of models."""
    ranking: list[Row] = field(default_factory=list)
    subgroups: dict[str, list[Row]] = field(default_factory=dict)
    """Model -> rows."""


@dataclass(frozen=True)
class Look:
    """How figures are made."""

    dpi: int = 150
    overlays: int = 3

    def draw(self, name: str, figure: Figure, alt: str, caption: str, photo: bool = False) -> Picture:
        """A figure in both formats."""
        return Picture(name, alt, caption, to_svg(figure), to_png(figure, self.dpi), photo)


def chapters(material: Material, look: Look, load: Load, version: str) -> list[Section]:
    """All chapters, the summary first."""
    confidence = runs.confidence(material.manifests)
    headline = tallies.headline(material.summaries, confidence)
    failed = sections.failures(material.failed, _unscored(material), material.scores)
    compared = comparisons.comparison(material.comparison, material.ranking)
    compared += comparisons.subgroups(material.subgroups)
    return [
        Section("summary", "Summary", [_facts(material), *headline]),
        Section("failures", "Failures and excluded cases", failed),
        Section("data", "Data passport", _data(material)),
        Section("plan", "Plan", sections.plan_choices(material.plan)),
        Section("training", "Training", list(_training(material, look))),
        Section("scores", "Scores by label", list(_scores(material, look, confidence))),
        *([Section("models", "Models and subgroups", compared)] if compared else []),
        Section("examples", "Worst and best cases", list(_examples(material, look, load))),
        Section("run", "What was run", runs.what_was_run(material.manifests)),
        Section("again", "Repeating and citing", runs.how_to(version)),
    ]


def _facts(material: Material) -> Facts:
    """How many cases came how far."""
    lost = {failure.case for failure in material.failed}
    names = {row["case"] for row in material.cases}
    facts = {
        "Cases": str(len(names | lost)),
        "Patients": str(len({row.get("group") or row["case"] for row in material.cases})),
        "Failed": str(len({failure.case for failure in material.failed if not failure.excluded})),
        "Excluded": str(len({failure.case for failure in material.failed if failure.excluded})),
        "Scored": str(len({score.case for score in material.scores})),
    }
    means = [s for s in material.summaries if s.metric == "dice" and s.label == MEAN]
    for split in tallies.splits(means):
        word = {"train": "cross-validation", "test": "test"}.get(split, split)
        for summary in (s for s in means if s.split == split):
            facts[f"Mean Dice, {word}, {summary.model}"] = number(summary.mean)
    return Facts(facts)


def _data(material: Material) -> list[Block]:
    """Ranges, what was repaired and warned of, and the way to each case."""
    assessed = quality.assess(material.passports, material.failed)
    blocks = [*sections.passport(material.passports), *quality.notes_by_kind(material.passports)]
    return [*blocks, quality.links(assessed)]


def _unscored(material: Material) -> dict[str, str]:
    """Cases with a truth and without a score that did not fail, and why."""
    lost = {failure.case for failure in material.failed}
    scored = {score.case for score in material.scores}
    predicted: set[str] = set().union(*material.predicted.values())
    trained = {fold.removeprefix("fold-") for _, fold in material.histories}
    reasons = {}
    for row in material.cases:
        case, fold = row["case"], str(material.plan.folds.get(row["case"], ""))
        if case in lost or case in scored:
            continue
        if not row.get("label"):
            reasons[case] = "it has no truth"
        elif case in predicted:
            reasons[case] = "it was predicted, but evaluate did not score it"
        elif fold and fold not in trained:
            reasons[case] = f"it is kept for validation in fold {fold}, which was not trained"
        else:
            reasons[case] = "it has no prediction"
    return reasons


def _training(material: Material, look: Look) -> Iterator[Block]:
    """A figure per model, a table of all runs."""
    if not material.histories:
        yield Note("No training history was given.")
        return
    yield sections.training_runs(material.histories)
    for model in dict.fromkeys(model for model, _ in material.histories):
        folds = {f.replace("-", " "): rows for (m, f), rows in material.histories.items() if m == model}
        caption = f"Training of {model}. Pale: each recorded step; strong: its running mean."
        if any("val_loss" in row for rows in folds.values() for row in rows):
            caption += " Dotted: loss on the validation cases of the fold."
        alt = f"Curves of loss and learning rate over training steps of model {model}, one per fold"
        yield look.draw(f"training-{model}", training_curves(folds), alt, caption)


def _scores(material: Material, look: Look, confidence: str) -> Iterator[Block]:
    """Box plots per split, agreement of volumes, the long table."""
    if not material.scores:
        yield Note("No case has been scored yet.", "warning")
        return
    for split in tallies.splits(material.scores):
        chosen = [s for s in material.scores if s.split == split and s.metric not in NOT_SCORES]
        means = [s for s in material.summaries if s.split == split]
        caption = (
            f"{SPLITS.get(split, split)}. Each point is a case; boxes span the quartiles, whiskers reach the "
            f"last case within 1.5 times the box; diamonds are means over patients with their {confidence} "
            "interval. ↑ higher is better, ↓ lower is better. A missed label or a false alarm counts with "
            "the worst value: 0, or for distances the diagonal of the image."
        )
        alt = f"Box plots of all scores per label, split {split}; the numbers are in the tables"
        yield look.draw(f"scores-{split}", box_plots(chosen, means), alt, caption)
        if points := curve_points(material.manifests, material.summaries, split):
            caption = (
                f"Learning curve. {SPLITS.get(split, split)}. Each point is a trained model with the "
                f"{confidence} interval of its mean over patients; lines join the means."
            )
            alt = f"Mean Dice over the number of training cases, split {split}"
            yield look.draw(f"learning-curve-{split}", learning_curves(points), alt, caption)
    for model in dict.fromkeys(score.model for score in material.scores):
        pairs = _volumes([s for s in material.scores if s.model == model])
        if pairs:
            caption = (
                f"Agreement of volumes, {model}, all splits (Bland-Altman): difference over mean, one point "
                "per case. Solid: mean difference; dashed: 1.96 standard deviations either side."
            )
            alt = f"Bland-Altman plots of predicted and true volume per label, model {model}"
            yield look.draw(f"volumes-{model}", volume_agreement(pairs), alt, caption)
    yield from foretold(material.foretold, material.scores)
    yield tallies.all_scores(material.summaries, confidence)


def _volumes(scores: Sequence[Score]) -> dict[str, tuple[Array, Array]]:
    """Label -> true and predicted volumes in ml, where there is either."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for score in scores:
        if score.metric in NOT_SCORES and score.status != "both_empty":
            found.setdefault(score.label, {}).setdefault(score.case, {})[score.metric] = score.value
    pairs = {
        label: np.array([[v["truth_ml"], v["prediction_ml"]] for v in cases.values() if len(v) == 2])
        for label, cases in found.items()
    }
    return {label: (pair[:, 0], pair[:, 1]) for label, pair in pairs.items() if len(pair)}


def _examples(material: Material, look: Look, load: Load) -> Iterator[Block]:
    """The worst and the best cases of each model."""
    models = list(dict.fromkeys(score.model for score in material.scores))
    if not models or not look.overlays:
        yield Note("No examples were asked for." if models else "No case has been scored yet.")
    for model in models if look.overlays else []:
        scores = [score for score in material.scores if score.model == model]
        ranked = rank_cases(scores, material.plan.labels)
        worst = ranked[: look.overlays]
        best = ranked[len(worst) :][::-1][: look.overlays]
        for word, chosen in (("Worst", worst), ("Best", best)):
            if chosen:
                yield Note(f"{word} cases of {model} by mean Dice over labels", "heading")
            for place, (case, mean) in enumerate(chosen, start=1):
                told = _told(case, mean, [score for score in scores if score.case == case])
                name = f"{word.lower()}-{model}-{place}"
                yield _example(name, told, material.plan, look, partial(load, model, case))


def _told(case: str, mean: float, scores: Sequence[Score]) -> str:
    """A case in words: name, split, Dice of each label."""
    each = ", ".join(f"{s.label} {number(s.value)}" for s in scores if s.metric == "dice")
    where = f"fold {scores[0].fold}" if scores[0].fold else scores[0].split
    return f"{case} ({where}): mean Dice {number(mean)} ({each})"


def _example(name: str, told: str, plan: Plan, look: Look, load: Callable[[], Views]) -> Block:
    """The overlay of a case, in the channel that shows its labels best."""
    try:
        views = load()
    except SegmakeError as error:
        return Note(f"{told}. No picture: {error}", "warning")
    channel = clearest_channel(views.image, views.truth > 0, views.spacing_mm)
    figure = overlay(views.image[channel], views.truth, views.prediction, views.spacing_mm, plan.labels)
    alt = f"Slices of case {told} with outlines of truth and prediction"
    shown = dict(enumerate(plan.channels)).get(channel, str(channel + 1))
    return look.draw(name, figure, alt, f"{told}. Channel {shown}, radiological view.", photo=True)
