"""classify: who may see whom, what a row says, cases without patches, maps on request, single pictures."""

import json

import numpy as np
import pytest
from patch_cases import CLASSES, classifier, fold_table, picture, slice_table
from PIL import Image

from segmake.classification import ClassifyJob
from segmake.cli import main
from segmake.errors import InputError
from segmake.learning.classifier import DEVIATION
from segmake.stages import classify
from segmake.tables import read_table

TRUST = "patch_cases.Brightness"
UNIT = 1 / (255 * DEVIATION)
"""Logit of one grey value of contrast."""


@pytest.fixture
def world(tmp_path):
    """Two folds that add 1 and 3 to the logit; a training case of each, a test case, an empty one."""
    cases = [
        {"case": "a", "class": "malignant", "patches": [picture(50), picture(100)], "lesions": ["1", "2"]},
        {"case": "b", "class": "benign", "patches": [picture(0)], "classes": ["benign"]},
        {"case": "t", "class": "malignant", "patches": [picture(20)], "split": "test"},
        {"case": "empty", "class": "malignant", "split": "test"},
        {"case": "stray", "class": "benign", "patches": [picture(0)]},
    ]
    table = slice_table(tmp_path / "slice", cases)
    folds = fold_table(tmp_path / "folds.tsv", {"a": 0, "b": 1, "t": None, "empty": None, "stray": 2})
    models = [
        classifier(tmp_path / "fit/x/fold-0/model.pt", 0, ["b", "stray"], shift=1.0),
        classifier(tmp_path / "fit/x/fold-1/model.pt", 1, ["a", "stray"], shift=3.0),
    ]
    base = {"table": table, "folds": folds, "model": models, "trust": TRUST, "precision": "fp32"}

    def run(**more):
        job = ClassifyJob(**base | {"output": tmp_path / "classify/shard-00.tsv"} | more)
        classify.run(job)
        return {(row["case"], row["patch"]): row for row in read_table(job.target)}

    return run


def logit(row):
    return float(row["logit_malignant"]) - float(row["logit_benign"])


def test_training_cases_are_seen_by_the_fold_that_kept_them_and_others_by_all(world):
    rows = world()
    assert logit(rows["a", "0"]) == pytest.approx(50 * UNIT + 1, abs=1e-4)
    assert logit(rows["a", "1"]) == pytest.approx(100 * UNIT + 1, abs=1e-4)
    assert logit(rows["b", "0"]) == pytest.approx(3, abs=1e-4)
    assert logit(rows["t", "0"]) == pytest.approx(20 * UNIT + 2, abs=1e-4)
    assert ("stray", "0") not in rows


def test_a_row_says_whose_patch_it_is_and_where(world):
    row = world()["a", "1"]
    told = {name: row[name] for name in ("group", "split", "fold", "lesion", "class", "case_class", "head")}
    assert told == {
        "group": "a",
        "split": "train",
        "fold": "0",
        "lesion": "2",
        "class": "malignant",
        "case_class": "malignant",
        "head": "softmax",
    }
    assert [float(row[name]) for name in ("x_mm", "y_mm", "z_mm")] == [10, 5, -3]
    assert row["diameter_mm"] == row["uncertainty"] == ""


def test_a_case_without_patches_has_a_row(world):
    row = world()["empty", ""]
    assert (row["logit_benign"], row["logit_malignant"], row["case_class"], row["fold"]) == (
        "",
        "",
        "malignant",
        "",
    )


def test_folds_that_disagree_make_an_uncertainty(world):
    rows = world()
    p, q = (1 / (1 + np.exp(-(20 * UNIT + shift))) for shift in (1, 3))
    mean = (p + q) / 2

    def entropy(x):
        return -(x * np.log2(x) + (1 - x) * np.log2(1 - x))

    expected = entropy(mean) - (entropy(p) + entropy(q)) / 2
    assert float(rows["t", "0"]["uncertainty"]) == pytest.approx(expected, rel=1e-3)


def test_mirrored_rows_cancel_what_depends_on_up_and_down(world, tmp_path):
    models = [
        classifier(tmp_path / "m0.pt", 0, ["b"], 1.0, flip=["y"]),
        classifier(tmp_path / "m1.pt", 1, ["a"], 3.0, flip=["y"]),
    ]
    rows = world(model=models, mirror=True)
    assert logit(rows["a", "1"]) == pytest.approx(1, abs=1e-4)


def test_random_dropout_needs_some_and_gives_an_uncertainty_out_of_fold_too(world, tmp_path):
    models = [
        classifier(tmp_path / f"m{fold}.pt", fold, [other], options={"p": 0.5})
        for fold, other in enumerate("ba")
    ]
    rows = world(model=models, samples=8)
    assert float(rows["a", "1"]["uncertainty"]) > 0
    assert world(model=models, samples=8)["a", "1"] == rows["a", "1"]


