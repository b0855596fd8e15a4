"""The summary in words."""

from dataclasses import replace

import pytest
from report_cases import PLAN, branch, case, classifier, full, mean_dice

from segmake.figures.material import Material
from segmake.figures.page import Facts, Note, Table
from segmake.figures.sections import Failure
from segmake.figures.verdict import doubts, facts, summary


def said(material, kind):
    return [b.text for b in summary(material, "95%") if isinstance(b, Note) and b.kind == kind]


def test_it_says_how_good_and_how_sure_test_cases_first():
    assert said(full(), "verdict") == [
        "unet reaches a mean Dice of 0.700 on the test cases (95% interval 0.500 to 0.900; 40 patients, "
        "40 cases).",
        "unet reaches a mean Dice of 0.500 in cross-validation (95% interval 0.500 to 0.900; 2 patients, "
        "2 cases).",
        "resnet reaches an area under the ROC curve of 0.800 for bad per patient on the test cases "
        "(95% interval 0.700 to 0.900; 7 patients).",
        "No case failed.",
    ]


def test_of_several_models_the_best_is_named():
    material = Material(plan=PLAN, summaries=[mean_dice(0.4), mean_dice(0.6, model="segres")])
    (told,) = said(material, "verdict")
    assert told.startswith("segres, the best of 2 models, reaches a mean Dice of 0.600")


def test_an_interval_that_nobody_knows_is_not_made_up():
    material = Material(plan=PLAN, summaries=[mean_dice(0.4, low=float("nan"), high=float("nan"))])
    assert "(no interval: too few patients; 2 patients" in said(material, "verdict")[0]


@pytest.mark.parametrize(
    ("names", "words"),
    [("x", "1 case failed (convert) and is not"), ("xy", "2 cases failed (convert) and are not")],
)
def test_what_failed_is_counted(names, words):
    failed = [Failure("convert", name, "r") for name in names]
    failed.append(Failure("convert", "z", "r", excluded=True))
    (told,) = said(Material(failed=failed), "verdict")
    assert told == f"{words} in the scores."


def test_few_patients_a_missing_test_and_untrained_folds_are_doubts():
    material = Material(
        plan=PLAN,
        summaries=[mean_dice(0.5)],
        histories={("unet", "fold-0"): []},
    )
    few, test, folds = doubts(material)
    assert few.startswith("2 patients in cross-validation: the intervals say how these patients vary")
    assert test.startswith("No case was kept for a test")
    assert folds.startswith("1 of 2 folds were trained")


def test_many_patients_and_a_test_leave_no_doubt():
    means = [mean_dice(0.5, patients=30), mean_dice(0.5, "test", patients=31)]
    assert doubts(Material(plan=PLAN, summaries=means)) == []


def test_a_guard_that_warns_is_a_doubt():
    guards = [{"guard": "shortcut", "status": "warn", "count": "1", "detail": "size tells class"}]
    (told,) = doubts(Material(branch=branch(guards=guards)))
    assert "warn (shortcut)" in told
    assert doubts(Material(branch=branch())) == []


def test_facts_count_each_case_and_patient_once_over_both_branches():
    material = replace(
        full(),
        cases=[case("a", group="p"), case("b", group="p")],
        failed=[Failure("convert", "x", "r"), Failure("predict", "b", "r"), Failure("c", "y", "r", True)],
        branch=branch(sliced=[case("a", group="p", patches="3"), case("d", patches="2")]),
    )
    assert facts(material).items == {
        "Cases": "5",
        "Patients": "2",
        "Failed": "2",
        "Excluded": "1",
        "Scored": "2",
        "Patches": "5",
    }


def test_the_headline_tables_of_both_branches_stand_below_the_facts():
    kinds = [type(block) for block in summary(full(), "95%")]
    assert kinds.index(Facts) < kinds.index(Table)
    captions = [b.caption for b in summary(full(), "95%") if isinstance(b, Table)]
    assert [caption.split(",")[-1] for caption in captions if "per patient" in caption] == [
        " per patient: value [95% interval over patients]"
    ] * 2
    alone = Material(branch=branch(classifiers=[classifier()]))
    assert not any("No case has been scored" in text for text in said(alone, "warning"))


def test_who_is_named_as_the_best_was_chosen_by_the_scores():
    means = [
        mean_dice(0.5, patients=40, model=name, split=split) for name in "ab" for split in ("test", "train")
    ]
    assert doubts(Material(plan=PLAN, summaries=means)) == [
        "The best of 2 is named above by these very scores, which makes its own a little too good."
    ]
    two = branch(classifiers=[classifier("a"), classifier("b")])
    assert len(doubts(Material(branch=two))) == 1
