"""Which chapters a run has, in which order, and which figures stand in them."""

from dataclasses import replace

import pytest
from report_cases import PLAN, branch, case, drawn, full, score

from segmake.figures.chapters import chapters, unscored
from segmake.figures.material import Branch, Material
from segmake.figures.page import Links, Note, Picture, Table
from segmake.figures.passports import Passport
from segmake.figures.sections import Failure

VOLUMES = ["summary", "failures", "data", "plan", "training", "scores", "examples"]
ENDS = ["methods", "standards", "run"]


def build(material):
    return {part.key: list(part.blocks) for part in chapters(material, "1.0")}


def pictures(blocks):
    return [block.name for block in blocks if isinstance(block, Picture)]


@pytest.mark.parametrize(
    ("material", "keys"),
    [
        (Material(plan=PLAN), [*VOLUMES, *ENDS]),
        (Material(branch=branch()), ["summary", "failures", "classification", *ENDS]),
        (full(), [*VOLUMES, "classification", *ENDS]),
        (Material(), ["summary", "failures", *ENDS]),
    ],
    ids=["volumes", "images", "both", "nothing"],
)
def test_a_run_has_the_chapters_of_its_branches_the_summary_first(material, keys):
    parts = build(material)
    assert list(parts) == keys
    assert all(parts.values())


def test_models_and_subgroups_are_a_chapter_where_there_is_something_to_compare():
    parts = build(replace(full(), drawn=[drawn("subgroups_unet", "subgroups")]))
    assert pictures(parts["models"]) == ["subgroups_unet"]
    assert list(parts).index("models") == list(parts).index("scores") + 1


def test_each_figure_stands_in_its_chapter():
    parts = build(full())
    found = {key: pictures(blocks) for key, blocks in parts.items() if pictures(blocks)}
    assert found == {
        "training": ["training_unet"],
        "scores": ["dice_train"],
        "examples": ["example_unet_worst-1"],
        "classification": ["roc_resnet"],
    }


def test_the_passport_counts_what_was_found_and_leads_to_it():
    passports = [Passport("a", repairs=("4 voxels filled",)), Passport("b", repairs=("5 voxels filled",))]
    failed = [Failure("convert", "x", "r")]
    blocks = build(Material(plan=PLAN, failed=failed, passports=passports))["data"]
    (links,) = [block for block in blocks if isinstance(block, Links)]
    assert links.items == {
        "Pictures and measures of every case": "quality.html",
        "Repaired: 2": "quality.html#repaired",
        "Failed or excluded: 1": "quality.html#lost",
    }
    (kinds,) = [block for block in blocks if getattr(block, "columns", [""])[0] == "Repairs"]
    assert kinds.rows == [["… voxels filled", "2", "a, b"]]


def test_a_case_without_score_is_explained():
    material = Material(
        plan=PLAN,
        cases=[case("a"), case("b"), case("c"), case("d", label=""), case("e"), case("f")],
        failed=[Failure("predict", "f", "r")],
        predicted={"unet": {"a", "b"}},
        scores=[score("a", 0.5)],
        histories={("unet", "fold-0"): [{"step": 1.0, "loss": 1.0, "lr": 1.0}]},
    )
    assert unscored(material) == {
        "b": "it was predicted, but evaluate did not score it",
        "c": "it is kept for validation in fold 1, which was not trained",
        "d": "it has no truth",
        "e": "it has no prediction",
    }
    assert unscored(Material(branch=Branch(), cases=[case("a")])) == {}


def test_what_is_missing_is_said():
    parts = build(Material(plan=PLAN))
    for key, words in (("training", "No training"), ("scores", "No case"), ("examples", "No case")):
        (note,) = parts[key]
        assert isinstance(note, Note)
        assert note.text.startswith(words)


def test_failed_cases_lead_to_what_is_known_of_them():
    material = replace(full(), failed=[Failure("predict unet", "b", "no memory")])
    tables = [block for block in build(material)["failures"] if isinstance(block, Table)]
    assert tables[0].rows[0][0].address == "cases/001.html#case-2"
