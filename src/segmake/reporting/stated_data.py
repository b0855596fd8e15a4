"""What provenance can say of data and participants; nothing is guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from segmake.reporting.known import Known
from segmake.reporting.words import count, listed, sentence


def sources(known: Known) -> str:
    """Where the data came from, as far as the configuration says it."""
    layout = known.settings("convert", "slice").get("layout")
    if known.jobs("phantom"):
        return "Synthetic phantoms made by segmake, with exact reference."
    return f"A data set in the layout {layout}." if layout else ""


def flow(known: Known) -> str:
    """How many cases came how far."""
    lost = {status: len(rows) for status, rows in known.lost.items()}
    parts = [f"{count(len(known.cases), 'case')} taken in"]
    parts += [f"{count(number, 'case')} {status}" for status, number in lost.items()]
    scored = {row["case"] for row in known.rows("evaluate") if row.get("status") == "ok"}
    if scored:
        parts.append(f"{count(len(scored), 'case')} scored")
    return sentence(f"{listed(parts)}; reasons are in the tables and in the report")


def subsets(known: Known) -> str:
    """Which part of the data was used."""
    source = known.settings("slice").get("source")
    if source:
        return f"Patches: slice.source {source}; the methods text says what that is."
    box = known.plan is not None and known.plan.crop == "nonzero"
    return f"Whole volumes{', cropped to their non-zero box' if box else ''}." if known.plan else ""


def deidentification(known: Known) -> str:
    """What was done to names and dates."""
    if not known.jobs("convert"):
        return ""
    given = known.settings("convert")
    names = "Names of cases and patients were replaced by keyed hashes." if known.pseudonymised else ""
    dates = {"drop": "dropped", "shift": "moved by a random number of days per patient"}
    return (
        "Of headers only geometry and an allow-list of technical attributes were kept; dates were "
        f"{dates.get(str(given.get('dates')), 'dropped')}. {names}".strip()
    )


def missing(known: Known) -> str:
    """What became of cases without data."""
    lost = sum(len(rows) for rows in known.lost.values())
    return sentence(
        f"nothing was imputed; {count(lost, 'case')} with missing or unreadable files "
        f"{'was' if lost == 1 else 'were'} left out and listed with the reason"
    )


def acquisition(known: Known) -> str:
    """What is known of how the images were made."""
    channels = known.settings("convert", "slice").get("channels", {})
    kinds = list(dict.fromkeys(channels.values()))
    told = f"Modality: {listed(kinds)}; technical attributes of DICOM sources are kept per case."
    return told if kinds else ""


def partitions(known: Known) -> str:
    """How cases were divided."""
    splits = Counter(row.get("split", "") for row in known.cases)
    told = listed([f"{number} {split}" for split, number in sorted(splits.items()) if split])
    folds = known.plan.reasons.get("folds", "") if known.plan else ""
    return f"Cases: {told}. {folds}".strip() if told else folds


def disjoint(known: Known) -> str:
    """What no two partitions share."""
    if not known.jobs("plan") and not known.jobs("divide"):
        return ""
    if known.settings("plan").get("allow_duplicates") or known.settings("divide").get("allow"):
        return ""  # a guard was told to warn only
    return "Patients (column group): no patient is in two folds, or in training and test cases."


def sites(known: Known) -> str:
    """How many places cases came from."""
    found = {row["site"] for row in known.cases if row.get("site")}
    return f"Cases came from {count(len(found), 'site')}." if found else ""


def characteristics(known: Known) -> str:
    """What is known of cases by partition."""
    splits = dict.fromkeys(row.get("split", "") for row in known.cases)
    parts = []
    for split in filter(None, splits):
        rows = [row for row in known.cases if row["split"] == split]
        patients = {row.get("group") or row["case"] for row in rows}
        parts.append(f"{split}: {count(len(rows), 'case')} of {count(len(patients), 'patient')}")
    told = f"{'; '.join(parts)}; sizes and volumes are in the report's data passport"
    return sentence(told) if parts else ""


def outcome(known: Known) -> str:
    """What is predicted."""
    classes = {row.get("class", "") for row in known.rows("slice")} - {""}
    if classes:
        return f"Class: {listed(sorted(classes))}."
    return f"Label maps of {listed(list(known.plan.labels))}." if known.plan else ""


def predictors(known: Known) -> str:
    """What goes in."""
    channels = known.settings("convert", "slice").get("channels", {})
    return f"The images alone: {listed(list(channels))}." if channels else ""


def nobody(known: Known) -> str:
    """Predictors are measured."""
    return "No person assesses the predictors: they are images." if known.made else ""


def differences(known: Known) -> str:
    """How training and test cases differ, as far as tables know."""
    found = {
        split: {row["site"] for row in known.cases if row.get("split") == split and row.get("site")}
        for split in ("train", "test")
    }
    if not all(found.values()):
        return ""
    shared = found["train"] & found["test"]
    return f"Sites: {len(found['train'])} in training, {len(found['test'])} in test, {len(shared)} in both."


def numbers(known: Known) -> str:
    """Cases in each analysis."""
    parts = [
        f"{model}, {row['split']}: {count(int(row['cases']), 'case')} of "
        f"{count(int(row['patients']), 'patient')}"
        for model, rows in known.summaries.items()
        for row in rows
        if (row["label"], row["metric"]) == ("mean", "dice")
    ]
    return sentence("; ".join(parts)) if parts else ""


FACTS: tuple[Callable[[Known], str], ...] = (
    *(
        sources,
        flow,
        subsets,
        deidentification,
        missing,
        acquisition,
    ),
    *(
        partitions,
        disjoint,
        sites,
        characteristics,
        outcome,
        predictors,
    ),
    *(
        nobody,
        differences,
        numbers,
    ),
)
