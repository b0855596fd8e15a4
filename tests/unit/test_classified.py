"""The chapter on classification."""

from dataclasses import replace

from report_cases import branch, classifier, full, measured

from segmake.figures.classified import areas, classification, headline
from segmake.figures.material import Classifier, Material
from segmake.figures.page import Facts, Note, Picture, Table
from segmake.figures.records import NOTHING


def table(blocks, words):
    (found,) = [b for b in blocks if isinstance(b, Table) and b.caption.startswith(words)]
    return found


def test_the_headline_is_of_patients_and_has_intervals():
    test, train = headline([classifier()], "95%")
    assert test.columns == ["Class", "Classifier", "AUC", "Sensitivity", "Patients"]
    assert test.rows == [["bad", "resnet", ("0.800", "[0.700, 0.900]"), ("0.750", NOTHING), "7"]]
    assert test.caption.startswith("Test cases")
    assert train.rows == [["bad", "resnet", (NOTHING, NOTHING), "7"]]


def test_without_patients_the_next_level_is_taken():
    one = Classifier("x", [measured("auroc", "0.6", level="patch"), measured("ap", "0.5", level="lesion")])
    (found,) = headline([one], "95%")
    assert "per lesion" in found.caption
    assert found.columns[2] == "Average precision"


def test_of_several_classes_the_mean_is_told_and_of_several_classifiers_the_best():
    several = Classifier(
        "many", [measured("auroc", "0.9", kind="c1"), measured("auroc", "0.7", kind="macro")]
    )
    assert areas([several]) == [("many", several.summary[1])]
    best = areas([classifier("a", "0.6"), classifier("b", "0.85")])
    assert [(name, row["value"]) for name, row in best] == [("b", "0.85")]


def test_patches_are_counted_by_class_and_split():
    found = table(classification(full()), "Patches by class")
    assert found.rows == [["bad", "train", "1", "1", "3"], ["good", "train", "1", "1", "2"]]


def test_guards_figures_rule_metrics_and_confusion_are_there():
    blocks = classification(full())
    assert table(blocks, "Are the folds").rows == [["patients", "fine", "0", "no patient is in two folds"]]
    assert [b.name for b in blocks if isinstance(b, Picture)] == ["roc_resnet"]
    (rule,) = [b for b in blocks if isinstance(b, Facts)]
    assert rule.items == {
        "Positive class": "bad",
        "Patches become one by": "mean",
        "Temperature": "1.250",
        "Threshold per patient": "0.400 (youden)",
    }
    every = table(blocks, "Every metric of resnet")
    assert every.rows[0] == ["bad", "patient", "test", "AUC", ("0.800", "[0.700, 0.900]"), "9", "7", "ok"]
    assert every.rows[3][-1] == "no_positives"
    assert table(blocks, "Confusion of resnet per patient").rows == [
        ["bad", "good", "all together", "test", "2"]
    ]


def test_classifiers_are_compared_where_there_are_several():
    row = {"level": "patient", "split": "test", "class": "bad", "classifier": "a", "other": "b"}
    row |= {"units": "9", "patients": "7", "auroc": "0.8", "auroc_other": "0.7", "difference": "0.1"}
    row |= {"ci_low": "-0.1", "ci_high": "0.3", "z": "1", "p": "0.3", "p_holm": "0.31", "verdict": "open"}
    blocks = classification(replace(full(), branch=branch(comparison=[row])))
    found = table(blocks, "Pairs of classifiers")
    assert found.rows == [
        [
            "bad",
            "patient",
            "test",
            "a",
            "b",
            "7",
            "0.800",
            "0.700",
            ("0.100", "[-0.100, 0.300]"),
            "0.31",
            "open",
        ]
    ]


def test_trainings_stand_with_the_patches():
    history = {("resnet", "fold-0"): [{"step": 5.0, "loss": 0.5, "minutes": 2.0}]}
    blocks = classification(replace(full(), branch=branch(histories=history)))
    assert table(blocks, "Training runs").rows == [["resnet", "fold-0", "5", "2.0", "0.500"]]


def test_without_the_branch_there_is_no_chapter():
    assert classification(Material()) == []
    assert headline([], "95%") == []
    assert not [b for b in classification(full()) if isinstance(b, Note) and b.kind == "warning"]
