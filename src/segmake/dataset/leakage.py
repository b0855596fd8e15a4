"""Cases that must not meet: the same voxels twice, one patient on both sides of a split.

A score is honest only if nothing of a case was seen in training. Each search gives one sentence or none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from segmake.tables import Row, is_training

NAMED = 10
"""How many finds a sentence names; the others are counted."""


def find_leaks(rows: Sequence[Row]) -> list[str]:
    """Say, in a sentence each, how the cases of convert's tables share images, label maps or patients.

    New cases without a label are left out: they are neither learned from nor scored.
    """
    rows = [row for row in rows if row["split"] != "new" or row["label"]]
    images = same_content(rows, "voxels_sha256")
    labels = same_content([row for row in rows if _has_foreground(row)], "label_sha256")
    sentences = []
    if images:
        sentences.append(
            f"two cases hold the same image voxels ({tell_pairs(images)}); remove one of each two"
        )
    if labels := [pair for pair in labels if pair not in images]:
        sentences.append(
            f"two cases hold the same label map ({tell_pairs(labels)}); correct the label of one of each two"
        )
    if patients := patients_on_both_sides(rows):
        sentences.append(
            "a group (patient) must lie in train or in test as a whole, but "
            f"{tell(patients)}; move or remove one of the sides"
        )
    return sentences


def same_content(rows: Iterable[Row], column: str) -> list[tuple[str, str]]:
    """Pairs of cases that share a checksum: the first that has it with each later one, in name order."""
    first: dict[str, str] = {}
    pairs = []
    for row in sorted(rows, key=lambda row: row["case"]):
        digest = row.get(column, "")
        if digest and first.setdefault(digest, row["case"]) != row["case"]:
            pairs.append((first[digest], row["case"]))
    return pairs


def patients_on_both_sides(rows: Iterable[Row]) -> list[str]:
    """A clause for each group that has labelled cases in train and cases in test."""
    train: dict[str, list[str]] = {}
    test: dict[str, list[str]] = {}
    for row in sorted(rows, key=lambda row: row["case"]):
        side = train if is_training(row) else test if row["split"] == "test" else {}
        side.setdefault(row["group"] or row["case"], []).append(row["case"])
    return [
        f"'{group}' has {train[group][0]} in train and {test[group][0]} in test"
        for group in sorted(train.keys() & test.keys())
    ]


def tell_pairs(pairs: Sequence[tuple[str, str]]) -> str:
    """Name pairs of cases."""
    return tell([f"{one} and {other}" for one, other in pairs])


def tell(finds: Sequence[str]) -> str:
    """Name the first finds and count the others."""
    more = [f"and {len(finds) - NAMED} more"] if len(finds) > NAMED else []
    return ", ".join([*finds[:NAMED], *more])


def _has_foreground(row: Row) -> bool:
    """Whether a label map holds a label at all: empty ones are alike for a reason."""
    volumes = [value for name, value in row.items() if name.startswith("ml_") and value]
    return not volumes or any(float(value) > 0 for value in volumes)
