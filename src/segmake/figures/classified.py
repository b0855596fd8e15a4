"""The chapter on classification, and what the summary says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from segmake.figures.material import Branch, Classifier, Material
from segmake.figures.page import Block, Cell, Facts, Note, Table
from segmake.figures.records import NOTHING, SPLITS, number, to_number
from segmake.figures.sections import cut, training_runs
from segmake.tables import Row

LEVELS = ("patient", "lesion", "patch")
"""What a decision is about, the most important first."""
TITLES = {
    "auroc": "AUC",
    "ap": "Average precision",
    "brier": "Brier score",
    "ece": "Calibration error",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "precision": "Precision",
    "f1": "F1",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "mcc": "MCC",
    "npv": "NPV",
    "ppv": "PPV",
}
HEADLINE = ("auroc", "ap", "sensitivity", "specificity", "f1", "brier", "ece")
STATUSES = {"warn": "warning", "warning": "warning", "stop": "stopped", "ok": "fine"}
OVER_ALL = {"macro": "mean of classes", "all": "all together", "": "all together"}


def headline(classifiers: Sequence[Classifier], confidence: str) -> list[Block]:
    """A table per split, at the most important level that there is."""
    blocks: list[Block] = []
    for split in _splits(classifiers):
        level = _level(classifiers, split)
        pairs = [
            (one.name, row)
            for one in classifiers
            for row in one.summary
            if (row["split"], row["level"]) == (split, level)
        ]
        metrics = [name for name in HEADLINE if any(row["metric"] == name for _, row in pairs)]
        columns = ["Class", "Classifier", *(TITLES[name] for name in metrics), "Patients"]
        cells: dict[tuple[str, str], dict[str, Row]] = {}
        for name, row in pairs:
            cells.setdefault((row["class"], name), {})[row["metric"]] = row
        rows: list[Sequence[Cell]] = [
            [
                *(OVER_ALL.get(kind, kind), name),
                *(_value(found.get(metric)) for metric in metrics),
                next(iter(found.values()))["patients"],
            ]
            for (kind, name), found in cells.items()
            if kind != "all"
        ]
        caption = f"{_split_title(split)}, per {level}: value [{confidence} interval over patients]"
        blocks.append(Table(caption, columns, rows, frozenset(columns[2:])))
    return blocks


def areas(classifiers: Sequence[Classifier]) -> list[tuple[str, Row]]:
    """The best classifier's area under the ROC curve in each split: over classes, or of the only one."""
    best = []
    for split in _splits(classifiers):
        level = _level(classifiers, split)
        found = [
            (one.name, row)
            for one in classifiers
            for row in one.summary
            if (row["split"], row["level"], row["metric"]) == (split, level, "auroc") and row["value"]
        ]
        whole = [pair for pair in found if pair[1]["class"] == "macro"] or found
        if whole:
            best.append(max(whole, key=lambda pair: float(pair[1]["value"])))
    return best


def classification(material: Material) -> list[Block]:
    """The chapter; nothing when there is no 2D branch."""
    branch = material.branch
    if not (branch.classifiers or branch.sliced):
        return []
    blocks = list(_patches(branch))
    if branch.histories:
        blocks.append(training_runs(branch.histories))
    blocks += [drawn.picture() for drawn in material.figures("classification")]
    for one in branch.classifiers:
        blocks += _one(one)
    return [*blocks, *_contest(branch.comparison)]


def _patches(branch: Branch) -> Iterator[Block]:
    """What was cut out of which cases, and whether their folds are honest."""
    if branch.sliced:
        splits = dict.fromkeys(row.get("split", "") for row in branch.sliced)
        rows: list[list[Cell]] = []
        for split in splits:
            for kind, count in sorted(
                Counter(r["class"] for r in branch.sliced if r["split"] == split).items()
            ):
                chosen = [r for r in branch.sliced if (r["split"], r["class"]) == (split, kind)]
                patients = len({row.get("group") or row["case"] for row in chosen})
                patches = sum(int(row.get("patches") or 0) for row in chosen)
                rows.append([kind or NOTHING, split, str(patients), str(count), str(patches)])
        columns = ["Class", "Split", "Patients", "Cases", "Patches"]
        yield Table("Patches by class", columns, rows, frozenset(columns[2:]))
    if branch.guards:
        rows = [
            [row["guard"], STATUSES.get(row["status"], row["status"]), row["count"], row["detail"]]
            for row in branch.guards
        ]
        columns = ["Guard", "Finding", "Count", "What it found"]
        yield Table("Are the folds honest?", columns, rows, frozenset({"Count"}))


