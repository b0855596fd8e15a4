"""Post-processing is chosen where it helps, and each case is cleaned by what others chose."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from plan_cases import small_plan
from scan_cases import grid, write

from segmake.errors import InputError
from segmake.jobs import PostprocessJob, TuneJob
from segmake.postprocessing import Recipe, Step, read_recipe
from segmake.stages import postprocess, tune
from segmake.tables import read_table, write_table
from segmake.volume.volume import Array

AFFINE = grid("LPS", (1, 2, 2.5), 15)


def truth_of(number: int) -> Array:
    labels = np.zeros((14, 12, 10), np.uint8)
    labels[3:8, 3:7, 2 : 5 + number % 3] = 1
    labels[9:11, 2:4, 2:4] = 2
    return labels


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """24 training cases in two folds, predicted with specks of label 1 far from it, and a test case."""
    convert, predict = [], []
    for number in range(25):
        labels = truth_of(number)
        write(tmp_path / "convert" / f"c{number:02}_label.nii.gz", labels, AFFINE)
        labels[0, 0, 0] = labels[13, 11, 9] = 1
        write(tmp_path / "predict" / f"c{number:02}.nii.gz", labels, AFFINE)
        case, split = f"c{number:02}", "train" if number < 24 else "test"
        shared = {"case": case, "status": "ok", "split": split, "key": case, "sha256": case}
        convert.append(shared | {"label": f"{case}_label.nii.gz", "group": case})
        fold = str(number % 2) if number < 24 else ""
        predict.append(shared | {"path": f"{case}.nii.gz", "fold": fold, "models": "1"})
    write_table(tmp_path / "convert" / "shard-00.tsv", convert)
    write_table(tmp_path / "predict" / "shard-00.tsv", predict)
    small_plan().save(tmp_path / "plan.json")
    return tmp_path


def chosen(folder: Path, **settings: object) -> Recipe:
    job = TuneJob(
        tables=[folder / "convert" / "shard-00.tsv"],
        predictions=[folder / "predict" / "shard-00.tsv"],
        plan=folder / "plan.json",
        output=folder / "recipe.json",
        **settings,
    )
    tune.run(job)
    return read_recipe(job.output)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_helps_is_chosen_on_all_and_on_all_but_each_fold(study: Path, threads: int) -> None:
    recipe = chosen(study, candidates=["largest", "holes"], threads=threads)
    step = Step(label="core", kind="largest")
    assert recipe.steps == [step]
    assert recipe.folds == {"0": [step], "1": [step]}
    told = {(entry.label, entry.kind): entry for entry in recipe.evidence}
    assert set(told) == {(label, kind) for label in ("core", "rim") for kind in ("largest", "holes")}
    first = told["core", "largest"]
    sizes = [(truth_of(number) == 1).sum() for number in range(24)]
    expected = np.mean([1 - 2 * size / (2 * size + 2) for size in sizes])
    assert first.gain == pytest.approx(expected, abs=1e-6)
    assert first.taken
    assert first.patients == 24
    assert not told["rim", "largest"].taken


def test_nothing_is_chosen_where_nothing_is_tried_or_predicted(study: Path) -> None:
    assert chosen(study).steps == []
    write_table(study / "predict" / "shard-00.tsv", [], ["case", "status", "path", "fold"])
    recipe = chosen(study, candidates=["largest"])
    assert (recipe.steps, recipe.folds) == ([], {})


def clean(folder: Path, recipe: Recipe) -> list[dict[str, str]]:
    (folder / "recipe.json").write_text(recipe.model_dump_json())
    output = folder / "postprocess" / "shard-00.tsv"
    postprocess.run(
        PostprocessJob(
            predictions=folder / "predict" / "shard-00.tsv",
            recipe=folder / "recipe.json",
            plan=folder / "plan.json",
            output=output,
        )
    )
    return read_table(output)


def voxels(folder: Path, case: str) -> Array:
    return np.asarray(nib.load(folder / "postprocess" / f"{case}.nii.gz").dataobj)


def test_each_case_is_cleaned_by_the_steps_of_its_fold(study: Path) -> None:
    step = Step(label="core", kind="largest")
    rows = clean(study, Recipe(steps=[step], folds={"0": [], "1": [step]}))
    assert (voxels(study, "c00") == 1).sum() == (truth_of(0) == 1).sum() + 2
    assert np.array_equal(voxels(study, "c01"), truth_of(1))
    assert np.array_equal(voxels(study, "c24"), truth_of(24))  # a test case: what all chose
    assert {"split": "test", "fold": "", "models": "1"}.items() <= rows[-1].items()
    source, made = (nib.load(study / name / "c01.nii.gz") for name in ("predict", "postprocess"))
    assert np.array_equal(source.affine, made.affine)


def test_only_cases_whose_steps_change_are_done_again(study: Path) -> None:
    step = Step(label="core", kind="largest")
    clean(study, Recipe(steps=[step], folds={"0": [], "1": []}))
    stamps = {path.name: path.stat().st_mtime_ns for path in (study / "postprocess").glob("*.json")}
    clean(study, Recipe(steps=[step], folds={"0": [step], "1": []}))
    changed = {name for name, at in stamps.items() if (study / "postprocess" / name).stat().st_mtime_ns != at}
    assert changed == {f"c{number:02}.json" for number in range(0, 24, 2)}


def test_a_damaged_recipe_is_explained(study: Path) -> None:
    (study / "recipe.json").write_text('{"steps": 3}')
    with pytest.raises(InputError, match=r"recipe\.json is no recipe of segmake tune"):
        read_recipe(study / "recipe.json")
