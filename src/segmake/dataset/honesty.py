"""Guards of honest classification scores: patients, near-duplicates, and classes that need no picture.

Each guard is one row: ok, warn, or stop. What stops can be allowed by name (`divide.allow`); then it warns.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from segmake.dataset.leakage import tell

Status = Literal["ok", "warn", "stop"]
GUESSED, KNOWN = 0.60, 0.70
"""AUC from which a class that follows from one property of the file is warned about, and stops."""
SURE = 3.5
"""Standard errors above chance that this takes: of data without any shortcut, one set in hundreds has it."""
PERFECT, ENOUGH = 0.95, 2.5
"""A nearly perfect AUC needs fewer, so that it is seen in ten cases."""
BINS = 10
PROPERTIES = {
    "width_px": "the width",
    "height_px": "the height",
    "shape": "the ratio of width to height",
    "metadata": "the format and metadata",
}


@dataclass(frozen=True)
class Guard:
    """What a guard found. count: pairs, patients or properties; detail: a sentence that names them."""

    guard: str
    status: Status
    count: int
    detail: str

    def allowed(self, allow: Collection[str]) -> Guard:
        """The same finding, as a warning where it is allowed."""
        if self.status != "stop" or self.guard not in allow:
            return self
        return Guard(self.guard, "warn", self.count, f"{self.detail} (allowed by divide.allow)")

    def row(self) -> dict[str, str]:
        """The guard as a row of guards.tsv."""
        return {"guard": self.guard, "status": self.status, "count": str(self.count), "detail": self.detail}


@dataclass(frozen=True)
class Member:
    """A case as the guards see it: its side is a fold, `test`, or empty for what is neither."""

    case: str
    group: str
    side: str
    classes: tuple[str, ...] = ()
    properties: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Pair:
    """Two cases with a picture in common. same: the very same pixels."""

    one: str
    other: str
    same: bool


def side_of(split: str, fold: int | None) -> str:
    """Where a case counts: in its fold, in the test set, or nowhere."""
    if split == "test":
        return "test"
    return "" if fold is None else f"fold {fold}"


def guard_patients(members: Iterable[Member]) -> Guard:
    """No patient may be on two sides."""
    sides: dict[str, dict[str, str]] = {}
    for member in members:
        if member.side:
            sides.setdefault(member.group, {}).setdefault(member.side, member.case)
    split = [
        f"'{group}' has " + " and ".join(f"{case} in {side}" for side, case in sorted(places.items()))
        for group, places in sorted(sides.items())
        if len(places) > 1
    ]
    if not split:
        return Guard("patients", "ok", 0, "every group (patient) is on one side")
    return Guard(
        "patients",
        "stop",
        len(split),
        f"a group (patient) is in two folds or in train and test: {tell(split)}",
    )


def guard_group(members: Sequence[Member], pictures: bool) -> Guard:
    """Somebody must have said whose pictures these are; of volumes a patient mostly has one."""
    if any(member.group != member.case for member in members):
        return Guard("group", "ok", 0, f"{len({member.group for member in members})} groups (patients)")
    if not pictures:
        return Guard("group", "ok", 0, "every volume is a group (patient) of its own")
    return Guard(
        "group",
        "warn",
        len(members),
        f"nobody says which of the {len(members)} images are of one patient: each counts as a patient of its "
        "own, and where one has several, scores are too good and intervals too narrow; fill the column group",
    )


def guard_duplicates(pairs: Sequence[Pair], members: Mapping[str, Member]) -> Guard:
    """No picture may be on two sides."""
    if not pairs:
        return Guard("duplicates", "ok", 0, "no image is found again on another side")
    same = sum(pair.same for pair in pairs)
    tested = sum("test" in (members[pair.one].side, members[pair.other].side) for pair in pairs)
    differ = sum(members[pair.one].classes != members[pair.other].classes for pair in pairs)
    named = [
        f"{pair.one} ({members[pair.one].side}) and {pair.other} ({members[pair.other].side})"
        for pair in gravest_first(pairs, members)
    ]
    parts = [
        f"{same} the very same" if same else "",
        f"{len(pairs) - same} nearly" if same < len(pairs) else "",
    ]
    contrary = f", {differ} pairs with different classes" if differ else ""
    return Guard(
        "duplicates",
        "stop",
        len(pairs),
        f"{len(pairs)} pairs of cases on two sides show one image ({' and '.join(filter(None, parts))}; "
        f"{tested} between train and test, {len(pairs) - tested} across folds{contrary}): {tell(named)}",
    )


def gravest_first(pairs: Iterable[Pair], members: Mapping[str, Member]) -> list[Pair]:
    """Pairs between train and test first, the very same before the nearly same, then by name."""

    def gravity(pair: Pair) -> tuple[bool, bool, str, str]:
        sides = members[pair.one].side, members[pair.other].side
        return "test" not in sides, not pair.same, pair.one, pair.other

    return sorted(pairs, key=gravity)


def guard_shortcut(members: Sequence[Member]) -> Guard:
    """A class must not follow from how large its image is, or from what its file says of itself."""
    known = [member for member in members if member.side.startswith("fold") and member.properties]
    found = [(*_foretold(known, name), name) for name in PROPERTIES]
    area, errors, class_, name = max(found)
    sure = errors >= SURE or (area >= PERFECT and errors >= ENOUGH)
    telling = sum(entry[0] >= GUESSED and entry[1] >= ENOUGH for entry in found)
    said = f"{PROPERTIES[name]} of an image alone tells the class"
    if area >= KNOWN and sure:
        detail = (
            f"{said} {class_} with a cross-validated AUC of {area:.2f}; a network will learn that instead"
        )
        return Guard("shortcut", "stop", telling, detail)
    if area >= GUESSED and sure:
        return Guard(
            "shortcut", "warn", telling, f"{said} {class_} somewhat (cross-validated AUC {area:.2f})"
        )
    return Guard("shortcut", "ok", 0, "neither size nor metadata of an image tell its class")


def _foretold(members: Sequence[Member], name: str) -> tuple[float, float, str]:
    """How well a property tells a class out of fold: AUC, standard errors above chance, the class."""
    bins = _binned([_value(member, name) for member in members])
    best = (0.5, 0.0, "")
    for class_ in sorted({kind for member in members for kind in member.classes}):
        truth = [class_ in member.classes for member in members]
        scores = _out_of_fold([member.side for member in members], bins, truth)
        positive, negative = sum(truth), len(truth) - sum(truth)
        if positive and negative:
            area = auc(scores, truth)
            spread = math.sqrt((positive + negative + 1) / (12 * positive * negative))
            best = max(best, (area, (area - 0.5) / spread, class_))
    return best


def _value(member: Member, name: str) -> str:
    values = member.properties or {}
    if name == "shape":
        return f"{float(values['width_px']) / max(1.0, float(values['height_px'])):.4f}"
    return values.get(name, "")


def _binned(values: Sequence[str]) -> list[str]:
    """Many different numbers by tenths of their distribution; other values as they are."""
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        return list(values)
    if len(set(numbers)) <= BINS:
        return list(values)
    ordered = sorted(numbers)
    edges = sorted({ordered[len(ordered) * part // BINS] for part in range(1, BINS)})
    return [str(sum(number >= edge for edge in edges)) for number in numbers]


def _out_of_fold(sides: Sequence[str], bins: Sequence[str], truth: Sequence[bool]) -> list[float]:
    """Share of the class among the rows of the other folds that have the same value."""
    total, hits = Counter(bins), Counter(value for value, true in zip(bins, truth, strict=True) if true)
    here: Counter[tuple[str, str]] = Counter(zip(sides, bins, strict=True))
    here_hits = Counter((side, value) for side, value, true in zip(sides, bins, truth, strict=True) if true)
    prior = sum(truth) / max(1, len(truth))
    return [
        (hits[value] - here_hits[side, value] + prior) / (total[value] - here[side, value] + 1)
        for side, value in zip(sides, bins, strict=True)
    ]


def auc(scores: Sequence[float], truth: Sequence[bool]) -> float:
    """Area under the ROC curve by ranks; ties count half (Mann and Whitney 1947). Both kinds must occur."""
    ranks: dict[float, float] = {}
    count = Counter(scores)
    passed = 0
    for score in sorted(count):
        ranks[score] = passed + (count[score] + 1) / 2
        passed += count[score]
    positive = sum(truth)
    total = sum(ranks[score] for score, true in zip(scores, truth, strict=True) if true)
    return (total - positive * (positive + 1) / 2) / (positive * (len(truth) - positive))