def _one(one: Classifier) -> list[Block]:
    """Decision rule, every metric and the confusion matrices of a classifier."""
    blocks: list[Block] = [Note(one.name, "heading")]
    if told := _rule(one):
        blocks.append(Facts(told))
    columns = ["Class", "Level", "Split", "Metric", "Value", "Units", "Patients", "Status"]
    rows: list[Sequence[Cell]] = [
        [
            OVER_ALL.get(row["class"], row["class"]),
            *(row["level"], row["split"], TITLES.get(row["metric"], row["metric"].replace("_", " "))),
            *(_value(row), row["n"], row["patients"], row["status"]),
        ]
        for row in one.summary
    ]
    blocks.append(
        Table(f"Every metric of {one.name}", columns, rows, frozenset(columns[4:7]), folded=len(rows) > 30)
    )
    return [*blocks, *_confusion(one)]


def _rule(one: Classifier) -> dict[str, str]:
    """How probabilities become decisions."""
    decision = one.decision
    if not decision:
        return {}
    told = {
        "Positive class": str(decision.get("positive", NOTHING)),
        "Patches become one by": str(decision.get("aggregate", NOTHING)),
        "Temperature": ", ".join(number(float(value)) for value in decision.get("temperature", [])),
    }
    for level, cut_at in decision.get("levels", {}).items():
        values = dict.fromkeys(number(float(value)) for value in cut_at.get("threshold", []))
        how = dict.fromkeys(str(word) for word in cut_at.get("chosen", []))
        told[f"Threshold per {level}"] = f"{', '.join(values)} ({', '.join(how)})"
    return {name: value for name, value in told.items() if value}


def _confusion(one: Classifier) -> Iterator[Block]:
    """Counts as a list: true class, decided class."""
    level = next((name for name in LEVELS if any(r["level"] == name for r in one.confusion)), "")
    rows: list[Sequence[Cell]] = [
        [row["truth"], row["decision"], row["class"] or "all together", row["split"], row["count"]]
        for row in one.confusion
        if row["level"] == level
    ]
    if rows:
        columns = ["Truth", "Decision", "Of class", "Split", "Count"]
        yield from cut(f"Confusion of {one.name} per {level}", columns, rows, frozenset({"Count"}))


def _contest(rows: Sequence[Row]) -> list[Block]:
    """Pairs of classifiers."""
    if not rows:
        return []
    columns = ["Class", "Level", "Split", "Classifier", "Other", "Patients", "AUC", "AUC of other"]
    columns += ["Difference", "p (Holm)", "Verdict"]
    cells: list[Sequence[Cell]] = [
        [
            *(row["class"], row["level"], row["split"], row["classifier"], row["other"], row["patients"]),
            *(number(to_number(row[name])) for name in ("auroc", "auroc_other")),
            (number(to_number(row["difference"])), _interval(row["ci_low"], row["ci_high"])),
            f"{float(row['p_holm']):.3g}" if row["p_holm"] else NOTHING,
            row["verdict"],
        ]
        for row in rows
    ]
    return cut("Pairs of classifiers (DeLong's test)", columns, cells, frozenset(columns[5:10]))


def _value(row: Row | None) -> Cell:
    if row is None:
        return NOTHING
    return number(to_number(row["value"])), _interval(row["low"], row["high"])


def _interval(low: str, high: str) -> str:
    return f"[{number(float(low))}, {number(float(high))}]" if low and high else NOTHING


def _splits(classifiers: Sequence[Classifier]) -> list[str]:
    """Splits that occur, held-out test cases first."""
    found = dict.fromkeys(row["split"] for one in classifiers for row in one.summary)
    return sorted(
        found, key=lambda split: ("test", "train").index(split) if split in ("test", "train") else 2
    )


def _level(classifiers: Sequence[Classifier], split: str) -> str:
    found = {row["level"] for one in classifiers for row in one.summary if row["split"] == split}
    return next((level for level in LEVELS if level in found), next(iter(found)))


def _split_title(split: str) -> str:
    return SPLITS.get(split, split)