def test_batches_change_nothing(world, monkeypatch):
    whole = world()
    monkeypatch.setitem(classify.AT_ONCE, "cpu", 1)
    assert world() == whole


def test_maps_are_drawn_of_the_most_certain_wrong_and_right_patches(world, tmp_path):
    world(explain=2, occlusion=True)
    folder = tmp_path / "classify/explain/shard-00"
    assert sorted(path.name for path in folder.iterdir()) == ["a_1.png", "b_0.png"]
    with Image.open(folder / "a_1.png") as drawn:
        assert drawn.width > 2.5 * drawn.height * 0.8
    world(explain=1)
    assert [path.name for path in folder.iterdir()] == ["b_0.png"] or len(list(folder.iterdir())) == 1
    world()
    assert not folder.exists()


def test_a_shard_without_cases_leaves_a_table_that_names_its_columns(world, tmp_path):
    world(table=slice_table(tmp_path / "none", []))
    header = (tmp_path / "classify/shard-00.tsv").read_text(encoding="utf-8").split("\n")[0].split("\t")
    assert {"case", "patch", "logit_benign", "logit_malignant", "uncertainty", "diameter_mm"} <= set(header)


def test_models_of_two_kinds_and_patches_of_another_shape_are_explained(world, tmp_path):
    other = classifier(tmp_path / "other.pt", 1, classes=["a", "b", "c"])
    first = classifier(tmp_path / "first.pt", 0)
    with pytest.raises(InputError, match="differ in classes, channels or size of their patches"):
        world(model=[first, other])
    with pytest.raises(InputError, match="at least one --model"):
        world(model=[])
    wide = slice_table(
        tmp_path / "wide", [{"case": "t", "patches": [picture(0, channels=3)], "split": "test"}]
    )
    with pytest.raises(InputError, match=r"t.b2nd holds patches of shape \(3, 16, 16\), but the models take"):
        world(table=wide)


def decision(path, **changes):
    told = {"classes": CLASSES, "positive": "malignant", "sigmoid": False, "temperature": [2.0]}
    told |= {"levels": {"patch": {"threshold": [0.9, 0.1], "chosen": ["youden"] * 2}}}
    path.write_text(json.dumps(told | {"patches": 9, "patients": 9} | changes), encoding="utf-8")
    return path


def test_a_single_picture_has_a_calibrated_probability(tmp_path, capsys):
    model = classifier(tmp_path / "model.pt", 0, shift=-2.0)
    Image.fromarray(picture(100)[0]).save(tmp_path / "x.png")
    words = ["classify", "--model", str(model), "--image", str(tmp_path / "x.png"), "--trust", TRUST]
    words += ["--precision", "fp32"]
    assert main([*words, "--decision", str(decision(tmp_path / "decision.json"))]) == 0
    said = capsys.readouterr().out
    chance = 1 / (1 + np.exp(-(100 * UNIT - 2) / 2))
    assert f"p_malignant {chance:.4f}" in said
    assert said.strip().endswith("decision malignant")  # 0.43 is above the threshold of 0.1
    assert main([*words, "--output", str(tmp_path / "out.tsv")]) == 0
    (row,) = read_table(tmp_path / "out.tsv")
    assert row["decision"] == "benign"
    assert float(row["p_malignant"]) == pytest.approx(1 / (1 + np.exp(-(100 * UNIT - 2))), abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"classes": ["x", "malignant"]}, "is about x, malignant, the models about benign, malignant"),
        ({"temperature": None}, "cannot be read"),
        ({"levels": 3}, "cannot be read"),
        ({"positive": "other"}, "cannot be read"),
    ],
)
def test_a_decision_of_something_else_is_explained(tmp_path, changes, sentence):
    model = classifier(tmp_path / "model.pt", 0)
    Image.fromarray(picture(100)[0]).save(tmp_path / "x.png")
    job = ClassifyJob(
        model=[model],
        image=[tmp_path / "x.png"],
        decision=decision(tmp_path / "decision.json", **changes),
        trust=TRUST,
    )
    with pytest.raises(InputError, match=sentence):
        classify.run(job)


@pytest.mark.parametrize("words", [[], ["--table", "t.tsv"], ["--table", "t.tsv", "--image", "x.png"]])
def test_half_of_what_is_needed_is_explained(words, capsys):
    assert main(["classify", "--model", "m.pt", *words]) == 2
    assert "classify takes --table with --folds, or else --image" in capsys.readouterr().err


def test_a_table_needs_an_output(capsys):
    assert main(["classify", "--model", "m.pt", "--table", "t.tsv", "--folds", "f.tsv"]) == 2
    assert "classify writes to --output; give it" in capsys.readouterr().err
