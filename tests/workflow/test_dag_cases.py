"""What the DAG knows of its cases: folds per site and of one's own, and names that stay outside."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from experiment import CHANNELS, Experiment

from segmake.dataset.privacy import pseudonym, read_key
from segmake.plan import Plan
from segmake.tables import read_table, write_table

pytestmark = pytest.mark.workflow
Make = Callable[..., Experiment]
PLAN = "plan/plan.json"


def with_folds(experiment: Experiment, **plan: object) -> Experiment:
    """The experiment with other folds, of which no model names any."""
    kept = {name: value for name, value in experiment.config["plan"].items() if name != "folds"}
    train = {name: value for name, value in experiment.config["train"].items() if name != "folds"}
    return Experiment(experiment.folder, experiment.config | {"plan": kept | plan, "train": train})


def edit_sheet(experiment: Experiment, **columns: list[str]) -> list[str]:
    """Give the sheet's rows other values; the names of its training cases."""
    path = experiment.folder / "cases.tsv"
    rows = read_table(path)
    for number, row in enumerate(rows):
        row.update({name: values[number] for name, values in columns.items()})
    write_table(path, rows)
    return [row["case"] for row in rows if row["split"] == "train"]


def test_one_model_per_site(make_experiment: Make) -> None:
    experiment = with_folds(make_experiment(6), folds="leave-one-site-out")
    edit_sheet(experiment, site=["oslo", "oslo", "bonn", "rome", "bonn", "rome"])
    assert experiment.planned()["train"] == 3
    experiment.run(PLAN)
    plan = Plan.load(experiment.results / PLAN)
    assert plan.reasons["folds"].endswith("fold 0 bonn (2), fold 1 oslo (1), fold 2 rome (2).")
    edit_sheet(experiment, site=["oslo", "oslo", "bonn", "", "bonn", "rome"])
    done = experiment.run("-n", check=False)
    assert done.returncode == 2
    assert "needs a site for each case, but brats-003 have none" in done.stderr


def test_own_folds_are_read_and_editing_them_plans_again(make_experiment: Make) -> None:
    experiment = with_folds(make_experiment(6), splits="own.tsv")
    own = experiment.folder / "own.tsv"
    names = edit_sheet(experiment)
    write_table(own, [{"case": name, "fold": number % 3} for number, name in enumerate(names)])
    assert experiment.planned()["train"] == 3
    experiment.run(PLAN)
    assert list(Plan.load(experiment.results / PLAN).folds.values()) == [0, 1, 2, 0, 1]
    assert experiment.planned(PLAN) == {}
    write_table(own, [{"case": name, "fold": number % 2} for number, name in enumerate(names)])
    assert experiment.planned(PLAN) == {"plan": 1}
    assert experiment.planned()["train"] == 2
    own.unlink()
    done = experiment.run("-n", check=False)
    assert done.returncode == 2
    assert f"{own} does not exist" in done.stderr


def test_a_fold_that_is_not_there_is_one_sentence(make_experiment: Make) -> None:
    experiment = with_folds(make_experiment(6), folds="leave-one-site-out").changed(train={"folds": [2]})
    edit_sheet(experiment, site=["a", "a", "b", "a", "b", "b"])
    done = experiment.run("-n", check=False)
    assert done.returncode == 2
    assert "models.unet trains folds [2], but the plan has 2, numbered 0 to 1" in done.stderr


def rename_sources(experiment: Experiment) -> None:
    """Move the scans into a folder and under case names that tell who was scanned."""
    path = experiment.folder / "cases.tsv"
    rows = read_table(path)
    for number, row in enumerate(rows):
        row["case"] = row["group"] = f"Zwickelhuber_{number}"
        for column in (*CHANNELS, "label"):
            place = (
                experiment.folder / "Klinikum Hinterwald" / f"Rosalinde_{number}" / f"Rosl_{column}.nii.gz"
            )
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(row[column], place)
            row[column] = str(place)
    Path(rows[2]["t2"]).write_bytes(b"no scan")
    write_table(path, rows)


def test_names_of_patients_stay_outside_of_the_whole_results_folder(make_experiment: Make) -> None:
    experiment = make_experiment(6)
    rename_sources(experiment)
    own = [{"case": f"Zwickelhuber_{number}", "fold": number % 2} for number in range(1, 6)]
    write_table(experiment.folder / "own.tsv", own)
    key_file = experiment.folder / "safe" / "key"
    changes = {"convert": {"pseudonymise": "safe/key"}, "plan": {"splits": "own.tsv"}, "on_error": "exclude"}
    hidden = experiment.changed(**changes)
    hidden.run(PLAN)
    key = read_key(key_file)
    names = {pseudonym(key, "case", f"Zwickelhuber_{number}"): number for number in range(6)}
    folds = Plan.load(hidden.results / PLAN).folds
    assert {names[name]: fold for name, fold in folds.items()} == {1: 1, 3: 1, 4: 0, 5: 1}
    assert hidden.planned(PLAN) == {}
    for path in hidden.results.rglob("*"):
        for word in ("Zwickelhuber", "Hinterwald", "Rosl", "Rosalinde"):
            assert word not in str(path.relative_to(hidden.results))
            assert path.is_dir() or word.encode() not in path.read_bytes(), path
    inside = experiment.changed(convert={"pseudonymise": str(hidden.results / "key")}).run("-n", check=False)
    assert inside.returncode == 2
    assert "must name a key file outside the results" in inside.stderr


def test_a_key_beside_the_results_is_inside_them_with_another_directory(make_experiment: Make) -> None:
    experiment = make_experiment(4).changed(convert={"pseudonymise": "key"})
    done = experiment.run("-n", "--directory", str(experiment.folder), check=False)
    assert done.returncode == 2
    assert "must name a key file outside the results" in done.stderr
