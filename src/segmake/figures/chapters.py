"""The page's chapters in order, from what was read."""

from __future__ import annotations

from collections.abc import Iterator

from segmake.figures import comparisons, quality, runs, sections, standards, tallies, verdict
from segmake.figures.classified import classification
from segmake.figures.foretold import foretold
from segmake.figures.material import Material
from segmake.figures.page import Block, Note, Section
from segmake.figures.worst import worst_cases


def chapters(material: Material, version: str) -> list[Section]:
    """All chapters that the run has something for, the summary first."""
    confidence = runs.confidence(material.manifests)
    failed = sections.failures(material.failed, unscored(material), material.scores, material.details)
    volumes = material.plan is not None
    found = [
        Section("summary", "Summary", verdict.summary(material, confidence)),
        Section("failures", "Failures and excluded cases", failed),
    ]
    if volumes or material.passports:
        found.append(Section("data", "Data passport", _data(material)))
    if material.plan:
        found.append(Section("plan", "Plan", sections.plan_choices(material.plan)))
    if volumes:
        found.append(Section("training", "Training", list(_training(material))))
        found.append(Section("scores", "Scores by label", list(_scores(material, confidence))))
        if compared := _compared(material):
            found.append(Section("models", "Models and subgroups", compared))
        found.append(Section("examples", "Worst and best cases", worst_cases(material)))
    if judged := classification(material):
        found.append(Section("classification", "Classification", judged))
    return [
        *found,
        Section("methods", "Methods and citation", standards.methods(material.telling, version)),
        Section("standards", "Reporting standards", standards.checklists(material.telling.checklists)),
        Section("run", "What was run", [*runs.what_was_run(material.manifests), *runs.how_to()]),
    ]


def unscored(material: Material) -> dict[str, str]:
    """Cases with a truth and without a score that did not fail, and why."""
    if material.plan is None:
        return {}
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


def _data(material: Material) -> list[Block]:
    """Ranges, what was repaired and warned of, and the way to each case."""
    assessed = material.assessed
    blocks = [*sections.passport(material.passports), *quality.notes_by_kind(material.passports)]
    return [*blocks, quality.links(assessed)]


def _training(material: Material) -> Iterator[Block]:
    """A table of all runs, a figure per model."""
    if not material.histories:
        yield Note("No training history was given.")
        return
    yield sections.training_runs(material.histories)
    yield from (drawn.picture() for drawn in material.figures("training"))


def _scores(material: Material, confidence: str) -> Iterator[Block]:
    """Distributions per split, agreement of volumes, the long table."""
    if not material.scores:
        yield Note("No case has been scored yet.", "warning")
        return
    yield from (drawn.picture() for drawn in material.figures("scores"))
    yield from foretold(material.foretold, material.scores)
    yield tallies.all_scores(material.summaries, confidence)


def _compared(material: Material) -> list[Block]:
    """Models against each other, and subgroups, each with its figures."""
    found = comparisons.comparison(material.comparison, material.ranking)
    found += comparisons.subgroups(material.subgroups)
    return [*(drawn.picture() for drawn in material.figures("models")), *found]
