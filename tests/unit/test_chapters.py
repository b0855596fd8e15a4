import numpy as np
import pytest
from plan_cases import small_plan

from segmake.errors import InputError
from segmake.figures.chapters import Look, Material, Views, chapters
from segmake.figures.page import Facts, Links, Note, Picture
from segmake.figures.passports import Passport
from segmake.figures.records import Score, Summary
from segmake.figures.sections import Failure

PLAN = small_plan(
    channels={"t1": "mr", "flair": "mr"},
    labels={"core": 1},
    regions={"whole": [1]},
    folds={"a": 0, "b": 0, "c": 1},
)
ORDER = ["summary", "failures", "data", "plan", "training", "scores", "examples", "run", "again"]


def case(name, label="x"):
    row = {"case": name, "split": "train", "group": name, "shape": "8x8x8", "spacing_mm": "1x1x1"}
    return row | {"orientation": "RAS", "label": label, "ml_core": "0.1"}


def dice(name, value, label="core", model="unet"):
    return Score(model, "train", "0", name, label, "dice", value, "ratio", "ok")


def mean_row(value, split="train"):
    return Summary("unet", split, "mean", "dice", "ratio", 2, 2, value, value, 0.1, 0.5, 0.9, 0, 0)


def views(model, name):
    mask = np.zeros((8, 8, 8), np.uint8)
    mask[2:5, 2:5, 2:5] = 1
    return Views(np.stack([np.ones(mask.shape), mask + 1.0]), mask, mask, (1.0, 1.0, 1.0))


def build(material, overlays=0, load=views):
    parts = chapters(material, Look(dpi=30, overlays=overlays), load, "1.0")
    return {part.key: list(part.blocks) for part in parts}


def captions(blocks):
    return [block.caption.split(" ")[0] for block in blocks if isinstance(block, Picture)]


def test_the_summary_comes_first_and_nothing_is_needed_but_a_plan():
    parts = build(Material(PLAN, []))
    assert list(parts) == ORDER
    assert all(parts.values())


def test_facts_count_cases_patients_failures_and_scores():
    material = Material(
        PLAN,
        [case("a"), case("b")],
        failed=[
            Failure("convert", "x", "r"),
            Failure("predict unet", "b", "r"),
            Failure("convert", "y", "r", excluded=True),
        ],
        scores=[dice("a", 0.5)],
        summaries=[mean_row(0.5), mean_row(0.75, "test")],
    )
    (facts,) = [block for block in build(material)["summary"] if isinstance(block, Facts)]
    assert facts.items == {
        "Cases": "4",
        "Patients": "2",
        "Failed": "2",
        "Excluded": "1",
        "Scored": "1",
        "Mean Dice, test, unet": "0.750",
        "Mean Dice, cross-validation, unet": "0.500",
    }


def test_the_passport_counts_what_was_found_and_leads_to_it():
    passports = [Passport("a", repairs=("4 voxels filled",)), Passport("b", repairs=("5 voxels filled",))]
    blocks = build(Material(PLAN, [], [Failure("convert", "x", "r")], passports))["data"]
    (links,) = [block for block in blocks if isinstance(block, Links)]
    assert links.items == {
        "Pictures and measures of every case": "quality.html",
        "Repaired: 2": "quality.html#repaired",
        "Failed or excluded: 1": "quality.html#lost",
    }
    (kinds,) = [block for block in blocks if getattr(block, "columns", [""])[0] == "Repairs"]
    assert kinds.rows == [["… voxels filled", "2", "a, b"]]


def test_a_case_without_score_is_explained():
    history = {("unet", "fold-0"): [{"step": 1.0, "loss": 1.0, "lr": 1.0}]}
    cases = [case("a"), case("b"), case("c"), case("d", label=""), case("e"), case("f")]
    material = Material(
        PLAN,
        cases,
        failed=[Failure("predict", "f", "r")],
        predicted={"unet": {"a", "b"}},
        scores=[dice("a", 0.5)],
        histories=history,
    )
    tables = [
        block for block in build(material)["failures"] if getattr(block, "columns", []) == ["Case", "Reason"]
    ]
    assert tables[0].rows == [
        ["b", "it was predicted, but evaluate did not score it"],
        ["c", "it is kept for validation in fold 1, which was not trained"],
        ["d", "it has no truth"],
        ["e", "it has no prediction"],
    ]


def test_worst_and_best_are_by_mean_dice_over_labels_without_overlap():
    scores = [dice(name, value) for name, value in (("a", 0.1), ("b", 0.9), ("c", 0.5))]
    scores.append(dice("b", 0.0, label="whole"))
    blocks = build(Material(PLAN, [], scores=scores), overlays=2)["examples"]
    pictures = [block for block in blocks if isinstance(block, Picture)]
    assert [(p.name, p.caption[0]) for p in pictures] == [
        ("worst-unet-1", "a"),
        ("worst-unet-2", "c"),
        ("best-unet-1", "b"),
    ]
    assert pictures[2].caption.startswith("b (fold 0): mean Dice 0.900 (core 0.900, whole 0.000).")
    assert all(picture.photo for picture in pictures)
    assert all(picture.caption.endswith("Channel flair, radiological view.") for picture in pictures)


def test_each_overlay_is_loaded_for_its_own_model_and_case():
    asked = []

    def load(model, name):
        asked.append((model, name))
        return views(model, name)

    scores = [dice("a", 0.1), dice("b", 0.2, model="segres")]
    build(Material(PLAN, [], scores=scores), overlays=1, load=load)
    assert asked == [("unet", "a"), ("segres", "b")]


def test_a_volume_that_cannot_be_read_is_told_not_fatal():
    def load(model, name):
        raise InputError("the file is gone")

    blocks = build(Material(PLAN, [], scores=[dice("a", 0.5)]), overlays=1, load=load)["examples"]
    assert any(isinstance(b, Note) and "the file is gone" in b.text for b in blocks)


@pytest.mark.parametrize("metrics", [("dice",), ("dice", "truth_ml", "prediction_ml")])
def test_volumes_are_compared_when_they_are_known(metrics):
    values = {"dice": 0.5, "truth_ml": 1.0, "prediction_ml": 2.0}
    scores = [Score("unet", "test", "", c, "core", m, values[m], "ml", "ok") for c in "ab" for m in metrics]
    names = [b.name for b in build(Material(PLAN, [], scores=scores))["scores"] if isinstance(b, Picture)]
    assert names == ["scores-test", "volumes-unet"][: 1 + (len(metrics) > 1)]


def test_a_training_figure_per_model():
    rows = [
        {"step": 1.0, "loss": 1.0, "lr": 0.1, "val_loss": 0.5},
        {"step": 2.0, "loss": 0.5, "lr": 0.1, "val_loss": 0.4},
    ]
    histories = {("unet", "fold-0"): rows, ("unet", "fold-1"): rows, ("segres", "fold-0"): rows}
    pictures = [
        b for b in build(Material(PLAN, [], histories=histories))["training"] if isinstance(b, Picture)
    ]
    assert [picture.name for picture in pictures] == ["training-unet", "training-segres"]
    assert "Dotted: loss on the validation cases" in pictures[0].caption
