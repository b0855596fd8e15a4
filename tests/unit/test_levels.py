"""Patches, lesions and patients of a few rows that can be counted by hand."""

import numpy as np
import pytest
from scipy.special import logit
from score_cases import patch_row

from segmake.errors import InputError
from segmake.metrics.classification.levels import Patches, Task, levels
from segmake.metrics.classification.temperature import probabilities


def chance(p):
    """Logits of benign and malignant with this probability of malignant."""
    return (0.0, float(logit(p)))


def seen(rows, positive="", patch_how="mean", lesion_how="max"):
    patches = Patches.of(rows, positive)
    scale = np.ones(len(patches.task.classes) if patches.task.sigmoid else 1)
    found = levels(patches, probabilities(patches.logits, scale, patches.task.sigmoid), patch_how, lesion_how)
    return {level.name: level for level in found}


def malignant(level):
    return dict(zip(level.columns["group"], np.round(level.probability[:, 1], 6).tolist(), strict=True))


def test_patches_of_a_lesion_are_averaged_and_the_largest_lesion_stands_for_the_patient():
    rows = [
        patch_row("a", "malignant", chance(0.9), lesion="1", patch="0"),
        patch_row("a", "malignant", chance(0.5), lesion="1", patch="1"),
        patch_row("a", "benign", chance(0.2), lesion="2", patch="2"),
        patch_row("b", "benign", chance(0.1), lesion="1", patch="0"),
    ]
    found = seen(rows)
    assert list(found) == ["patch", "lesion", "patient"]
    assert found["lesion"].probability[:, 1] == pytest.approx([0.7, 0.2, 0.1])
    assert found["lesion"].truth[:, 1].tolist() == [True, False, False]
    assert found["lesion"].columns["lesion"] == ["1", "2", "1"]
    assert malignant(found["patient"]) == pytest.approx({"a": 0.7, "b": 0.1})
    assert found["patient"].truth[:, 1].tolist() == [True, False]
    assert found["patient"].columns["case"] == ["a", "b"]
    assert found["patient"].columns["lesion"][0] == ""
    noisy = seen(rows, lesion_how="noisy-or")["patient"]
    assert malignant(noisy)["a"] == pytest.approx(1 - 0.3 * 0.8)


def test_images_without_lesions_go_straight_to_the_patient():
    rows = [
        patch_row("a", "malignant", chance(0.9), case="a1"),
        patch_row("a", "malignant", chance(0.5), case="a2"),
    ]
    found = seen(rows)
    assert list(found) == ["patch", "patient"]
    assert malignant(found["patient"]) == pytest.approx({"a": 0.7})
    assert found["patient"].columns["case"] == [""]


def test_a_patient_in_whom_nothing_was_found_is_surely_negative_and_counts():
    rows = [
        patch_row("missed", "", None, case_class="malignant"),
        patch_row("clean", "", None, case_class="benign"),
        patch_row("seen", "malignant", chance(0.8), lesion="1"),
    ]
    found = seen(rows)
    assert len(found["patch"].truth) == len(found["lesion"].truth) == 1
    assert malignant(found["patient"]) == {"missed": 0.0, "clean": 0.0, "seen": 0.8}
    assert found["patient"].truth.tolist() == [[False, True], [True, False], [False, True]]
    assert found["patient"].known.all()
    other = seen(rows, positive="benign")["patient"]
    assert other.probability[0].tolist() == [0.0, 1.0]


def test_an_empty_case_says_nothing_where_another_case_of_the_patient_has_patches():
    rows = [
        patch_row("a", "malignant", chance(0.8), case="a1", lesion="1"),
        patch_row("a", "", None, case="a2", case_class="malignant"),
    ]
    found = seen(rows, lesion_how="mean")
    assert malignant(found["patient"]) == pytest.approx({"a": 0.8})


def test_what_the_case_is_said_to_have_counts_and_not_what_was_found_in_it():
    rows = [patch_row("a", "benign", chance(0.4), lesion="1", case_class="malignant")]
    found = seen(rows)
    assert found["lesion"].truth[:, 1].tolist() == [False]
    assert found["patient"].truth[:, 1].tolist() == [True]


def test_rows_of_unknown_class_and_new_cases_are_not_known():
    rows = [
        patch_row("a", "", chance(0.4)),
        patch_row("b", "malignant", chance(0.4), split="new"),
        patch_row("c", "something else", chance(0.4)),
    ]
    found = seen(rows)
    assert found["patch"].known.tolist() == [False, False, False]
    assert found["patient"].known.tolist() == [False, False, False]


def sigmoid_rows():
    logits = {"effusion": 2.0, "nodule": -2.0}
    more = {"head": "sigmoid"}
    return [
        patch_row("a", "effusion|nodule", logits, case="a1", **more),
        patch_row("a", "none", {"effusion": -2.0, "nodule": -3.0}, case="a2", **more),
        patch_row("b", "", logits, **more),
        patch_row("c", "", None, **more) | {"logit_effusion": "", "logit_nodule": ""},
    ]


def test_classes_that_do_not_exclude_each_other_may_all_be_absent():
    rows = [
        {k: v for k, v in row.items() if "benign" not in k and "malig" not in k} for row in sigmoid_rows()
    ]
    found = seen(rows, patch_how="max")
    assert found["patch"].truth.tolist() == [[True, True], [False, False], [False, False]]
    assert found["patch"].known.all()
    patient = found["patient"]
    assert patient.truth.tolist() == [[True, True], [False, False], [False, False]]
    assert patient.probability[0] == pytest.approx([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))])
    assert patient.probability[2].tolist() == [0, 0]


def test_the_task_is_read_from_the_rows():
    row = patch_row("a", "benign", (0.0, 1.0))
    task = Task.of([row], "")
    assert (task.classes, task.positive, task.binary, task.judged) == (("benign", "malignant"), 1, True, [1])
    assert Task.of([row], "benign").judged == [0]
    three = patch_row("a", "x", {"x": 0.0, "y": 1.0, "z": 1.0})
    assert Task.of([three], "").judged == [0, 1, 2]


def test_no_rows_and_a_class_that_is_not_there_are_explained():
    with pytest.raises(InputError, match="no class probabilities; run slice, fit and classify"):
        Patches.of([], "")
    with pytest.raises(InputError, match=r"score\.positive is 'malign', but the classes are benign"):
        Patches.of([patch_row("a", "benign", (0.0, 1.0))], "malign")
