import shutil
from pathlib import Path

import pytest
from audit_cases import CASES, WEIGHTS, Recipe, make_run

from segmake.audit.differences import Run, compare
from segmake.audit.listing import Chapter
from segmake.cli import main
from segmake.errors import InputError
from segmake.provenance import read_manifest
from segmake.seal import sealed
from segmake.tables import write_table


@pytest.fixture(scope="module")
def before(tmp_path_factory) -> Path:
    return make_run(tmp_path_factory.mktemp("run") / "before")


@pytest.fixture(scope="module")
def after(tmp_path_factory) -> Path:
    """Another learning rate, one case out, one in, one with other voxels, other scores and figures."""
    cases = {name: told for name, told in CASES.items() if name != "b"} | {"n": ("train", 0.5)}
    recipe = Recipe(
        cases=cases | {"a": ("train", 0.85)},
        voxels={"c": "another scan"},
        models={"unet": {"lr": 0.02}, "segres": {}},
        evaluate={"resamples": 60},
        plan={"batch": 4},
    )
    return make_run(tmp_path_factory.mktemp("run") / "after", recipe)


def told(first: Path, second: Path) -> dict[str, Chapter]:
    return {chapter.title: chapter for chapter in compare(Run(first), Run(second))}


def test_a_run_and_its_copy_are_the_same(before, tmp_path, capsys):
    copy = shutil.copytree(before, tmp_path / "copy")
    assert all(not chapter.lines and not chapter.missing for chapter in told(before, copy).values())
    assert main(["diff", str(before), str(copy)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split(maxsplit=1) for line in shown][:2] == [
        ["configuration", "the same"],
        ["data", "the same"],
    ]
    assert len(shown) == 7


def test_settings_of_what_both_have_run(before, after):
    lines = told(before, after)["configuration"].lines
    assert ("train segres", "not run", "run") in lines
    assert ("train unet: lr", "unset", "0.02") in lines
    assert ("summarize: resamples", "50", "60") in lines
    assert len(lines) == 3


def test_cases_by_their_voxels(before, after):
    lines = told(before, after)["data"].lines
    assert lines[:2] == [("b", "there", "removed"), ("n", "not there", "added")]
    assert [line[0] for line in lines[2:]] == ["c"]
    assert lines[2][3] == "changed"
    assert lines[2][1] != lines[2][2]


def test_the_plan_and_the_folds(before, after):
    lines = told(before, after)["plan"].lines
    assert ("batch", "2", "4") in lines
    assert lines[-1] == ("folds", "", "", "1 cases are in another fold: c")


def test_weights_of_trainings(before, after):
    lines = told(before, after)["models"].lines
    assert len(lines) == 4
    assert {line[0] for line in lines if line[1] == "none"} == {"train/segres/fold-0", "train/segres/fold-1"}


def test_scores_are_compared_on_shared_cases(before, after):
    lines = told(before, after)["scores"].lines
    found = {line[0]: tuple(line[1:]) for line in lines}
    assert found["dice of core (unet, train)"] == ("0.85", "0.875", "+0.025 on 2 shared")
    assert found["hd95 of core (unet, train)"] == ("1.5", "1.25", "-0.25 on 2 shared")
    assert "dice of core (unet, test)" not in found  # the same case, the same score
    assert found["dice of core (segres, train)"] == ("not scored", "3 scored")
    assert lines[0][0].startswith("dice")
    assert lines[-1][0].startswith("hd95")


@pytest.mark.parametrize(("noise", "word"), [(0.03, "within"), (0.02, "beyond")])
def test_a_change_is_held_against_seed_noise(before, after, tmp_path, noise, word):
    noisy = shutil.copytree(after, tmp_path / "noisy")
    row = {"split": "train", "label": "core", "metric": "dice", "seed_noise": noise}
    write_table(noisy / "evaluate/comparison.tsv", [row, row | {"seed_noise": ""}])
    lines = {line[0]: line for line in told(before, noisy)["scores"].lines}
    said = lines["dice of core (unet, train)"][3]
    assert said == f"+0.025 on 2 shared, {word} the seed noise of {noise}"
    assert "noise" not in lines["dice of rim (unet, train)"][3]


def test_figures_by_their_bytes(before, after):
    lines = told(before, after)["figures"].lines
    assert ("dice_unet", "", "", "differs") in lines
    assert ("dice_segres", "not drawn", "drawn") in lines
    assert not [line for line in lines if line[0] == "training_unet"]  # drawn from the same history


def test_versions_of_every_job(before, tmp_path):
    other = shutil.copytree(before, tmp_path / "other")
    path = other / "plan/plan.manifest.json"
    manifest = read_manifest(path)
    manifest["packages"]["numpy"] = "9.0"
    path.write_text(sealed(manifest))
    lines = told(before, other)["versions"].lines
    assert len(lines) == 1
    assert lines[0][0] == "numpy"
    assert "9.0" in lines[0][2]
    assert "," not in lines[0][1]
    assert len(lines[0][2].split(", ")) == 2


def test_a_partial_run_is_compared_as_far_as_it_goes(before, tmp_path, capsys):
    partial = shutil.copytree(before, tmp_path / "partial")
    for name in ("evaluate", "figures", "predict", "train", "plan"):
        shutil.rmtree(partial / name)
    found = told(before, partial)
    assert [found[name].missing for name in ("scores", "figures", "models", "plan")] == [
        "no scores in partial",
        "no figures in partial",
        "no trained models in partial",
        "no plan in partial",
    ]
    assert found["data"].lines == []
    assert ("plan", "run", "not run") in found["configuration"].lines
    assert main(["diff", str(before), str(partial)]) == 1
    shown = capsys.readouterr()
    assert shown.err == f"segmake: {before} and {partial} differ in configuration\n"
    assert "scores        no scores in partial\n" in shown.out
    assert told(partial, partial)["scores"].missing == "neither has scores"


def test_scores_of_classifiers(before, tmp_path):
    folders = []
    for name, value in (("one", 0.8), ("two", 0.9)):
        folder = shutil.copytree(before, tmp_path / name)
        row = {"level": "patient", "split": "test", "metric": "auroc", "class": "bad", "value": value}
        write_table(folder / "score/res/summary.tsv", [row, row | {"metric": "ece", "value": ""}])
        folders.append(folder)
    lines = told(*folders)["scores"].lines
    assert lines == [("auroc of bad (res, test)", "0.8", "0.9", "+0.1 on 1 shared")]


def test_what_is_no_run_is_explained(before, tmp_path):
    with pytest.raises(InputError, match="holds no manifest of segmake; give the workdir"):
        Run(tmp_path)
    assert main(["diff", str(before), str(tmp_path / "nowhere")]) == 2


def test_weights_are_those_at_the_end(before):
    assert set(Run(before).weights) == {"train/unet/fold-0", "train/unet/fold-1"}
    assert WEIGHTS["1"] not in Run(before).weights.values()
