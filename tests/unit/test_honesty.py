"""Guards: every planted leak is caught, and what is honest passes."""

import numpy as np
import pytest

from segmake.dataset.honesty import (
    Guard,
    Member,
    Pair,
    auc,
    gravest_first,
    guard_duplicates,
    guard_group,
    guard_patients,
    guard_shortcut,
    side_of,
)


def member(number: int, class_: str, group: str = "", side: str = "", **properties: object) -> Member:
    known = {"width_px": "100", "height_px": "100", "metadata": "PNG, 8 bit, grey"}
    known |= {name: str(value) for name, value in properties.items()}
    name = f"case-{number:03d}"
    return Member(name, group or name, side or f"fold {number % 5}", (class_,), known)


def balanced(count: int, **properties: object) -> list[Member]:
    """Cases of two classes; a property given as a function depends on number and class."""
    made = []
    for number in range(count):
        class_ = "ab"[number // 5 % 2]
        own = {k: v(number, class_) if callable(v) else v for k, v in properties.items()}
        made.append(member(number, class_, **own))
    return made


def test_sides() -> None:
    assert [side_of("train", 2), side_of("test", None), side_of("new", None)] == ["fold 2", "test", ""]


def test_a_patient_on_two_sides_stops() -> None:
    assert guard_patients([member(0, "a", "p"), member(5, "b", "p")]).status == "ok"
    folds = guard_patients([member(0, "a", "p"), member(1, "b", "p"), member(2, "a", "q")])
    assert (folds.status, folds.count) == ("stop", 1)
    assert "'p' has case-000 in fold 0 and case-001 in fold 1" in folds.detail
    tested = guard_patients([member(0, "a", "p"), member(1, "b", "p", "test")])
    assert "case-000 in fold 0 and case-001 in test" in tested.detail
    unused = Member("new", "p", "")
    assert guard_patients([member(0, "a", "p"), unused]).status == "ok"


def test_pictures_without_patients_are_warned_about() -> None:
    alone = [member(number, "a") for number in range(3)]
    assert guard_group(alone, pictures=True).status == "warn"
    assert "nobody says which of the 3 images are of one patient" in guard_group(alone, pictures=True).detail
    assert guard_group(alone, pictures=False).status == "ok"
    known = [*alone, member(7, "b", "p")]
    assert guard_group(known, pictures=True) == Guard("group", "ok", 0, "4 groups (patients)")


def test_copies_stop_and_are_named_the_gravest_first() -> None:
    members = {
        m.case: m for m in (member(0, "a"), member(1, "a"), member(2, "b"), member(3, "a", side="test"))
    }
    pairs = [
        Pair("case-000", "case-001", same=True),
        Pair("case-000", "case-002", same=False),
        Pair("case-002", "case-003", same=False),
    ]
    assert [pair.other for pair in gravest_first(pairs, members)] == ["case-003", "case-001", "case-002"]
    guard = guard_duplicates(pairs, members)
    assert (guard.status, guard.count) == ("stop", 3)
    assert "1 the very same and 2 nearly; 1 between train and test, 2 across folds" in guard.detail
    assert "2 pairs with different classes" in guard.detail
    assert guard.detail.index("case-003 (test)") < guard.detail.index("case-001 (fold 1)")
    assert guard_duplicates([], members).status == "ok"


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({"width_px": lambda _, c: 512 if c == "a" else 500}, "the width"),
        ({"height_px": lambda n, c: 300 + n % 7 + (200 if c == "b" else 0)}, "the "),
        ({"metadata": lambda _, c: "DICOM, 16 bit, Maker " + c}, "the format and metadata"),
        (
            {
                "width_px": lambda n, _: 100 + 7 * n,
                "height_px": lambda n, c: (100 + 7 * n) * (2 if c == "a" else 1),
            },
            "the ratio of width to height",
        ),
    ],
)
@pytest.mark.parametrize("count", [20, 200])
def test_a_planted_shortcut_stops(properties: dict[str, object], said: str, count: int) -> None:
    guard = guard_shortcut(balanced(count, **properties))
    assert guard.status == "stop", guard.detail
    assert said in guard.detail
    assert "tells the class" in guard.detail


def test_a_weak_shortcut_warns() -> None:
    rng = np.random.default_rng(0)
    weak = balanced(400, width_px=lambda _, c: 512 if rng.random() < (0.65 if c == "a" else 0.35) else 256)
    guard = guard_shortcut(weak)
    assert guard.status == "warn"
    assert 0.6 < float(guard.detail.rpartition("AUC ")[2].rstrip(")")) < 0.7


def test_what_does_not_tell_the_class_is_no_shortcut() -> None:
    assert guard_shortcut(balanced(100)).status == "ok"
    rng = np.random.default_rng(1)
    for _ in range(20):
        noise = balanced(
            60,
            width_px=lambda *_: int(rng.integers(200, 900)),
            height_px=lambda *_: int(rng.integers(200, 900)),
            metadata=lambda *_: f"PNG, maker {rng.integers(0, 3)}",
        )
        assert guard_shortcut(noise).status == "ok"
    assert guard_shortcut([]).status == "ok"
    assert (
        guard_shortcut(balanced(8, width_px=lambda n, _: n)).status == "ok"
    )  # every size once: learned by heart


def test_test_cases_are_not_looked_at_for_shortcuts() -> None:
    cases = [member(n, "ab"[n % 2], side="test", width_px=100 + n % 2) for n in range(60)]
    assert guard_shortcut(cases).status == "ok"


def test_what_stops_can_be_allowed_by_name() -> None:
    guard = Guard("shortcut", "stop", 1, "it tells")
    assert guard.allowed(["duplicates"]) == guard
    allowed = guard.allowed(["shortcut"])
    assert (allowed.status, allowed.detail) == ("warn", "it tells (allowed by divide.allow)")
    assert Guard("group", "ok", 0, "").allowed(["group"]).status == "ok"
    assert guard.row() == {"guard": "shortcut", "status": "stop", "count": "1", "detail": "it tells"}


def test_auc_by_ranks_equals_counting_pairs() -> None:
    rng = np.random.default_rng(2)
    scores, truth = rng.integers(0, 6, 80) / 5, rng.random(80) < 0.4
    wins = [(p > n) + 0.5 * (p == n) for p in scores[truth] for n in scores[~truth]]
    assert auc(scores.tolist(), truth.tolist()) == pytest.approx(np.mean(wins))
    assert auc([0.1, 0.9], [False, True]) == 1.0
