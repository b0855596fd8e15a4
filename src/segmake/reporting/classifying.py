"""The paragraphs on the 2D branch: patches, classifiers, calibration, decisions, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from segmake.audit.manifests import Made
from segmake.reporting.known import Known
from segmake.reporting.segmenting import SPLITS, learned
from segmake.reporting.words import count, listed, percent, sentence, times
from segmake.tables import Row, read_table

NETWORKS = {"resnet": "[@he2016]", "densenet": "[@huang2017]"}
SOURCES = {
    "images": "the images as they are",
    "axial": "axial slices of the volumes",
    "label": "patches round the lesions of the reference label maps",
    "lesions": "patches round the places of a table of lesions",
    "prediction": "patches round the parts that a segmentation model found",
}
THRESHOLDS = {
    "youden": "Youden's index [@youden1950]",
    "sensitivity": "the highest one with the sensitivity asked for",
    "half": "a probability of one half",
}
BALANCE = {
    "none": "",
    "weights": ", weighted by the inverse frequency of the classes",
    "sampling": ", on patches of all classes drawn equally often",
}
SHOWN = {"auroc": "AUC", "balanced_accuracy": "balanced accuracy", "ece": "expected calibration error"}


def patches(known: Known) -> Iterator[str]:
    """What the classifiers were shown, and how cases were divided."""
    given, rows = known.settings("slice"), [row for row in known.rows("slice") if row["status"] == "ok"]
    if not given:
        return
    size = int(given.get("size", 0))
    number = sum(int(row["patches"]) for row in rows if row.get("patches"))
    told = SOURCES.get(str(given.get("source")), str(given.get("source")))
    extent = f", {given['extent_mm']:g} mm wide" if given.get("extent_mm") else ""
    yield sentence(
        f"classifiers were shown {told}: {count(number, 'patch', 'patches')} of {times([size, size])} "
        f"pixels{extent}, "
        f"from {count(len(rows), 'case')}"
    )
    classes = Counter(row.get("class", "") for row in rows if row.get("class"))
    if classes:
        yield sentence(f"by class these are {listed([f'{n} {name}' for name, n in sorted(classes.items())])}")
    for job in known.jobs("divide"):
        folds = (
            {row["fold"] for row in read_table(job.output) if row["fold"]} if job.output.exists() else set()
        )
        yield f"They were divided into {count(len(folds), 'fold')} by patient."
        warned = [row for row in _guards(job) if row["status"] == "warning"]
        for row in warned:
            yield sentence(f"a check of the division warned: {row['guard']}, {row['detail']}")


def _guards(job: Made) -> list[Row]:
    path = next((path for path in job.outputs if path.name.startswith("guards")), None)
    return read_table(path) if path is not None and path.exists() else []


def classifiers(known: Known) -> Iterator[str]:
    """How each classifier learned."""
    for model, jobs in known.trained("fit").items():
        given = jobs[0].settings
        network = str(given.get("network"))
        cited = next((f" {mark}" for name, mark in NETWORKS.items() if network.startswith(name)), "")
        yield f"Classifier {model} is a {network}{cited}, trained on batches of {given.get('batch')} patches."
        yield from learned(given, jobs)
        focal = given.get("loss") == "focal"
        loss = (
            "focal loss [@lin2017]"
            if focal
            else "binary cross entropy"
            if given.get("multi_label")
            else "cross entropy"
        )
        yield f"The loss was {loss}{BALANCE[str(given.get('balance', 'none'))]}."
        preset = given.get("augment", {}).get("preset", "none")
        if preset != "none":
            yield f"Patches were augmented on the fly (preset {preset})."


def decisions(known: Known) -> Iterator[str]:
    """How logits became probabilities, decisions and scores."""
    given = known.settings("score")
    if not given:
        return
    yield (
        "Each training case was classified by the network that had not seen its patient, others by the "
        "mean of all."
    )
    if given.get("calibrate"):
        yield "Probabilities were calibrated by a temperature [@guo2017]."
    threshold = THRESHOLDS[str(given.get("threshold", "youden"))]
    yield (
        f"Decision thresholds were chosen by {threshold}. Temperature and thresholds were learned on "
        "out-of-fold "
        "predictions of other patients, never on test cases."
    )
    yield sentence(
        f"probabilities of the patches of a lesion were joined by their {given.get('aggregate', 'mean')}; "
        "scores have "
        f"{percent(given.get('confidence', 0.95))} confidence intervals from {given.get('resamples', 0):,} "
        "bootstrap "
        "resamples of patients"
    )
    if len(known.classified) > 1:
        yield "Areas under the curve were compared by DeLong's test [@delong1988]."
    if any(made.manifest["settings"].get("explain") for made in known.jobs("classify")):
        yield "What decided was drawn by Grad-CAM [@selvaraju2017]."


def results(known: Known) -> Iterator[str]:
    """What came of it, in the numbers of the tables."""
    confidence = percent(known.settings("score").get("confidence", 0.95))
    for model, rows in known.classified.items():
        found: dict[tuple[str, str, str], list[Row]] = {}
        for row in rows:
            if row["metric"] in SHOWN and row["value"]:
                found.setdefault((row["split"], row["level"], row["class"]), []).append(row)
        for (split, level, name), each in found.items():
            what = f" for {name}" if name else ""
            where = SPLITS.get(split, f"On the cases of split {split}")
            parts = [f"{SHOWN[row['metric']]} {_value(row, confidence)}" for row in each]
            yield f"{where}, {model} reached per {level}{what}: {', '.join(parts)}."


def _value(row: Row, confidence: str) -> str:
    text = f"{float(row['value']):.3f}"
    if not row["low"] or not row["high"]:
        return text
    return f"{text} ({confidence} CI {float(row['low']):.3f} to {float(row['high']):.3f})"
