"""What provenance can say of models, training and results; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable

from segmake.reporting.known import Known
from segmake.reporting.words import count, listed, sentence


def technology(known: Known) -> str:
    """What kind of artificial intelligence it is."""
    parts = [
        f"{what} ({', '.join(dict.fromkeys(str(j.settings.get('network')) for j in jobs))})"
        for what, stage in (("segmentation", "train"), ("classification", "fit"))
        if (jobs := known.jobs(stage))
    ]
    return f"Deep learning with neural networks for {listed(parts)}." if parts else ""


def goal(known: Known) -> str:
    """What was done, as far as it is a goal."""
    done = [word for word, stage in (("training", "train"), ("training", "fit")) if known.jobs(stage)]
    return sentence(f"{listed([*dict.fromkeys(done), 'evaluation'])} of models") if done else ""


def initialisation(known: Known) -> str:
    """What training started from."""
    jobs = [*known.jobs("train"), *known.jobs("fit")]
    given = [job.manifest["settings"].get("init_from") for job in jobs]
    started = ["pretrained weights" if path else "random weights" for path in given]
    seeds = dict.fromkeys(str(job.settings.get("seed", 0)) for job in jobs)
    starts = listed(list(dict.fromkeys(started)))
    return sentence(f"{starts}; seeds {listed(list(seeds))}") if jobs else ""


def selection(known: Known) -> str:
    """Which weights became the model."""
    if any(job.settings.get("patience") for job in known.jobs("fit")):
        return "The weights with the best AUC on the validation patches of the fold."
    jobs = [*known.jobs("train"), *known.jobs("fit")]
    return (
        "The weights at the end of a budget fixed beforehand; nothing was chosen on validation cases."
        if jobs
        else ""
    )


def ensemble(known: Known) -> str:
    """What was averaged."""
    folds = {model: len(jobs) for stage in ("train", "fit") for model, jobs in known.trained(stage).items()}
    parts = [f"{model}: {count(number, 'network')}, one per fold" for model, number in folds.items()]
    return sentence(f"{'; '.join(parts)}, averaged for cases that were not trained on") if parts else ""


def robustness(known: Known) -> str:
    """What was compared under other conditions."""
    groups = known.settings("summarize").get("subgroups", [])
    parts = [f"scores by {listed(groups)} are in subgroups.tsv and in the report"] if groups else []
    seeds = {str(job.settings.get("seed", 0)) for job in known.jobs("train")}
    if len(seeds) > 1:
        parts.append(f"training was repeated with {count(len(seeds), 'seed')}")
    return sentence("; ".join(parts)) if parts else ""


def explainability(known: Known) -> str:
    """What shows how decisions came about."""
    jobs = known.jobs("classify")
    if any(job.manifest["settings"].get("explain") for job in jobs):
        return "Grad-CAM of the most certain right and wrong patches."
    if known.settings("predict").get("uncertainty"):
        return "Maps of the networks' uncertainty and disagreement for each case."
    return "No method of explanation was used; overlays of cases are in the report." if known.made else ""


def internal(known: Known) -> str:
    """Whether cross-validation was scored."""
    rows = [row for rows in known.summaries.values() for row in rows]
    rows += [row for rows in known.classified.values() for row in rows]
    return (
        "Cross-validation: each training case was scored out of fold."
        if any(row["split"] == "train" for row in rows)
        else ""
    )


def accuracy(known: Known) -> str:
    """Whether there is a table of diagnostic accuracy."""
    if known.classified:
        return "Sensitivity, specificity and AUC with intervals are in score/<classifier>/summary.tsv."
    maps = "Not a diagnostic test: the results are label maps, scored by overlap and distance."
    return maps if known.summaries else ""


def failures(known: Known) -> str:
    """What went wrong most."""
    rows = [row for rows in known.summaries.values() for row in rows if row["label"] == "mean"]
    if not rows:
        return ""
    missed, false = (sum(int(row[name]) for row in rows) for name in ("missed", "false_alarm"))
    return sentence(
        f"{count(missed, 'label')} missed and {count(false, 'false alarm')} over all models and splits; the "
        "worst "
        "cases are shown in the report"
    )


def details(known: Known) -> str:
    """Where technical details are."""
    return (
        f"Plan, settings and hashes are in {count(len(known.made), 'manifest')} and in "
        "ro-crate-metadata.json."
    )


def availability(known: Known) -> str:
    """What of it is public."""
    return f"Software: segmake {known.versions.get('segmake', '')}, Apache-2.0."


def code(known: Known) -> str:
    """Which code it was."""
    marks = known.stated("commit")
    told = f", commit {listed([mark[:12] for mark in marks])}" if marks else ""
    return f"segmake {known.versions.get('segmake', '')} (Apache-2.0){told}."


def updating(known: Known) -> str:
    """Whether a model was updated."""
    jobs = [*known.jobs("train"), *known.jobs("fit")]
    started = any(job.manifest["settings"].get("init_from") for job in jobs)
    return "No model was updated." if jobs and not started else ""


def prediction(known: Known) -> str:
    """How predictions are computed."""
    told = "As the methods text says; `segmake predict` and `segmake classify` do it for new cases."
    return told if known.made else ""


def imbalance(known: Known) -> str:
    """What was done about rare classes."""
    balance = {str(job.settings.get("balance", "none")) for job in known.jobs("fit")}
    if balance:
        return sentence(f"fit.balance: {listed(sorted(balance))}")
    shares = {f"{100 * float(job.settings['oversample']):g}%" for job in known.jobs("train")}
    return f"{listed(sorted(shares))} of the patches were centred on a foreground voxel." if shares else ""


def subgroups(known: Known) -> str:
    """Which groups have scores of their own."""
    groups = known.settings("summarize").get("subgroups", [])
    return f"Scores by {listed(groups)} are in subgroups.tsv." if groups else ""


def output(known: Known) -> str:
    """What comes out."""
    if known.classified:
        return "Class probabilities; decision.json has the thresholds and how they were chosen."
    maps = "Label maps on the scan's own grid: the label with the highest score in each voxel."
    return maps if known.plan else ""


def specification(known: Known) -> str:
    """Where the whole model is."""
    jobs = [*known.jobs("train"), *known.jobs("fit")]
    return (
        f"{count(len(jobs), 'file').capitalize()} model.pt, each with its weights, plan and settings."
        if jobs
        else ""
    )


def input(known: Known) -> str:  # noqa: A001 - the name of the fact
    """What happens to bad input."""
    return (
        "A scan that lacks a channel or cannot be read is refused with the reason; nothing is imputed."
        if known.made
        else ""
    )


FACTS: tuple[Callable[[Known], str], ...] = (
    *(
        technology,
        goal,
        initialisation,
        selection,
        ensemble,
        robustness,
    ),
    *(
        explainability,
        internal,
        accuracy,
        failures,
        details,
        availability,
    ),
    *(
        code,
        updating,
        prediction,
        imbalance,
        subgroups,
        output,
    ),
    *(
        specification,
        input,
    ),
)
